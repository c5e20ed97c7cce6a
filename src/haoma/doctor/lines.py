"""Lines of a log, and the error messages of other libraries."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from haoma import catalogue
from haoma.doctor.captured import Captured, Looked
from haoma.doctor.diagnosis import Diagnosis, Severity, fault, of_error, warning
from haoma.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERRCODE: Final = re.compile(r"[\"']?(?:errcode|err_code|ErrCode|errCode)[\"']?\s*[:=]\s*[\"']?(-?\d{1,7})")
_ERRMSG: Final = re.compile(r"[\"']?errmsg[\"']?\s*[:=]\s*[\"']([^\"'\n]{0,200})", re.IGNORECASE)
_HOPELESS: Final = ("40013", "40125", "40164", "40226", "40243", "45009", "45011", "48001")
"""Codes that the same request gets again, however often it is sent; each try counts against a quota."""
_STORM: Final = 3
_DEAD_TOKEN: Final = ("40001", "40014", "42001")
_GUESSED: Final = ("doctor.garbage-decrypted", "doctor.base64-damaged")

_MESSAGES: Final = (
    (re.compile(r"<class 'str'> cannot be passed to C code"), "doctor.alipay-sdk-broken"),
    (re.compile(r"Invalid AES key length: (?:[4-9]\d|\d{3,})"), "config.aes-key-is-rsa-key"),
    (
        re.compile(r"RSA key format is not supported|at <TagSet|Could not deserialize key|no start line"),
        "config.key-unreadable",
    ),
    (
        re.compile(
            r"pad block corrupted|BadPadding|bad decrypt|Padding is (?:invalid|incorrect)|Invalid padding bytes|"
            r"Expected BEGIN_OBJECT|invalid character '\\x|given payload is invalid|-41003|Illegal_?Buffer|"
            r"Given final block not properly padded|data not multiple of block|wrong final block length",
            re.IGNORECASE,
        ),
        "doctor.garbage-decrypted",
    ),
    (
        re.compile(r"Invalid base64|Incorrect padding|Illegal base64|illegal base64 data", re.IGNORECASE),
        "doctor.base64-damaged",
    ),
    (re.compile(r"ISV权限不足|insufficient-isv-permissions"), "platform.permission-missing"),
    (re.compile(r"缺少加密配置|missing-encrypt-key"), "platform.encryption-not-configured"),
    (re.compile(r"无效的授权关系|invalid-auth-relations"), "platform.user-not-authorized"),
    (re.compile(r"isv\.invalid-signature"), "platform.credentials-rejected"),
)


def look(captured: Captured) -> Looked | None:
    """Look at a text; None if nothing in it is known."""
    if isinstance(captured.value, dict | list):
        return None
    found = [*_repeated(captured.text), *_messages(captured.text)]
    return Looked("log", found) if found else None


def _repeated(text: str) -> Iterator[Diagnosis]:
    counted = Counter(_ERRCODE.findall(text))
    words = _ERRMSG.findall(text)
    for code, count in counted.items():
        if catalogue.find_refusal("wechat", code) is None:
            continue
        message = next((each for each in words if len(counted) == 1), "")
        error = refusal("wechat", code, place="token" if "secret" in message.lower() else "phone", message=message)
        if code in _HOPELESS and count >= _STORM:
            yield fault("doctor.retry-storm", "", platform_code=code, times=count)
        if code in _DEAD_TOKEN:
            say = fault if count >= _STORM else warning
            yield say("doctor.token-war", "", guess=count < _STORM, platform_code=code, times=count)
        yield of_error(error)


def _messages(text: str) -> Iterator[Diagnosis]:
    for pattern, code in _MESSAGES:
        found = pattern.search(text)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            yield Diagnosis(code, Severity.FAULT, "", {"words": found[0]}, guess=code in _GUESSED, line=line)
