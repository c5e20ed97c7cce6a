declare namespace Api {
  interface Code2Session {
    openid: string
    session_key: string
    unionid?: string
  }
  interface Login {
    sid: string
  }
}
