"""The scenes of the simulated WeChat, and the apps that they use."""

from __future__ import annotations

from typing import Any, Final

from haoma.platforms.base.mirroring import Scene
from haoma.platforms.wechat.mirror.refusals import REFUSALS

OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"
_NOT_GRANTED: Final = "platform.permission-missing"

_NAMED: Final[tuple[Scene, ...]] = (
    Scene("ok", "用户允许，code 换到手机号", "The user allows; the code gives the number", OK, "wechat"),
    Scene("overseas", "用户的号码是香港号码", "The user's number is in Hong Kong", OK, "wechat"),
    Scene("denied", "用户点了拒绝", "The user denies", "envelope.user-declined", "wechat"),
    Scene("expired-code", "用户在授权弹窗停留超过五分钟，code 已过期",
          "The user lingered for more than five minutes, and the code expired", "platform.code-rejected", "wechat"),
    Scene("used-code", "code 已被别处用掉", "The code was used elsewhere before", "platform.code-rejected", "wechat"),
    Scene("login-code-sent-as-phone-code", "前端把 wx.login 的 code 当成手机号 code 提交",
          "The front end sends the code of wx.login as the phone code", "platform.code-rejected", "wechat"),
    Scene("other-apps-code", "code 来自另一个小程序", "The code was issued to another mini program",
          "platform.app-mismatch", "wechat"),
    Scene("other-users-code", "code 属于另一个用户，与登录的 openid 不符",
          "The code belongs to another user than the one who is logged in", "platform.refused", "wechat"),
    Scene("stale-token", "access_token 刚被别处刷新，换新后重试成功",
          "The access_token was just refreshed elsewhere; a new one makes it work", OK, "wechat-stale"),
    Scene("token-war", "另一个进程不停地刷新 access_token", "Another process keeps refreshing the access_token",
          "platform.token-rejected", "wechat-war"),
    Scene("busy", "微信一直返回系统繁忙（-1）", "WeChat is busy (-1), and stays so", _OUTCOME, "wechat"),
    Scene("rate-limit", "本分钟调用次数超限（45011）", "Too many calls in this minute (45011)",
          "platform.rate-limited", "wechat"),
    Scene("ip-not-allowed", "服务器的出口 IP 不在白名单（40164）",
          "The server's address is not on the allow list (40164)", "platform.ip-not-allowed", "wechat-ip"),
    Scene("frozen-secret", "AppSecret 已被冻结（40243）", "The AppSecret is frozen (40243)",
          "platform.secret-frozen", "wechat-frozen"),
    Scene("slow", "微信收到 code 后不再回应", "WeChat takes the code and does not answer", _OUTCOME, "wechat"),
    Scene("reset-after-consumed", "code 已被消费，返回前连接被重置；重试得到 40029，结果仍然未知",
          "The code is consumed, then the connection is reset; a retry gets 40029, and still nobody knows",
          _OUTCOME, "wechat"),
    Scene("garbage-reply", "中间的代理返回一张 HTML 页面", "A proxy in between answers with an HTML page",
          "outside.nonsense-reply", "wechat"),
    Scene("realtime", "实时验证组件（getRealtimePhoneNumber）的 code", "The code of the realtime component",
          OK, "wechat"),
    Scene("cloud-ok", "云托管：请求经由边车，不带 access_token",
          "Cloud Run: the request goes by the sidecar, without a token", OK, "wechat-cloud"),
    Scene("cloud-path-not-listed", "云托管：接口路径没有加入白名单，边车返回 502",
          "Cloud Run: the path is not on the list of the console, and the sidecar answers 502",
          "platform.permission-missing", "wechat-cloud"),
    Scene("secured", "API 安全模式：请求加密签名，应答验签后解密",
          "API security mode: the request is sealed and signed, the reply verified and opened", OK, "wechat-secured"),
    Scene("secured-forged-reply", "API 安全模式：应答的签名不是微信的",
          "API security mode: another key signed the reply", "trust.reply-signature-mismatch", "wechat-secured"),
    Scene("secured-plain-reply", "API 安全模式：成功的应答没有加密和签名",
          "API security mode: a success comes plain, without a signature",
          "trust.reply-signature-mismatch", "wechat-secured"),
    Scene("secured-key-changed", "API 安全模式：控制台里的公钥换过了（40234）",
          "API security mode: the public key in the console is another one (40234)",
          "platform.security-mode-mismatch", "wechat-secured"),
    Scene("component-no-ticket", "第三方平台：还没有收到 component_verify_ticket",
          "Third-party platform: no component_verify_ticket has come yet",
          "platform.token-rejected", "wechat-component"),
    Scene("component-old-push", "第三方平台：十分钟以前的推送被人重放，不可信，仍然没有 ticket",
          "Third-party platform: a push of ten minutes ago is replayed; it is not believed, and there is no ticket",
          "platform.token-rejected", "wechat-component"),
    Scene("component-ok", "第三方平台：微信推送 ticket，之后用商家的令牌换到手机号",
          "Third-party platform: WeChat pushes a ticket; the merchant's token gives the number",
          OK, "wechat-merchant"),
    Scene("component-older-ticket", "第三方平台：更早的 ticket 又推送一次，不替换新的",
          "Third-party platform: an older ticket is pushed once more, and does not replace the newer one",
          OK, "wechat-merchant"),
    Scene("component-granted", "第三方平台：商家刚刚授权，微信推送授权码，haoma 换取令牌",
          "Third-party platform: the merchant has just granted; WeChat pushes the code, haoma exchanges it",
          OK, "wechat-granting"),
    Scene("component-restarted", "第三方平台：重启之后没有刷新令牌，向微信查询",
          "Third-party platform: after a restart there is no refresh token, and WeChat is asked for it",
          OK, "wechat-restarted"),
    Scene("component-granted-again", "第三方平台：商家曾重新授权，配置里的刷新令牌已失效（61023），向微信查询",
          "Third-party platform: the merchant granted anew, the refresh token of the settings is dead (61023), and "
          "WeChat is asked for the new one", OK, "wechat-granted-again"),
    Scene("component-dead-grant", "第三方平台：刷新令牌失效（61023），微信也没有给出新的",
          "Third-party platform: the refresh token is dead (61023), and WeChat tells no other",
          "platform.credentials-rejected", "wechat-dead-grant"),
    Scene("component-never-granted", "第三方平台：商家刚授权，授权码还没有换取，微信不给出刷新令牌",
          "Third-party platform: no refresh token in the settings, and WeChat tells none, because the code of the "
          "grant was never exchanged", _NOT_GRANTED, "wechat-no-grant"),
    Scene("component-left", "第三方平台：商家取消了授权（61003）",
          "Third-party platform: the merchant took its grant back (61003)", _NOT_GRANTED, "wechat-left"),
    Scene("component-left-login", "第三方平台：商家取消了授权，不能代它登录（61003）",
          "Third-party platform: the merchant took its grant back, so no login either (61003)",
          _NOT_GRANTED, "wechat-left"),
    Scene("sealed-ok", "session_key 方式：session_key 解密成功", "session_key flow: opened with the session_key", OK,
          "wechat-sealed"),
    Scene("sealed-data-off", "只收到 encryptedData，而应用不接受加密数据",
          "Only encryptedData arrives, and the app does not accept encrypted data", "envelope.encrypted-data-off",
          "wechat"),
    Scene("sealed-stale-session-key", "session_key 方式：数据由早已失效的 session_key 加密",
          "session_key flow: sealed with a session_key that is long gone", _SHUT, "wechat-sealed"),
    Scene("sealed-foreign-watermark", "session_key 方式：水印里是另一个小程序的 AppID",
          "session_key flow: the watermark names another mini program", _SHUT, "wechat-sealed"),
    Scene("sealed-old-watermark", "session_key 方式：水印时间是一小时以前",
          "session_key flow: the watermark is an hour old",
          _SHUT, "wechat-sealed"),
    Scene("sealed-bit-flips", "session_key 方式：密文被改动一位",
          "session_key flow: a bit of the ciphertext is flipped",
          _SHUT, "wechat-sealed"),
    Scene("sealed-checked", "session_key 方式：先由微信核对密文（checkencryptedmsg），再解密",
          "session_key flow: WeChat confirms the ciphertext (checkencryptedmsg) before it is opened", OK,
          "wechat-checked"),
    Scene("sealed-forged", "session_key 方式：攻击者用泄露的 session_key 伪造号码，微信核对不通过",
          "session_key flow: forged with a leaked session_key; WeChat does not know the ciphertext", _SHUT,
          "wechat-checked"),
)  # fmt: skip
SCENES: Final = (*_NAMED, *(refusal.scene for refusal in REFUSALS))
REFUSED: Final = {refusal.app: refusal for refusal in REFUSALS if refusal.place in ("token", "component")}
"""The refusals of apps for which every call is refused, by app."""

MERCHANTS: Final = (
    "wechat-merchant",
    "wechat-granting",
    "wechat-restarted",
    "wechat-granted-again",
    "wechat-dead-grant",
    "wechat-no-grant",
    "wechat-left",
)
"""Apps of one third-party platform."""

SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "wechat": {},
    "wechat-stale": {},
    "wechat-war": {"token": "plain"},
    "wechat-ip": {},
    "wechat-frozen": {},
    "wechat-cloud": {"token": "cloud"},
    "wechat-secured": {},
    "wechat-component": {},
    **{name: {} for name in (*MERCHANTS, *REFUSED)},
    "wechat-sealed": {"accept_encrypted_data": True},
    "wechat-checked": {"accept_encrypted_data": True, "check_encrypted_message": True},
}
