"""Huawei's flow.

1. Refuse a login in the request. The code identifies its user, and Huawei's reply names that user. Another login,
   chosen by the client, would only appear to have been compared.
2. to 6. Exchange the code: of a quick login (``fetch.py``), or of scope ``phone`` (``scope.py``), as ``flow`` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import UnknownShape
from haoma.platforms.base.contract import Finding, Method
from haoma.platforms.huawei import fetch, scope
from haoma.platforms.huawei.app import QUICK_LOGIN, SCOPE_PHONE
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.platforms.base.contract import GetLogin, Login
    from haoma.platforms.huawei.app import HuaweiApp
    from haoma.platforms.huawei.read import CodeMessage
    from haoma.secret import Secret
    from haoma.steps import Flow

_CHECKS: Final = (
    Check(CheckName.SIGNATURE, True, "Huawei answered our own TLS request"),
    Check(CheckName.APP_BINDING, True, "Huawei takes a code from its own Client ID alone"),
    Check(CheckName.FRESHNESS, True, "a code lives five minutes"),
    Check(CheckName.LOGIN_BINDING, True, "the same reply names the user of the code"),
    Check(CheckName.ONE_TIME_USE, True, "Huawei takes a code once"),
)

METHODS: Final = (Method(QUICK_LOGIN, _CHECKS, binds_login=True), Method(SCOPE_PHONE, _CHECKS, binds_login=True))
_EXCHANGE: Final = {QUICK_LOGIN: fetch.exchange, SCOPE_PHONE: scope.exchange}


def find(app: HuaweiApp, message: CodeMessage, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Exchange the code.

    Raises:
        UnknownShape: ``envelope.unknown-shape``: the request has a ``login_code`` (step 1).
        SessionUnknown: ``trust.session-unknown``: the request has a ``session``; Huawei has none (step 1).
        HaomaError: see ``fetch.py`` and ``scope.py``.
    """
    del now  # Huawei checks the age of the code
    # (1)
    yield from get_login()
    # (2) to (6)
    number, subject, assurance = yield from _EXCHANGE[app.flow](app, message.code, after_unknown=after_unknown)
    return Finding(number, subject, _CHECKS, assurance)


def log_in(app: HuaweiApp, login_code: Secret, now: float) -> Flow[Login]:
    """Refuse: there is no login apart from the code.

    Raises:
        UnknownShape: ``envelope.unknown-shape``, always.
    """
    del app, login_code, now
    raise UnknownShape(step=1, because={"reason": "the code itself says who the user is", "leave_out": "login_code"})
    yield  # makes this function a flow


def one_time(app: HuaweiApp, message: CodeMessage) -> tuple[str, Secret] | None:
    """Return the code."""
    del app
    return "code", message.code
