"""The new way: exchange the phone code at ``getuserphonenumber``.

The list, continued from ``flow.py``:

3. Send the code, with the ``openid`` of the login if there is one: WeChat then refuses a code of another user. If the
   token is dead, once more with a new one. If WeChat is busy, at most twice more after a pause.
4. In API security mode the reply is WeChat's (``api_security.py``). It is strict JSON, whatever its status and content
   type, with an ``errcode`` of zero or none.
5. ``phone_info`` has its fields.
6. Its watermark names this app.
7. Its three forms of the number agree.

**What the code may have suffered.** A code works once, and a timeout, a reset or a -1 does not tell whether it was that
once. From there on nothing about the code is certain: a 40029 that follows may mean "used up by the first try", so it
is reported as `OutcomeUnknown`, here and in every later request with the same code (``after_unknown``).

Page: https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
(read 2026-11); what is not documented is in the README of this folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.errors import CodeRejected, ConnectionLost, HaomaError, OutcomeUnknown, Spent, TimedOut
from haoma.platforms.wechat import api
from haoma.platforms.wechat.payload import read_payload
from haoma.platforms.wechat.token import Access
from haoma.steps import Pause, ask

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_PATH: Final = "/wxa/business/getuserphonenumber"
_PAUSES: Final = (0.2, 0.4)


def exchange(app: WeChatApp, code: Secret, openid: str, *, now: float, after_unknown: bool) -> Flow[PhoneNumber]:
    """Exchange a phone code for the number.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown`` (steps 3 and 4).
        OutsideError: ``outside.*``: no connection, or no sense in the reply (steps 2 to 5).
        PlatformRefusal: ``platform.*`` (steps 2 and 4).
        ReplySignatureMismatch: ``trust.reply-signature-mismatch`` (step 4, in API security mode).
        WrongApp: ``trust.wrong-app`` (step 6).
        NumberMismatch: ``trust.number-mismatch`` (step 7).
    """
    code_exchange = _Exchange(Access(app), code, openid, now, unknown=after_unknown)
    try:
        return (yield from code_exchange.run())
    except HaomaError as error:
        # "Not used up by this try" says nothing about the tries before it.
        if code_exchange.unknown and error.spent is Spent.NO:
            error.spent = Spent.UNKNOWN
        raise


@dataclass(slots=True)
class _Exchange:
    """One request's exchange. ``unknown``: a try, of this or an earlier request, ended without a known outcome."""

    access: Access
    code: Secret
    openid: str = field(repr=False)
    now: float
    unknown: bool

    def run(self) -> Flow[PhoneNumber]:
        # (3)
        answer = yield from self._send()
        # (4)
        if answer.refused:
            raise self._refusal(answer)
        found = answer.found.get("phone_info")
        if found is None and not answer.errcode:
            raise answer.nonsense("neither errcode nor phone_info", 4, Spent.UNKNOWN)
        # (5) (6) (7)
        return read_payload(self.access.app, found, step=5, spent=Spent.YES)

    def _send(self) -> Flow[Answer]:
        content = {"code": self.code.reveal()} | ({"openid": self.openid} if self.openid else {})
        pauses = iter(_PAUSES)
        while True:
            try:
                answer = yield from self.access.post(_PATH, content, self.now)
            except (TimedOut, ConnectionLost) as error:
                if error.spent is Spent.NO:  # it was the token that could not be fetched
                    raise
                raise OutcomeUnknown(step=3, because=error.because, spent=Spent.UNKNOWN) from None
            self.unknown = self.unknown or answer.errcode == api.BUSY
            pause = next(pauses, None)
            if answer.errcode != api.BUSY or pause is None:
                return answer
            yield from ask(Pause(pause))

    def _refusal(self, answer: Answer) -> HaomaError:
        # What WeChat answers to an openid that does not fit the code is not documented: an unlisted errcode may be
        # just that.
        because = {"openid_sent": True} if self.openid else {}
        refused = answer.refusal("phone", 4, self.code, self.access.token, **because)
        if answer.errcode == api.BUSY:
            spent = Spent.UNKNOWN
        elif self.unknown and isinstance(refused, CodeRejected):
            spent = Spent.YES  # by whichever try: it is of no further use
        else:
            return refused
        return OutcomeUnknown(
            step=4,
            platform_code=refused.platform_code,
            platform_message=refused.platform_message,
            request_id=refused.request_id,
            because=because,
            spent=spent,
        )
