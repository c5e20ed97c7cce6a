"""DingTalk's flow.

1. Refuse a login in the request. The code identifies its user, and DingTalk names that user. Another login, chosen by
   the client, would only appear to have been compared.
2. to 6. Exchange the code, and ask who the user is (``fetch.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import UnknownShape
from haoma.platforms.base.contract import Finding, Method
from haoma.platforms.dingtalk.fetch import exchange
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.platforms.base.contract import GetLogin, Login
    from haoma.platforms.dingtalk.app import DingTalkApp
    from haoma.platforms.dingtalk.read import CodeMessage
    from haoma.secret import Secret
    from haoma.steps import Flow

_CHECKS: Final = (
    Check(CheckName.SIGNATURE, True, "DingTalk answered our own TLS requests"),
    Check(CheckName.APP_BINDING, True, "DingTalk takes a code with its own Client ID and secret"),
    Check(CheckName.FRESHNESS, False, "how long a code lives is not documented"),
    Check(CheckName.LOGIN_BINDING, True, "the user of the code is the user of the number"),
    Check(CheckName.ONE_TIME_USE, True, "DingTalk takes a code once"),
)

METHODS: Final = (Method("auth-code", _CHECKS, binds_login=True),)


def find(app: DingTalkApp, message: CodeMessage, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Exchange the code and ask who the user is.

    Raises:
        UnknownShape: ``envelope.unknown-shape``: the request has a ``login_code`` (step 1).
        SessionUnknown: ``trust.session-unknown``: the request has a ``session``; DingTalk has none (step 1).
        HaomaError: see ``fetch.py``.
    """
    del now  # DingTalk checks the age of the code
    # (1)
    yield from get_login()
    # (2) to (6)
    number, subject = yield from exchange(app, message.code, after_unknown=after_unknown)
    return Finding(number, subject, _CHECKS)


def log_in(app: DingTalkApp, login_code: Secret, now: float) -> Flow[Login]:
    """Refuse: there is no login apart from the code.

    Raises:
        UnknownShape: ``envelope.unknown-shape``, always.
    """
    del app, login_code, now
    raise UnknownShape(step=1, because={"reason": "the code itself says who the user is", "leave_out": "login_code"})
    yield  # makes this function a flow


def one_time(app: DingTalkApp, message: CodeMessage) -> tuple[str, Secret] | None:
    """Return the code."""
    del app
    return "code", message.code
