"""The code flow: exchanges the phone code at ``getuserphonenumber``.

The steps, continued from ``flow.py``:

3. Send the code, with the login's ``openid`` if there is one, so that WeChat refuses another user's code. If the token
   is dead, ask once more with a new one. If WeChat is busy, ask at most twice more after a pause.
4. In API security mode, verify that the reply is WeChat's (``api_security.py``). It is strict JSON, whatever its status
   and content type, with an ``errcode`` of zero or none.
5. ``phone_info`` has its fields.
6. Its watermark names this app.
7. Its three forms of the number agree.

**Unknown outcomes.** A code works once. After a timeout, a reset or a -1 we cannot tell whether that one use has
happened. A 40029 that follows may mean "used up by the first try", so it is reported as `OutcomeUnknown`, here and in
every later request with the same code (``after_unknown``).

Page: https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
(read 2026-11). The README of this folder lists what is undocumented.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base.code_exchange import CodeExchange
from haoma.platforms.wechat import api
from haoma.platforms.wechat.payload import read_payload
from haoma.platforms.wechat.token import Access

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.phone import PhoneNumber
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_PATH: Final = "/wxa/business/getuserphonenumber"


def exchange(app: WeChatApp, code: Secret, openid: str, *, now: float, after_unknown: bool) -> Flow[PhoneNumber]:
    """Exchange a phone code for the number.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown`` (steps 3 and 4).
        OutsideError: ``outside.*``: no connection, or an unusable reply (steps 2 to 5).
        PlatformRefusal: ``platform.*`` (steps 2 and 4).
        ReplySignatureMismatch: ``trust.reply-signature-mismatch`` (step 4, in API security mode).
        WrongApp: ``trust.wrong-app`` (step 6).
        NumberMismatch: ``trust.number-mismatch`` (step 7).
    """
    tries = CodeExchange(unknown=after_unknown)
    return (yield from tries.run(_Exchange(Access(app), code, openid, now, tries).run()))


@dataclass(frozen=True, slots=True)
class _Exchange:
    """The exchange of one request."""

    access: Access
    code: Secret
    openid: str = field(repr=False)
    now: float
    tries: CodeExchange

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
        return (
            yield from self.tries.ask(
                lambda: self.access.post(_PATH, content, self.now), 3, lambda answer: answer.errcode == api.BUSY
            )
        )

    def _refusal(self, answer: Answer) -> HaomaError:
        # WeChat does not document its answer to an openid that does not match the code. Any unlisted errcode may be it.
        because = {"openid_sent": True} if self.openid else {}
        refused = answer.refusal("phone", 4, self.code, self.access.token, **because)
        return self.tries.refused(refused, busy=answer.errcode == api.BUSY)
