"""Alipay's flow.

* A clear-text body is a refusal, whatever it says.
* Steps 1 to 4 are in ``verify.py``, steps 5 to 7 in ``open.py``. Neither makes a request.
8. If the front end sent a login, exchange it (``login.py``) and return its subject. This comes last, so that a bad
   envelope does not use up a login code.

**What this proves.** Alipay's payload has no time, nonce, user or app id, and the same phone always gives the same
bytes. Anyone can replay a captured envelope. Only a login in the same request says who is sending it now. That the
envelope belongs to that login remains the client's claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.platforms.alipay.open import open_message, refuse_clear
from haoma.platforms.alipay.read import ClearMessage, Message
from haoma.platforms.alipay.verify import verify
from haoma.platforms.base.contract import Finding, Method
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.platforms.base.contract import GetLogin
    from haoma.secret import Secret
    from haoma.steps import Flow

_ALWAYS: Final = (
    Check(CheckName.SIGNATURE, True, "Alipay's RSA2 signature over the ciphertext"),
    Check(CheckName.APP_BINDING, True, "opened with this app's own content key"),
    Check(CheckName.FRESHNESS, False, "the payload carries no time"),
)
_NOT_ONE_TIME: Final = Check(CheckName.ONE_TIME_USE, False, "the same envelope can be sent again")
_UNBOUND: Final = (*_ALWAYS, Check(CheckName.LOGIN_BINDING, False, "no login was sent along"), _NOT_ONE_TIME)
_BESIDE: Final = (
    *_ALWAYS,
    Check(
        CheckName.LOGIN_BINDING,
        False,
        "Alipay's signed reply says who sends it now, but not that the envelope is that user's own",
    ),
    _NOT_ONE_TIME,
)

METHODS: Final = (
    Method("envelope", _UNBOUND, binds_login=False),
    Method("envelope-login", _BESIDE, binds_login=False),
)


def find(app: AlipayApp, message: Message, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Verify and open the message, and add the sender's subject if a login was sent along.

    Raises:
        HaomaError: see ``verify.py``, ``open.py`` and ``login.py``.
    """
    del now, after_unknown  # the envelope has no time, and it can be opened again
    number = _open(app, message)
    # (8)
    login = yield from get_login()
    if login is None:
        return Finding(number, None, _UNBOUND)
    return Finding(number, login.subject, _BESIDE)


def find_offline(app: AlipayApp, message: Message) -> Finding:
    """Verify and open the message, without a login."""
    return Finding(_open(app, message), None, _UNBOUND)


def _open(app: AlipayApp, message: Message) -> PhoneNumber:
    if isinstance(message, ClearMessage):
        raise refuse_clear(message)
    return open_message(app, verify(app, message))


def one_time(app: AlipayApp, message: Message) -> tuple[str, Secret] | None:
    """Return None. An envelope is the same for every grant, so remembering used ones would refuse honest users."""
    del app, message
    return None
