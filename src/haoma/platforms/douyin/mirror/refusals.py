"""Douyin's codes that no other scene covers: the call, Douyin's message, and the error that haoma must return.

The codes are repeated here and not read from ``refusals.toml``. A scene that took its expected outcome from the table
under test would agree with every mistake in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from haoma.platforms.base.mirroring import Scene

_PLACES: Final = {
    "token": ("获取 client_token", "No client_token"),
    "login": ("登录", "The login"),
    "phone": ("换取手机号", "The phone code"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code of Douyin in the answer of one call.

    Attributes:
        place: The call that answers it.
        err_no: The code.
        words: Douyin's message for it.
        en: The same in English.
        expect: The error that haoma must return.
    """

    place: str
    err_no: int
    words: str
    en: str
    expect: str

    @property
    def name(self) -> str:
        """Name of the scene."""
        if self.place == "token":  # its answers have an ``error_code``
            return f"errcode-{self.err_no}-token"
        return f"err-no-{self.err_no if self.err_no > 0 else f'minus-{-self.err_no}'}"

    @property
    def app(self) -> str:
        """Name of the app. Each refusal of a token has an app of its own, because that app never gets a token."""
        return f"douyin-{self.name}" if self.place == "token" else "douyin"

    @property
    def scene(self) -> Scene:
        """The scene."""
        zh, en = _PLACES[self.place]
        lines = f"{zh}：{self.words}（{self.err_no}）", f"{en}: {self.en} ({self.err_no})"
        return Scene(self.name, *lines, self.expect, self.app)


_PERMISSION: Final = "platform.permission-missing"
_REQUEST: Final = "platform.request-rejected"
_TOKEN: Final = "platform.token-rejected"  # noqa: S105 - the name of an error
_CREDENTIALS: Final = "platform.credentials-rejected"
_LIMIT: Final = "platform.rate-limited"
_BLOCKED: Final = "platform.user-blocked"
_OUTCOME: Final = "outside.outcome-unknown"

REFUSALS: Final = (
    Refusal("token", 10002, "参数错误", "a parameter is wrong", _REQUEST),
    Refusal("token", 10003, "client_key 不存在", "there is no such client_key", _CREDENTIALS),
    Refusal("token", 10020, "获取过于频繁", "fetched too often", _LIMIT),
    Refusal("login", 40014, "bad parameters", "bad parameters", _REQUEST),
    Refusal("login", 40015, "bad appid", "bad appid", _CREDENTIALS),
    Refusal("login", 40017, "bad secret", "bad secret", _CREDENTIALS),
    Refusal("login", 40019, "bad anonymous code", "bad anonymous code", "platform.login-code-rejected"),
    Refusal("phone", 28001003, "access_token 无效", "the access_token is not valid", _TOKEN),
    Refusal("phone", 2190008, "access_token 过期", "the access_token has expired, an older code", _TOKEN),
    Refusal("phone", 28001015, "access_token 与 openId 不匹配", "access_token and openId do not match",
            "platform.wrong-token-kind"),
    Refusal("phone", 28001006, "网络调用错误，请重试", "a network fault, and it stays", _OUTCOME),
    Refusal("phone", -1, "系统错误", "a system error, and it stays", _OUTCOME),
    Refusal("phone", 28001052, "存在异常风险", "there is a risk", _LIMIT),
    Refusal("phone", 28001007, "参数不合法", "a parameter is not valid", _REQUEST),
    Refusal("phone", 28001012, "用户未授权", "the user has not authorized it",
            "platform.user-not-authorized"),
    Refusal("phone", 28001014, "应用未授权任何能力", "the app has no ability", _PERMISSION),
    Refusal("phone", 28001016, "应用已被封禁或下线", "the app is banned or offline", _PERMISSION),
    Refusal("phone", 28001019, "该能力已被封禁或下线", "the ability is banned or offline", _PERMISSION),
    Refusal("phone", 28001020, "用户未绑定该测试应用", "the user is not bound to the test app", _PERMISSION),
    Refusal("phone", 28001021, "测试应用已过期", "the test app has expired", _PERMISSION),
    Refusal("phone", 28001017, "未知 URI", "unknown URI", _REQUEST),
    Refusal("phone", 28001056, "该接口已下线", "the interface is retired", _REQUEST),
    Refusal("phone", 28001045, "用户已注销", "the user has closed the account", _BLOCKED),
    Refusal("phone", 28001046, "用户已被封禁", "the user is banned", _BLOCKED),
)  # fmt: skip
