// 本地缓存的键名
export const STORAGE = {
  SESSION_KEY: 'my_session_id',
  USER: 'user_info'
}
