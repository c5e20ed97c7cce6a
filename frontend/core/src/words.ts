// Written by tools/front_end.py from src/haoma/words/front_end.toml and phone_entry.toml; edit those.
export const WORDS = {
  label: ["手机号码一键登录", "Continue with phone number"],
  busy: ["请稍候…", "One moment…"],
  again: ["重试", "Try again"],
  denied: ["没有获得授权，可以再点一次", "The number was not shared. You can tap again"],
  privacy: ["请先同意隐私保护指引，再点一次", "Please agree to the privacy guideline, then tap again"],
  platform: ["暂时不能获取手机号，请用其他方式填写", "Not available now. Please use another way"],
  network: ["网络不通，请稍后重试", "No connection. Please try again"],
  server: ["暂时无法完成，请稍后再试", "This did not work. Please try later"],
  unsupported: ["当前版本不能获取手机号，请用其他方式填写", "Not available in this version. Please use another way"],
}
export const ENTRY = {
  number: ["手机号", "Phone number"],
  code: ["短信验证码", "Code from the message"],
  send: ["获取验证码", "Send code"],
  resend: ["重新获取", "Send again"],
  wait: ["{seconds} 秒后重发", "Again in {seconds} s"],
  sent: ["验证码已发送，请查看短信", "The code is on its way. Please see your messages"],
  use: ["用这个号码", "Use this number"],
}
