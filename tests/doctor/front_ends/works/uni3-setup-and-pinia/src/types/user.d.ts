export interface UserInfo {
  token: string
  nickname: string
  mobile?: string
}
