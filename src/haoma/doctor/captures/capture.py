"""The kinds of capture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from haoma.doctor.platforms import all_symptoms

MAX_BYTES: Final = 1024 * 1024
"""Most bytes of a capture, enough for a piece of a log."""

_OF_ANY: Final[Mapping[str, tuple[str, str]]] = {
    "phone-code": ("手机号 code", "a phone code"),
    "login-code": ("登录 code", "a login code"),
    "sealed": ("session_key 方式的 encryptedData 和 iv", "encryptedData and iv of the session_key flow"),
    "event": ("按钮的失败事件", "a failure event of the button"),
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


@cache
def kinds() -> Mapping[str, tuple[str, str]]:
    """Return the kinds of capture, general ones and each platform's, with their names in Chinese and English."""
    own = {kind: names for _platform, each in all_symptoms() for kind, names in each.kinds.items()}
    return MappingProxyType({**own, **_OF_ANY})
