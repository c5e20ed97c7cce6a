"""Login: exchange an ``auth_code`` at ``alipay.system.oauth.token``.

The list:

1. Sign the request with the app's private key: parameters sorted by name, joined raw, RSA2. The timestamp is Beijing
   time, whatever the machine's zone is.
2. Send it as a form.
3. Check the gateway's signature over the raw text of the response node, byte for byte; a parser and a serialiser would
   change it. A success without a signature is refused. An error may come unsigned: it is a refusal all the same.
4. A success has an ``access_token`` and an ``open_id`` or a ``user_id`` (new apps get no ``user_id``).

Page: https://opendocs.alipay.com/open/02ahjv (read 2026-11); what SDKs and captures add is in the README.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from haoma.contract import Login
from haoma.crypto.signing import is_rsa2, sign_rsa2
from haoma.crypto.strict import decode_base64, parse_json_object
from haoma.errors import (
    ConnectionLost,
    EnvelopeError,
    NonsenseReply,
    NotProven,
    OutcomeUnknown,
    ReplySignatureMismatch,
    ReplyUnsigned,
    Spent,
    TimedOut,
)
from haoma.refusal import refusal
from haoma.steps import Request, Send, ask
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

_METHOD: Final = "alipay.system.oauth.token"
_NODE: Final = "alipay_system_oauth_token_response"
_ERROR_NODE: Final = "error_response"
_BEIJING: Final = timezone(timedelta(hours=8))
_nodes: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def log_in(app: AlipayApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        NotProven: ``trust.not-proven``: the app has no ``app_private_key``, so no login can be checked.
        LoginCodeRejected: ``platform.login-code-rejected``, and the gateway's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        ReplyUnsigned, ReplySignatureMismatch: ``trust.reply-…`` (step 3).
        NonsenseReply: ``outside.nonsense-reply`` (steps 3 and 4).
    """
    if app.private_key is None:
        raise NotProven(because={"not_proven": "login-binding", "needed": "app_private_key"})
    # (1)
    parameters = request_parameters(app, login_code, now)
    signature = sign_rsa2(app.private_key, string_to_sign(parameters).encode("utf-8"))
    body = urlencode({**parameters, "sign": base64.b64encode(signature).decode("ascii")}).encode("ascii")
    headers = (("content-type", "application/x-www-form-urlencoded;charset=utf-8"),)
    # (2)
    try:
        reply = yield from ask(Send(Request("POST", app.gateway_url, headers=headers, body=body), app.upstreams))
    except (TimedOut, ConnectionLost) as error:
        raise OutcomeUnknown(step=2, because=error.because, spent=Spent.UNKNOWN) from None
    return Login(_subject(app, reply, login_code), app.name, now)


def request_parameters(app: AlipayApp, login_code: Secret, now: float) -> dict[str, str]:
    """Return the parameters of the request, without its signature."""
    parameters = {
        "app_id": app.app_id,
        "method": _METHOD,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": datetime.fromtimestamp(now, UTC).astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        "grant_type": "authorization_code",
        "code": login_code.reveal(),
    }
    if app.app_cert_sn:
        parameters |= {"app_cert_sn": app.app_cert_sn, "alipay_root_cert_sn": app.root_cert_sn}
    return parameters


def string_to_sign(parameters: dict[str, str]) -> str:
    """Return what is signed: non-empty parameters by name, ``k=v`` joined with ``&``, not URL-encoded."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if value and name != "sign")


def _subject(app: AlipayApp, reply: Reply, login_code: Secret) -> Subject:
    # (3)
    try:
        whole = parse_json_object(reply.body)
        raw_nodes = _nodes(reply.body)
    except (EnvelopeError, msgspec.MsgspecError):
        raise _nonsense(reply, "not JSON") from None
    name = _NODE if _NODE in whole else _ERROR_NODE
    node = whole.get(name)
    if not isinstance(node, dict):
        raise _nonsense(reply, "no response node")
    sign = whole.get("sign")
    if isinstance(sign, str) and sign:
        _verify(app, bytes(raw_nodes[name]), sign)
    elif name == _NODE and "access_token" in node:
        raise ReplyUnsigned(step=3, spent=Spent.YES)
    # (4)
    code = node.get("code")
    if name == _ERROR_NODE or (code is not None and code != "10000"):
        raise refusal(
            "alipay",
            str(code),
            sub=str(node.get("sub_code", "")),
            place="login",
            message=str(node.get("sub_msg") or node.get("msg") or ""),
            step=4,
            secrets=(login_code,),
        )
    subject = Subject(
        openid=_id(node, "open_id"),
        unionid=_id(node, "union_id"),
        user_id=_id(node, "user_id") or _id(node, "alipay_user_id"),
    )
    if not (_id(node, "access_token") and (subject.openid or subject.user_id)):
        raise _nonsense(reply, "success without token or id")
    return subject


def _verify(app: AlipayApp, signed: bytes, sign: str) -> None:
    try:
        signature = decode_base64(sign, "sign")
    except EnvelopeError:
        signature = b""
    if not any(is_rsa2(key, signature, signed) for key in app.public_keys):
        raise ReplySignatureMismatch(step=3, because={"keys_tried": len(app.public_keys)}, spent=Spent.UNKNOWN)


def _id(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    return value if isinstance(value, str) else ""


def _nonsense(reply: Reply, reason: str) -> NonsenseReply:
    because = {"reason": reason, "status": reply.status, "bytes": len(reply.body)}
    return NonsenseReply(step=3, because=because, spent=Spent.UNKNOWN)
