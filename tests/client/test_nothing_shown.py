"""What an error carries besides its words, and what shows a value without asking for its ``repr``.

Error trackers send the local variables of every frame of a traceback, and of the exceptions behind it; rich, in its
tracebacks too, writes the fields of a record.
"""

from __future__ import annotations

import asyncio
import gc
import json
import traceback
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from rich.pretty import pretty_repr

import haoma
from haoma import errors
from haoma.authorization import read
from haoma.authorize import verify_with_session_key
from haoma.client import AsyncClient, Client
from haoma.errors import HaomaError
from haoma.platforms.base.session_keys import SealedMessage
from haoma.settings.reader import from_mapping
from haoma.steps import Reply
from haoma.verified import result_body
from support.vector_cases import cases

pytest_plugins = ["support.stage_fixtures"]

NUMBER, SECRET, CODE = "13800138000", "0123456789abcdef0123456789abcdef", "0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d"
PAYLOAD = {"phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "countryCode": "86",
           "watermark": {"timestamp": 1, "appid": "wx0000000000000000"}}  # fmt: skip
LOST = errors.ConnectionLost()
APP = haoma.configure("wechat", name="shop", app_id="wx0000000000000000", app_secret=SECRET)


class Network:
    """Answers a token, and then what it is told."""

    def __init__(self, token: Any, phone: Any) -> None:
        self._answers = {"stable_token": token, "getuserphonenumber": phone}

    def send(self, step: Any) -> Reply:
        answer = self._answers[step.request.url.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        # A transport that gives no reply is a mistake of ours.
        return Reply(200, {}, json.dumps(answer).encode()) if answer else cast("Reply", None)


class AsyncNetwork(Network):
    async def send(self, step: Any) -> Reply:  # type: ignore[override]
        return super().send(step)


TOKEN = {"access_token": "T" * 64, "expires_in": 7200}
REFUSALS = {
    "the AppSecret was sent": (LOST, {}),
    "the code was sent": (TOKEN, LOST),
    "the number came": (TOKEN, {"phone_info": {**PAYLOAD, "phoneNumber": "13900139000"}}),
    "another app's number came": (TOKEN, {"phone_info": {**PAYLOAD, "watermark": {"timestamp": 1, "appid": "wx1"}}}),
    "a mistake": (TOKEN, None),
}


def _asked(kind: str, answers: tuple[Any, Any]) -> Callable[[], object]:
    client: Any = Client(APP) if kind == "sync" else AsyncClient(APP)
    network = Network if kind == "sync" else AsyncNetwork
    client._http = network(*answers)
    asked = client.get_phone_number
    return lambda: asked("shop", {"code": CODE}) if kind == "sync" else asyncio.run(asked("shop", {"code": CODE}))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("answers", REFUSALS.values(), ids=REFUSALS)
def test_no_frame_of_ours_travels_with_an_error(kind: str, answers: tuple[Any, Any]) -> None:
    """An error that a client raises has no frame of ours below the client's own, and no exception behind it."""
    call = _asked(kind, answers)
    with pytest.raises(HaomaError) as caught:
        call()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = list(traceback.walk_tb(error.__traceback__))
    ours = [frame.f_code.co_name for frame, _ in frames if frame.f_globals["__name__"].startswith("haoma.")]
    assert ours == ["get_phone_number"]
    assert SECRET not in "".join(repr(frame.f_locals) for frame, _ in frames if frame.f_code.co_name in ours)


def test_no_frame_of_what_was_opened_offline() -> None:
    """The same for what needs no client."""
    alipay = next(case for case in cases("alipay") if case.name == "alipay/ciphertext-junk-after-padding_fail")
    app = from_mapping({"apps": {"shop": alipay.app}}).apps["shop"]
    baidu = next(case for case in cases("baidu") if case.name == "baidu/sealed-unlisted-field_fail")
    other = from_mapping({"apps": {"shop": baidu.app}}).apps["shop"]
    for call in (
        lambda: haoma.verify_offline(app, alipay.sent),
        lambda: verify_with_session_key(other, baidu.sent, "A" * 32, now=1.8e9),
    ):
        with pytest.raises(HaomaError) as caught:
            call()
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
        assert frames[2:] in (["verify_offline"], ["verify_with_session_key"])
        assert caught.value.__context__ is None


# --- rich


def _records(kind: Any) -> list[Any]:
    found = [kind, *(each for sub in kind.__subclasses__() for each in _records(sub))]
    return [each for each in found if each.__module__.startswith("haoma.")]


def test_rich_shows_no_more_than_repr(stage: Any) -> None:
    """What has a ``repr`` of its own, so that it shows less, shows no more to rich."""
    tap = stage.tap("wechat", "ok")
    phone = stage.authorize(tap.app, tap.body)
    for shown in (phone, result_body(phone), [phone], {"phone": phone}):
        assert phone.national_number not in pretty_repr(shown)
        assert phone.masked in pretty_repr(shown)
    for shown in (read({"code": CODE, "login_code": CODE}), SealedMessage(CODE, CODE)):
        assert CODE not in pretty_repr(shown)
    gc.collect()
    records = _records(msgspec.Struct)
    assert len(records) > 10
    for each in records:
        if each.__repr__ is not msgspec.Struct.__repr__:
            assert each.__rich_repr__ is not msgspec.Struct.__rich_repr__, each


# --- names that are no names


@pytest.mark.parametrize(
    "sent",
    [
        {json.dumps({"code": CODE}): ""},  # JSON that a framework has read as a form
        {CODE: ""},
        f"code_is={CODE}&{CODE}=1",
        {"deta1l": 1, "phone": 2, CODE: CODE},
    ],
)
def test_a_name_that_is_a_code_is_not_repeated(sent: Any) -> None:
    """A refusal lists the names that it found. What looks like none may be the whole body."""
    with pytest.raises(errors.MissingField) as caught, Client(APP) as client:
        client.get_phone_number("shop", sent)
    shown = f"{caught.value!r} {caught.value} {caught.value.because}"
    assert "***" in shown
    assert CODE not in shown
    assert CODE not in repr(read(sent))


def test_the_name_of_a_field_that_is_given_twice() -> None:
    """The same for the multi-dict that a web framework makes."""

    class Form(dict[str, Any]):
        def getlist(self, _name: str) -> list[str]:
            return ["1", "2"]

    with pytest.raises(errors.BadField) as caught, Client(APP) as client:
        client.get_phone_number("shop", Form({json.dumps({"code": CODE}): ""}))
    assert CODE[:8] not in str(caught.value.because)
