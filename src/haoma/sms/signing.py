"""Signatures of the SMS providers: Aliyun's ACS3-HMAC-SHA256 and Tencent Cloud's TC3-HMAC-SHA256.

Pages: https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature and
https://cloud.tencent.com/document/api/382/52072. The tests have the examples that both publish.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.secret import Secret


def acs3(
    key_id: str, secret: Secret, host: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a signed POST without a body, to the root of ``host``.

    Args:
        key_id: The AccessKey id.
        secret: The AccessKey secret.
        host: The host.
        query: The parameters.
        headers: ``x-acs-action``, ``x-acs-version``, ``x-acs-date`` and ``x-acs-signature-nonce``.
    """
    body = _sha256(b"")
    signed = {**headers, "host": host, "x-acs-content-sha256": body}
    names = sorted(signed)
    parameters = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(query.items()))
    lines = "".join(f"{name}:{signed[name]}\n" for name in names)
    canonical = "\n".join(("POST", "/", parameters, lines, ";".join(names), body))
    text = f"ACS3-HMAC-SHA256\n{_sha256(canonical.encode('utf-8'))}"
    signature = hmac.new(secret.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).hexdigest()
    credential = f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(names)},Signature={signature}"
    return (*((name, value) for name, value in signed.items() if name != "host"), ("authorization", credential))


def tc3(key_id: str, secret: Secret, service: str, host: str, body: bytes, now: int) -> str:
    """Return the ``Authorization`` header of a POST of JSON to the root of ``host``.

    Args:
        key_id: The SecretId.
        secret: The SecretKey.
        service: Such as ``sms``.
        host: The host.
        body: The body.
        now: Unix seconds, as in ``X-TC-Timestamp``.
    """
    kind, signed = "application/json; charset=utf-8", "content-type;host"
    canonical = "\n".join(("POST", "/", "", f"content-type:{kind}\nhost:{host}\n", signed, _sha256(body)))
    date = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{_sha256(canonical.encode('utf-8'))}"
    key = f"TC3{secret.reveal()}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode("utf-8"), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode("utf-8"), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
