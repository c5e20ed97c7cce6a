"""What was captured, and what came of looking at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.strict import parse_json
from haoma.errors import HaomaError

if TYPE_CHECKING:
    from haoma.doctor.diagnosis import Diagnosis
    from haoma.platforms.base.contract import App
    from haoma.secret import Secret
    from haoma.settings.model import Settings

MAX_BYTES: Final = 1024 * 1024
"""Most bytes of a capture: a piece of a log, at the most."""


@dataclass(frozen=True)
class Captured:
    """A capture, with what may help to understand it.

    Attributes:
        text: What was captured.
        settings: The configuration, if there is one.
        app: Name of the app that it was sent to, if that is known.
        session_key: The user's session_key, if somebody has it at hand.
        now: Unix seconds.
    """

    text: str = field(repr=False)
    settings: Settings | None = None
    app: str = ""
    session_key: Secret | None = None
    now: float = 0.0

    @cached_property
    def value(self) -> Any:
        """The JSON value, or None if it is none."""
        try:
            return parse_json(self.text)
        except HaomaError:
            return None

    @property
    def object(self) -> Mapping[str, Any]:
        """The JSON object; empty if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def apps(self, *platforms: str) -> list[App]:
        """Return the configured apps of these platforms (of all when none is named), the one that was named first."""
        every = self.settings.apps.values() if self.settings else ()
        found = [app for app in every if not platforms or app.platform in platforms]
        return sorted(found, key=lambda app: app.name != self.app)

    @property
    def named(self) -> App | None:
        """The app that it was sent to; the only one, if there is just one."""
        apps = self.apps()
        return next((app for app in apps if app.name == self.app or len(apps) == 1), None)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a capture is, and what there is to say about it.

    Attributes:
        kind: Such as ``alipay-envelope``; see `KINDS`.
        found: The diagnoses, the most important one first.
    """

    kind: str
    found: list[Diagnosis]


KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "alipay-envelope": ("支付宝手机号报文（密文和签名）", "an envelope of Alipay (ciphertext and signature)"),
    "alipay-clear-text": ("支付宝的明文报文", "a body of Alipay in clear text"),
    "alipay-event": ("支付宝按钮的失败事件", "a failure event of Alipay's button"),
    "alipay-reply": ("支付宝网关的应答", "an answer of Alipay's gateway"),
    "phone-code": ("手机号 code", "a phone code"),
    "login-code": ("登录 code", "a login code"),
    "sealed": ("旧方式的 encryptedData 和 iv", "encryptedData and iv of the old way"),
    "event": ("按钮的失败事件", "a failure event of the button"),
    "wechat-reply": ("微信接口的应答", "an answer of WeChat's API"),
    "baidu-reply": ("百度接口的应答", "an answer of Baidu's API"),
    "douyin-reply": ("抖音接口的应答", "an answer of Douyin's API"),
    "kuaishou-reply": ("快手接口的应答", "an answer of Kuaishou's API"),
    "huawei-reply": ("华为接口的应答", "an answer of Huawei's API"),
    "dingtalk-reply": ("钉钉接口的应答", "an answer of DingTalk's API"),
    "douyin-sealed": (
        "抖音用应用公钥加密的手机号（单独的一个签名也是这个长度）",
        "a number that Douyin encrypted under the app's public key (a signature alone has the same length)",
    ),
    "back-end": ("您自己后端的应答", "an answer of your own back end"),
    "haoma-problem": ("haoma 的错误应答", "a refusal by haoma"),
    "haoma-results": ("haoma 的结果", "results of haoma"),
    "key": ("密钥或证书", "a key or certificate"),
    "secret": ("一个机密", "a secret"),
    "part": ("授权内容的一部分", "a part of an authorization"),
    "piece": ("一段被截断的内容", "a piece of something that was cut off"),
    "decrypted": ("encryptedData 解密后的内容", "what was inside encryptedData, decrypted"),
    "log": ("日志或报错", "lines of a log, or an error message"),
    "unknown": ("无法识别的内容", "nothing that is known here"),
}
"""What a capture can be, in Chinese and English."""


def members(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield every name and value of an object, however deep."""
    if isinstance(value, Mapping) and depth < 8:
        for name, each in value.items():
            yield str(name), each
            yield from members(each, depth + 1)
