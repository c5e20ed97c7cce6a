"""Searches for secrets. They are text wherever they stand, so nothing is parsed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.diagnosis import Diagnosis, fault

if TYPE_CHECKING:
    from haoma.doctor.configuration.secrets import Known
    from haoma.doctor.mini_program.sources import Source
    from haoma.settings.model import ServiceKey

_SET_TO: Final = r"(?::\s*\w{1,20}\s*)?[:=]\s*[\"'`]"  # TypeScript puts the type between name and value
_UNQUOTED: Final = r"(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{32,80}(?![\w-])"
_SHAPES: Final = (
    (re.compile(r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----"), "private key"),
    (re.compile(r"\bMII[CEJ][A-Za-z0-9+/]{780,}"), "private key"),
    (re.compile(r"\bhk_server_[A-Za-z0-9_-]{20,}"), "server key of haoma"),
    (
        # WeChat, Baidu and Kuaishou have 32 characters, Douyin 40, Huawei and DingTalk 64. Words have no digits.
        re.compile(r"(?i)secret[\"']?\s*" + _SET_TO + r"(?=[a-z_-]*\d)(?=[\d_-]*[a-z])[0-9a-z_-]{32,80}[\"'`]"),
        "AppSecret",
    ),
    # Unquoted, in a .env file or an address.
    (re.compile(r"(?i)secret\s*=\s*" + _UNQUOTED), "AppSecret"),
    (re.compile(r"(?i)aes_?key[\"']?\s*" + _SET_TO + r"[A-Za-z0-9+/]{22}==[\"'`]"), "AES key"),
)
_OF_A_LIST: Final = ((re.compile(r"(?im)secret\s*:\s*" + _UNQUOTED), "AppSecret"),)
"""In YAML. In a program it would be a name."""
_OF_A_PROGRAM: Final = (
    (
        re.compile(
            r"/sns/jscode2session|/cgi-bin/(?:stable_)?token\b|/oauth/(?:stable_)?client_token|"
            r"/api/apps/(?:v2/)?jscode2session|/api/apps/v2/token\b|/oauth/jscode2sessionkey|/nalogin/getSessionKeyByCode|"
            r"/rest/2\.0/smartapp/getsessionkey|/oauth2/mp/code2session|/oauth2/v6/quickLogin|"
            r"/v1\.0/oauth2/userAccessToken"
        ),
        "call that needs the AppSecret",
    ),
)
_LITERAL: Final = re.compile(r"[\"'`]([!-&(-_a-~]{16,512})[\"'`]")


def secrets(source: Source, known: Sequence[Known], server_keys: Sequence[ServiceKey]) -> Iterator[Diagnosis]:
    """Report a secret in a package that every user downloads. Comments count too."""
    told: set[int] = set()
    for each in known:
        # All private keys start alike. The middle is unique, and is on one line however the key is wrapped.
        needle = each.compact[80:120] if len(each.compact) > 200 else each.compact
        position = source.text.find(needle) if len(needle) >= 12 else -1
        if position >= 0:
            told.add(source.line(position))
            yield source.at(position, fault("doctor.secret-in-front-end", each.where, what=each.setting))
    for shape, what in (*_SHAPES, *(_OF_A_LIST if source.is_plain else _OF_A_PROGRAM)):
        for found in shape.finditer(source.text):
            if source.line(found.start()) not in told:
                told.add(source.line(found.start()))
                yield source.at(found.start(), fault("doctor.secret-in-front-end", "", what=what))
    digests = {key.digest for key in server_keys}
    for found in _LITERAL.finditer(source.text) if digests else ():
        if hashlib.sha256(found[1].encode("ascii")).digest() in digests and source.line(found.start()) not in told:
            yield source.at(
                found.start(), fault("doctor.secret-in-front-end", "service.server_keys", what="server_keys")
            )
