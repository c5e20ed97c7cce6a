"""The code flow: exchanges the phone code at ``get_phonenumber_info``, and opens the reply with the app's private key.

The steps, continued from ``flow.py``:

3. Send the code. If the token is dead, ask once more with a new one. If Douyin is busy, ask at most twice more after a
   pause.
4. The reply is strict JSON, whatever its status and content type, with an ``err_no`` of zero and ``data`` as a text.
5. ``data`` is base64 of one RSA block. One of the app's private keys opens it into a JSON object that has its fields, a
   watermark of this app, and three forms of the number that agree. Any failure is one refusal, raised after every key
   has been tried.

**Unknown outcomes.** A code works once. After a timeout, a reset or a "busy" we cannot tell whether that one use has
happened. A refusal that follows may mean "used up by the first try", so it is reported as `OutcomeUnknown`, here and in
every later request with the same code (``after_unknown``).

Douyin does not document its answer to a used, foreign or wrong code. So an unlisted refusal asks for another tap.

This API has a page in Douyin's menu, but the code follows the implementations that the README of this folder lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.crypto.decrypting import open_json_rsa
from haoma.crypto.strict import decode_base64
from haoma.errors import BadBase64, CannotOpen, Spent
from haoma.platforms.base.code_exchange import CodeExchange
from haoma.platforms.base.refusal import of_a_code
from haoma.platforms.douyin.payload import read_payload
from haoma.platforms.douyin.token import Access

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.phone import PhoneNumber
    from haoma.platforms.douyin.api import Answer
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_PATH: Final = "/api/apps/v1/get_phonenumber_info/"  # the final slash is required


def exchange(app: DouyinApp, code: Secret, *, after_unknown: bool) -> Flow[PhoneNumber]:
    """Exchange a phone code for the number.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown`` (steps 3 and 4).
        OutsideError: ``outside.*``: no connection, or an unusable reply (steps 2 to 4).
        PlatformRefusal: ``platform.*`` (steps 2 and 4).
        CannotOpen: ``trust.cannot-open`` (step 5).
    """
    tries = CodeExchange(unknown=after_unknown)
    return (yield from tries.run(_Exchange(Access(app), code, tries).run()))


@dataclass(frozen=True, slots=True)
class _Exchange:
    """The exchange of one request."""

    access: Access
    code: Secret = field(repr=False)
    tries: CodeExchange

    def run(self) -> Flow[PhoneNumber]:
        # (3)
        answer = yield from self._send()
        # (4)
        if answer.refused:
            raise self._refusal(answer)
        sealed = answer.found.get("data")
        if not answer.code:
            raise answer.nonsense("no err_no", 4, Spent.UNKNOWN)
        if not isinstance(sealed, str):
            raise answer.nonsense("data", 4, Spent.YES)
        # (5)
        return _open(self.access.app, sealed, answer)

    def _send(self) -> Flow[Answer]:
        content = {"code": self.code.reveal()}
        return (yield from self.tries.ask(lambda: self.access.post(_PATH, content), 3, lambda each: each.says_busy()))

    def _refusal(self, answer: Answer) -> HaomaError:
        refused = of_a_code(answer.refusal("phone", 4, self.code, self.access.token, self.access.app.app_secret))
        return self.tries.refused(refused, busy=answer.says_busy())


def _open(app: DouyinApp, sealed: str, answer: Answer) -> PhoneNumber:
    diagnoses = []
    try:
        block = decode_base64(sealed, "data")
    except BadBase64:
        block = b""
    for key in app.private_keys:
        try:
            return read_payload(app, open_json_rsa(key, block))
        except CannotOpen as error:
            diagnoses.append(error.diagnosis)
    raise CannotOpen(
        step=5,
        diagnosis=", ".join(diagnoses),
        because={"keys_tried": len(app.private_keys)},
        request_id=answer.request_id,
        spent=Spent.YES,
    )
