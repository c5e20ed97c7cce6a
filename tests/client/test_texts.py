"""The forms in which one and the same body arrives, and what is said of a text that is none of them."""

from __future__ import annotations

import dataclasses
import json
from collections import UserDict
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from haoma import errors
from haoma.authorization import read
from haoma.platforms.registry import PLATFORMS

BODY = {"response": "QUJD+/==", "sign": "c2ln"}
TEXT = json.dumps(BODY)


class Text(str):
    """A text such as frameworks make."""

    __slots__ = ()


class Bytes(bytes):
    """The same of bytes."""


class GetList(UserDict[Any, Any]):
    """A multi-dict as Django and werkzeug have it: an item is the last of all values."""

    def __getitem__(self, name: Any) -> Any:
        return self.data[name][-1]

    def getlist(self, name: Any) -> Any:
        return self.data[name]


class GetAll(GetList):
    """A multi-dict as aiohttp and WebOb have it."""

    getlist = None  # type: ignore[assignment]

    def getall(self, name: Any) -> Any:
        return self.data[name]


MULTI = [GetList, GetAll]
FORMS: list[Any] = [
    TEXT, TEXT.encode(), bytearray(TEXT.encode()), memoryview(TEXT.encode()), Text(TEXT), Bytes(TEXT.encode()),
    f" \t\r\n{TEXT}\n", f"\n{TEXT}".encode(), json.dumps(TEXT), json.dumps(TEXT).encode(),
    quote(TEXT), quote(TEXT).lower().replace("qujd", "QUJD"), quote(json.dumps(TEXT)), quote(TEXT).encode(),
    urlencode(BODY), urlencode(BODY).encode(), f" {urlencode(BODY)}\n",
    BODY, UserDict(BODY), MappingProxyType(BODY),
    *(kind({name: [value] for name, value in BODY.items()}) for kind in MULTI),
    *(kind({name: [value] * 3 for name, value in BODY.items()}) for kind in MULTI),
]  # fmt: skip


@pytest.mark.parametrize("sent", FORMS, ids=range(len(FORMS)))
def test_one_body_in_every_form(sent: Any) -> None:
    """Whatever it arrives in, it is the same body."""
    assert read(sent, ()).claimed == BODY


def test_a_form_is_decoded_once() -> None:
    """What looks encoded in a decoded value is the value; an empty value is a value."""
    assert read("a=%252B&b=", ()).claimed == {"a": "%2B", "b": ""}


def refused(sent: Any) -> tuple[type[errors.HaomaError], dict[str, object]]:
    with pytest.raises(errors.HaomaError) as caught:
        read(sent, ())
    assert caught.value.__cause__ is None
    return type(caught.value), dict(caught.value.because)


@pytest.mark.parametrize("text", ["abcd", "a.b-c_1", "x" * 512])
def test_a_code_alone_is_known(text: str) -> None:
    """As it is, or as JSON, with white space around it or not."""
    for sent in (text, f" {text}\n", f'"{text}"', f'"{text}"'.encode()):
        assert refused(sent) == (errors.BareCode, {"characters": len(text)})


@pytest.mark.parametrize("text", ["abc", "abcd !", "abcd\x00", "x" * 513, "", "a b=1", "{", "%7B%22", "号"])
def test_what_is_nothing_of_all_that_is_not_json(text: str) -> None:
    """Neither as it is, nor inside a JSON string."""
    for sent in (text, text.encode(), json.dumps(text)):
        assert refused(sent)[0] is errors.NotJson


def test_what_is_no_form() -> None:
    """A name twice, a name alone, bytes that are no text, more than sixteen fields."""
    for sent in ("a=1&b", "a=%ff", "&".join(f"{'a' * size}=1" for size in range(1, 18))):
        assert refused(sent) == (errors.NotJson, {"reason": "neither JSON nor a form"})
    for sent in ("a=1&a=2", "a=1&a=1"):
        assert refused(sent) == (errors.NotJson, {"reason": "duplicate key"})


def test_only_ascii_is_decoded_as_a_whole() -> None:
    """Nothing that encodes a body leaves another character in it."""
    assert refused('%7B"response":"é"%7D')[0] is errors.NotJson
    assert read('%7B"response":"%C3%A9"%7D', ()).claimed == {"response": "é"}
    assert refused("%7B%22response%22:%22%ff%22%7D")[0] is errors.NotUtf8
    assert refused(b" \xff")[0] is errors.NotUtf8


@pytest.mark.parametrize("kind", MULTI)
@pytest.mark.parametrize(("name", "shown"), [("sign", "sign"), (5, "***"), ("a code", "***"), ("a" * 25, "***")])
def test_two_values_for_one_name(kind: Any, name: Any, shown: str) -> None:
    """None is chosen, and what does not look like a name is not shown."""
    assert refused(kind({"response": ["x"], name: ["x", "x", "y"]})) == (
        errors.BadField,
        {"field": shown, "reason": "given twice"},
    )


def test_what_json_cannot_hold() -> None:
    """The application's own objects inside a mapping."""
    for sent in ({"a": object()}, UserDict(a={1}), GetList(a=5)):
        assert refused(sent) == (errors.NotJson, {"reason": "an object that JSON cannot hold"})


@dataclasses.dataclass
class Posted:
    """A body as somebody's own object."""


class Model:
    """A model as pydantic makes it."""

    def model_dump(self) -> None:
        """Stand for pydantic's."""


class Waiting:
    """What was not awaited."""

    def __await__(self) -> Any:
        yield


def test_an_object_that_no_front_end_can_have_sent() -> None:
    """Each kind has its own advice."""
    for sent, advice in (
        (Waiting(), "the bytes that it gives: await request.body()"),
        (Model(), "request.body, or .model_dump() of the model"),
        (Posted(), "request.body, or dataclasses.asdict() of the object"),
        ({1}, "the body as it came: request.body (Django), await request.body() (FastAPI), request.get_data() (Flask)"),
    ):
        with pytest.raises(errors.WrongArgument) as caught:
            read(sent)
        assert caught.value.because["instead"] == advice


@pytest.mark.parametrize("platform, needed", [
    ("wechat", "code"), ("douyin", "code"), ("baidu", "encryptedData and iv"), ("kuaishou", "encryptedData and iv"),
    ("xiaohongshu", "encryptedData and iv"),
])  # fmt: skip
def test_alipays_envelope_is_called_what_it_is(platform: str, needed: str) -> None:
    """Whichever of its members came; nothing else is."""
    for name in ("response", "sign", "subCode", "sub_code", "subMsg", "sub_msg"):
        with pytest.raises(errors.UnknownShape) as caught:
            PLATFORMS[platform].read(None, read({name: "x", "iv": "x"}, ()))
        assert caught.value.because == {"looks_like": "alipay", "needed": needed}
    read_sealed = PLATFORMS[platform].read_sealed
    assert read_sealed is not None
    with pytest.raises(errors.EnvelopeError) as refused:
        read_sealed(read({"iv": "x", "phone": "x"}, ()))
    assert "looks_like" not in refused.value.because


def test_names_are_shown_if_they_look_like_names() -> None:
    """Of a body that was taken for a name nothing is shown, and of many names not all."""
    odd = {"code": "x", "a" * 25: "x", "a b": "x", "code1": "x", "号": "x", "": "x"}
    found = read(odd, ("code",))
    assert repr(found) == "<Authorization with code, ***, ***, ***, ***, ***>"
    assert found.__rich_repr__() == [("claimed", ["code", *["***"] * 5])]
    assert found.missing("iv").because == {"field": "iv", "found": "***, code"}
    long = [letter * 24 for letter in "abcdefgh"]
    assert read(dict.fromkeys(long, "x"), ()).missing("iv").because["found"] == ", ".join(long)[:120]


@pytest.mark.parametrize(
    "extra", [{"deep": {"login_code": "x"}}, {"deep": [{"login_code": "x"}]}, {"deep": [[{"js_code": "x"}]]}]
)
def test_a_login_in_anothers_object(extra: dict[str, Any]) -> None:
    """In a body with nothing else, and beside what the platform gave."""
    for body in (extra, {"iv": "x", **extra}, {**extra, "iv": "x"}):
        found = read(body, ())
        assert found.login_code is not None
        assert found.login_code.reveal() == "x"
        assert found.claimed == body


@pytest.mark.parametrize("codes", [(), ("code",), ("authCode",)])
def test_the_words_of_others(codes: tuple[str, ...]) -> None:
    """In another's object a ``code`` and a ``session`` are anybody's; a list is no wrapper, whatever its name."""
    for name in ("code", "session", "phoneCode", *codes):
        for body in ({"extra": {name: "x"}}, {"extra": [{name: "x"}], "iv": "x"}, {"detail": [{name: "x"}]}):
            found = read(body, codes)
            assert (found.login_code, found.session, found.claimed) == (None, None, body)
    for empty in (None, ""):
        assert read({"extra": {"login_code": empty}}, codes).login_code is None
    for name in ("detail", "extra"):
        found = read({name: [{"login_code": "x"}], "iv": "x"}, codes)
        assert found.login_code is not None
        assert found.login_name == "*.login_code"


def test_where_a_login_stood() -> None:
    """The place is told from the outside to the inside; of several that agree it is the first."""
    for body, place in (
        ({"authorization": {"extra": {"login_code": "x"}}}, "authorization.*.login_code"),
        ({"detail": {"detail": {"extra": [{"login_code": "x"}]}}}, "detail.detail.*.login_code"),
        ({"authorization": {"iv": "x", "js_code": "x"}, "login_code": "x"}, "authorization.js_code"),
        ({"login_code": "x", "authorization": {"iv": "x", "js_code": "x"}}, "login_code"),
        ({"session": "x", "consent": {"a": 1}}, "session"),
    ):
        assert read(body, ()).login_name == place


def test_an_event_is_taken_out_of_two_layers() -> None:
    """Skyline nests twice; nobody nests three times, and what is in there is the platform's reader's to refuse."""
    inner = {"detail": {"iv": "x"}}
    for body in ({"detail": {"detail": inner}}, {"authorization": {"detail": {"detail": inner}}}):
        assert read(body, ()).claimed == inner
    assert read({"detail": inner}, ()).claimed == {"iv": "x"}


@pytest.mark.parametrize(("inner", "kind"), [([], "list"), (False, "bool"), (3, "int")])
def test_an_authorization_is_an_object(inner: object, kind: str) -> None:
    """Or the text of one; a text of something else is what that text is."""
    facts = {"field": "authorization", "type": kind, "needed": "object"}
    assert refused({"authorization": inner}) == (errors.BadField, facts)
    assert refused({"authorization": json.dumps(inner)}) == (errors.UnknownShape, {"type": kind})
    assert refused({"authorization": None})[0] is errors.BadField
    assert read({"authorization": json.dumps({"iv": "x"})}, ()).claimed == {"iv": "x"}


def test_the_order_of_members_makes_no_other_request() -> None:
    """Nor what it arrives in: whoever sends the same again may have written it anew."""
    bodies = [{"a": {"b": 1, "c": 2}, "d": 3}, {"d": 3, "a": {"c": 2, "b": 1}}]
    assert len({read(each, ()).fingerprint("me") for each in (*bodies, *map(json.dumps, bodies))}) == 1


def test_what_is_equal_is_not_always_the_same() -> None:
    """``True``, 1 and 1.0 are three values."""
    for one, another in ((1, True), (1, 1.0), (0, False)):
        facts = {"field": "errMsg", "also": "err_msg", "reason": "two different values"}
        assert refused({"errMsg": one, "err_msg": another}) == (errors.BadField, facts)
    assert read({"errMsg": 1, "err_msg": 1}, ()).claimed == {"errMsg": 1}


def test_a_code_that_is_no_result_is_the_login() -> None:
    """Where the button gives no code: eight digits may be a result, and nothing else is."""
    for code in ("10000x", "123456789", "-1"):
        found = read({"code": code, "iv": "x"}, ())
        assert found.login_code is not None
        assert found.claimed == {"iv": "x"}
    for result in ("12345678", "0"):
        assert read({"code": result, "js_code": "x"}, ()).claimed == {"code": result}
    assert read({"code": "", "js_code": "x"}, ("code",)).claimed == {"code": ""}
