"""The login: exchanges an ``auth_code`` at ``alipay.system.oauth.token``.

The steps, continued from ``gateway.py``:

5. A success has an ``access_token``, and an ``open_id`` or a ``user_id`` (new apps get no ``user_id``).

For a merchant's mini program, the third-party application calls, with the merchant's ``app_auth_token``. The code comes
from the merchant's mini program.

Page: https://opendocs.alipay.com/open/02ahjv (read 2026-11). The README lists what SDKs and captures add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.errors import NotProven
from haoma.platforms.alipay.gateway import call, nonsense
from haoma.platforms.base.contract import Login
from haoma.platforms.base.refusal import refusal
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_METHOD: Final = "alipay.system.oauth.token"


def log_in(app: AlipayApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        NotProven: ``trust.not-proven``: a setting that every login needs is missing.
        LoginCodeRejected: ``platform.login-code-rejected``, and the gateway's other refusals.
        HaomaError: see ``gateway.py``.
    """
    if app.private_key is None:
        raise NotProven(because={"not_proven": "login", "needed": "app_private_key"})
    if app.isv_app_id and not app.app_auth_token:
        raise NotProven(because={"not_proven": "login", "needed": "app_auth_token"})
    business = {"grant_type": "authorization_code", "code": login_code.reveal()}
    answer = yield from call(app, _METHOD, business, now, for_merchant=True)
    # (5)
    node = answer.node
    if not isinstance(node, dict):
        raise nonsense("sealed")
    if answer.refused:
        raise refusal(
            "alipay",
            str(node.get("code")),
            sub=str(node.get("sub_code", "")),
            place="login",
            message=str(node.get("sub_msg") or node.get("msg") or ""),
            step=5,
            secrets=(login_code, app.app_auth_token),
        )
    subject = Subject(
        openid=_id(node, "open_id"),
        unionid=_id(node, "union_id"),
        user_id=_id(node, "user_id") or _id(node, "alipay_user_id"),
    )
    if not (_id(node, "access_token") and (subject.openid or subject.user_id)):
        raise nonsense("success without token or id")
    return Login(subject, app.name, now)


def _id(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    return value if isinstance(value, str) else ""
