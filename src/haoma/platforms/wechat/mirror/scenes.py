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
    Scene("ok", OK, "wechat"),
    Scene("overseas", OK, "wechat"),
    Scene("denied", "envelope.user-declined", "wechat"),
    Scene("expired-code", "platform.code-rejected", "wechat"),
    Scene("used-code", "platform.code-rejected", "wechat"),
    Scene("login-code-sent-as-phone-code", "platform.code-rejected", "wechat"),
    Scene("other-apps-code", "platform.app-mismatch", "wechat"),
    Scene("other-users-code", "platform.refused", "wechat"),
    Scene("stale-token", OK, "wechat-stale"),
    Scene("token-war", "platform.token-rejected", "wechat-war"),
    Scene("busy", _OUTCOME, "wechat"),
    Scene("rate-limit", "platform.rate-limited", "wechat"),
    Scene("ip-not-allowed", "platform.ip-not-allowed", "wechat-ip"),
    Scene("frozen-secret", "platform.secret-frozen", "wechat-frozen"),
    Scene("slow", _OUTCOME, "wechat"),
    Scene("reset-after-consumed", _OUTCOME, "wechat"),
    Scene("garbage-reply", "outside.nonsense-reply", "wechat"),
    Scene("realtime", OK, "wechat"),
    Scene("game", OK, "wechat"),
    Scene("game-realtime", OK, "wechat"),
    Scene("game-not-tapped", "envelope.button-failed", "wechat"),
    Scene("pays-nothing", OK, "wechat-free"),
    Scene("overseas-subject", OK, "wechat-abroad"),
    Scene("overseas-subject-not-opened", "platform.permission-missing", "wechat-abroad"),
    Scene("cloud-ok", OK, "wechat-cloud"),
    Scene("cloud-path-not-listed", "platform.permission-missing", "wechat-cloud"),
    Scene("secured", OK, "wechat-secured"),
    Scene("secured-forged-reply", "trust.reply-signature-mismatch", "wechat-secured"),
    Scene("secured-plain-reply", "trust.reply-signature-mismatch", "wechat-secured"),
    Scene("secured-key-changed", "platform.security-mode-mismatch", "wechat-secured"),
    Scene("component-no-ticket", "platform.token-rejected", "wechat-component"),
    Scene("component-old-push", "platform.token-rejected", "wechat-component"),
    Scene("component-ok", OK, "wechat-merchant"),
    Scene("component-package", OK, "wechat-package"),
    Scene("component-older-ticket", OK, "wechat-merchant"),
    Scene("component-granted", OK, "wechat-granting"),
    Scene("component-restarted", OK, "wechat-restarted"),
    Scene("component-granted-again", OK, "wechat-granted-again"),
    Scene("component-dead-grant", "platform.credentials-rejected", "wechat-dead-grant"),
    Scene("component-never-granted", _NOT_GRANTED, "wechat-no-grant"),
    Scene("component-left", _NOT_GRANTED, "wechat-left"),
    Scene("component-left-login", _NOT_GRANTED, "wechat-left"),
    Scene("sealed-ok", OK, "wechat-sealed"),
    Scene("sealed-data-off", "envelope.encrypted-data-off", "wechat"),
    Scene("sealed-stale-session-key", _SHUT, "wechat-sealed"),
    Scene("sealed-foreign-watermark", _SHUT, "wechat-sealed"),
    Scene("sealed-old-watermark", _SHUT, "wechat-sealed"),
    Scene("sealed-bit-flips", _SHUT, "wechat-sealed"),
    Scene("sealed-checked", OK, "wechat-checked"),
    Scene("sealed-forged", _SHUT, "wechat-checked"),
)
SCENES: Final = (*_NAMED, *(refusal.scene for refusal in REFUSALS))
REFUSED: Final = {refusal.app: refusal for refusal in REFUSALS if refusal.place in ("token", "component")}
"""The refusals of apps for which every call is refused, by app."""

GAMES: Final = frozenset({"game", "game-realtime"})
"""Scenes that a mini game plays, which calls ``wx.getPhoneNumber``."""

UNOPENED: Final = frozenset({"overseas-subject-not-opened"})
NO_PERMISSION: Final = "errno-102-button"
"""What the button says to those for whom the component is not open. WeChat documents no code for overseas subjects."""

FREE: Final = ("wechat-free", "wechat-abroad")
"""Apps that pay nothing, and have no packages: of a public hospital or a school; of an overseas subject."""

ASSIGNED: Final = ("wechat-package",)
"""Apps to which a service provider assigns packages."""

MERCHANTS: Final = (
    "wechat-merchant",
    "wechat-package",
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
    "wechat-free": {},
    "wechat-abroad": {},
    "wechat-secured": {},
    "wechat-component": {},
    **{name: {} for name in (*MERCHANTS, *REFUSED)},
    "wechat-sealed": {"accept_encrypted_data": True},
    "wechat-checked": {"accept_encrypted_data": True, "check_encrypted_message": True},
}
