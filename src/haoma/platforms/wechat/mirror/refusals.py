"""WeChat's codes that no other scene covers: the call, WeChat's message, and the error that haoma must return.

The codes are repeated here and not read from ``refusals.toml``. A scene that took its expected outcome from the table
under test would agree with every mistake in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from haoma.platforms.base.mirroring import Scene

_APPS: Final = {
    "check": "wechat-checked",
    "cloud": "wechat-cloud",
    "secured": "wechat-secured",
    "merchant": "wechat-merchant",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code of WeChat in the answer of one call.

    Attributes:
        place: The call that answers it, or ``button``.
        errcode: The code.
        errmsg: WeChat's message for it.
        expect: The error that haoma must return.
    """

    place: str
    errcode: int
    errmsg: str
    expect: str

    @property
    def name(self) -> str:
        """Name of the scene."""
        code = "busy" if self.errcode == -1 else f"{'errno' if self.place == 'button' else 'errcode'}-{self.errcode}"
        return f"{code}-{self.place}"

    @property
    def app(self) -> str:
        """Name of the app. Each refusal of a token has an app of its own, because that app never gets a token."""
        return f"wechat-{self.name}" if self.place in ("token", "component") else _APPS.get(self.place, "wechat")

    @property
    def scene(self) -> Scene:
        """The scene."""
        facts = {"code": self.errcode, "says": self.errmsg}
        return Scene(self.name, self.expect, self.app, f"refused-{self.place}", facts)


_CREDENTIALS: Final = "platform.credentials-rejected"
_TOKEN: Final = "platform.token-rejected"  # noqa: S105 - the name of an error
_REQUEST: Final = "platform.request-rejected"
_PERMISSION: Final = "platform.permission-missing"
_ADDRESS: Final = "platform.ip-not-allowed"
_SECURITY: Final = "platform.security-mode-mismatch"
_LOGIN: Final = "platform.login-code-rejected"
_PRIVACY: Final = "platform.privacy-not-declared"

REFUSALS: Final = (
    Refusal("token", -1, "system error", "platform.busy"),
    Refusal("token", 40001, "invalid credential", _CREDENTIALS),
    Refusal("token", 40002, "invalid grant_type", _REQUEST),
    Refusal("token", 40013, "invalid appid", _CREDENTIALS),
    Refusal("token", 40125, "invalid appsecret", _CREDENTIALS),
    Refusal("token", 41004, "appsecret missing", _CREDENTIALS),
    Refusal("token", 50004, "forbidden to use the token interface", _PERMISSION),
    Refusal("token", 50007, "account frozen", _CREDENTIALS),
    Refusal("token", 61024, "must use api(api_component_token) to get token for component acct",
            "platform.wrong-token-kind"),
    Refusal("token", 89501, "ip waits for the confirmation of an administrator", _ADDRESS),
    Refusal("token", 89503, "the call needs the confirmation of an administrator", _ADDRESS),
    Refusal("token", 89506, "ip refused twice, not within 24 hours", _ADDRESS),
    Refusal("token", 89507, "ip refused, not within an hour", _ADDRESS),
    Refusal("login", 40001, "invalid credential", _CREDENTIALS),
    Refusal("login", 40013, "invalid appid", _CREDENTIALS),
    Refusal("login", 40029, "invalid code", _LOGIN),
    Refusal("login", 40163, "code been used", _LOGIN),
    Refusal("login", 40226, "code blocked", "platform.user-blocked"),
    Refusal("phone", 40014, "invalid access_token", _TOKEN),
    Refusal("phone", 42001, "access_token expired", _TOKEN),
    Refusal("phone", 41001, "access_token missing", _REQUEST),
    Refusal("phone", 40163, "code been used", "platform.code-rejected"),
    Refusal("phone", 43002, "require POST method", _REQUEST),
    Refusal("phone", 44002, "empty post data", _REQUEST),
    Refusal("phone", 45009, "reach max api daily quota limit", "platform.quota-exhausted"),
    Refusal("phone", 47001, "data format error", _REQUEST),
    Refusal("phone", 48001, "api unauthorized", _PERMISSION),
    Refusal("check", -1, "system error", "platform.busy"),
    Refusal("check", 40097, "invalid args", _REQUEST),
    Refusal("cloud", 85088, "no cloud environment", _PERMISSION),
    Refusal("cloud", 85112, "cloud environment not found", _PERMISSION),
    Refusal("secured", 40230, "missing Wechatmp-Serial", _SECURITY),
    Refusal("secured", 40231, "missing Wechatmp-TimeStamp", _SECURITY),
    Refusal("secured", 40232, "missing Wechatmp-Signature", _SECURITY),
    Refusal("secured", 40233, "missing Wechatmp-Appid", _SECURITY),
    Refusal("secured", 40235, "invalid encrypted data", _SECURITY),
    Refusal("secured", 40236, "invalid Wechatmp-Appid", _SECURITY),
    Refusal("secured", 40237, "appid and access_token do not match", _SECURITY),
    Refusal("secured", 40238, "no symmetric key set", _SECURITY),
    Refusal("secured", 40239, "no public key set", _SECURITY),
    Refusal("secured", 40240, "invalid Wechatmp-TimeStamp", _SECURITY),
    Refusal("component", -1, "system error", "platform.busy"),
    Refusal("component", 40013, "invalid appid", _CREDENTIALS),
    Refusal("component", 40125, "invalid appsecret", _CREDENTIALS),
    Refusal("component", 41018, "component_appid missing", _REQUEST),
    Refusal("component", 61004, "access clientip is not registered", _ADDRESS),
    Refusal("component", 61005, "component ticket is expired", _TOKEN),
    Refusal("component", 61006, "component ticket is invalid", _CREDENTIALS),
    Refusal("component", 61011, "invalid component", _CREDENTIALS),
    Refusal("merchant", 48001, "api unauthorized", _PERMISSION),
    Refusal("merchant", 61003, "component is not authorized by this account", _PERMISSION),
    Refusal("merchant", 61004, "access clientip is not registered", _ADDRESS),
    Refusal("merchant", 61007, "api is unauthorized to component", _PERMISSION),
    Refusal("button", 102, "fail no permission", _PERMISSION),
    Refusal("button", 103, "fail privacy permission is not authorized", _PRIVACY),
    Refusal("button", 104, "fail privacy permission is not authorized", _PRIVACY),
    Refusal("button", 112, "fail api scope is not declared in the privacy agreement", _PRIVACY),
    Refusal("button", 1400001, "fail no quota", "platform.quota-exhausted"),
)  # fmt: skip
