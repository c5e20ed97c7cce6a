// Written by tools/front_end.py from src/haoma/words/front_end.toml; edit that.
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
