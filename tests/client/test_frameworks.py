"""What a web framework hands over: forms as multi-dicts, texts that are more than `str`, and objects that are no body."""

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pydantic
import pytest
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory
from django.utils.safestring import SafeString
from markupsafe import Markup
from multidict import MultiDict as OtherMultiDict
from starlette.datastructures import FormData
from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict, MultiDict

import support.django_shop  # noqa: F401 - sets Django up, which a process can do once
from haoma import errors, verify_offline
from haoma.authorize import authorize, verify_with_session_key
from haoma.client import AsyncClient, Client
from haoma.settings.reader import configure, from_mapping
from support.vector_cases import cases

PARSERS = import_module("rest_framework.parsers")  # it can only be imported once Django is set up
REQUEST = import_module("rest_framework.request")
SHOP = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
ENVELOPE = json.loads(SHOP.sent)
SEALED = next(case for case in cases("baidu") if case.name == "baidu/frame-phone")
KEY = json.loads(next(iter(SEALED.replies.values())))["session_key"]
NOW = 1_790_000_000.0


def query_dict(pairs):
    found = QueryDict(mutable=True)
    for name, value in pairs:
        found.appendlist(name, value)
    return found


def rest_framework(pairs):
    """What a view of Django REST framework has as ``request.data`` for a form."""
    sent = RequestFactory().post("/", urlencode(pairs), content_type="application/x-www-form-urlencoded")
    return REQUEST.Request(sent, parsers=[PARSERS.FormParser()]).data


FORMS = {
    "django": query_dict,
    "django-frozen": lambda pairs: query_dict(pairs).copy(),
    "rest-framework": rest_framework,
    "werkzeug": MultiDict,
    "werkzeug-frozen": ImmutableMultiDict,
    "werkzeug-combined": lambda pairs: CombinedMultiDict([MultiDict(pairs[:1]), MultiDict(pairs[1:])]),
    "starlette": FormData,
    "aiohttp": OtherMultiDict,
}


@pytest.fixture(scope="module")
def shop():
    return from_mapping({"apps": {"shop": SHOP.app}}).apps["shop"]


@pytest.fixture(scope="module")
def baidu():
    return from_mapping({"apps": {"shop": SEALED.app}}).apps["shop"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_is_read(shop, form):
    """A multi-dict with one value for each name is that form."""
    pairs = list(ENVELOPE.items())
    with Client(shop) as client:
        assert client.get_phone_number("shop", form(pairs)).e164 == SHOP.phone_number
        twice = [*pairs, pairs[0]]
        assert client.get_phone_number("shop", form(twice)).e164 == SHOP.phone_number
    whole = form([("authorization", json.dumps(ENVELOPE)), ("consent", "")])
    assert verify_offline(shop, form([("response", SHOP.sent.decode())])).e164 == SHOP.phone_number
    with pytest.raises(errors.BadField):  # a consent has to be an object
        verify_offline(shop, whole)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_two_values_for_one_name_are_refused(shop, form):
    """Of two values none is chosen; the refusal names the field."""
    for name in ENVELOPE:
        with pytest.raises(errors.BadField) as caught:
            verify_offline(shop, form([*ENVELOPE.items(), (name, "QUJD")]))
        assert caught.value.because["field"] == name
        assert "QUJD" not in str(caught.value)


class Text(str):
    __slots__ = ()


class Bytes(bytes):
    pass


@pytest.mark.parametrize(
    "kind", [Text, SafeString, Markup, lambda text: Bytes(text.encode()), lambda text: bytearray(text.encode())]
)
def test_subclasses_of_text(shop, baidu, kind):
    """A framework's "safe" text is text, for every way in."""
    assert verify_offline(shop, kind(SHOP.sent.decode())).e164 == SHOP.phone_number
    with Client(shop) as client:
        assert client.get_phone_number("shop", kind(SHOP.sent.decode())).e164 == SHOP.phone_number
    sent = json.loads(SEALED.sent)
    sealed = json.dumps(sent.get("authorization", sent))
    assert verify_with_session_key(baidu, kind(sealed), KEY, now=NOW).e164 == SEALED.phone_number
    assert verify_with_session_key(baidu, kind(sealed.replace(" ", "")), Text(KEY), now=NOW).e164 == SEALED.phone_number
    values = {name: kind(value) if kind in (Text, SafeString, Markup) else value for name, value in ENVELOPE.items()}
    assert verify_offline(shop, values).e164 == SHOP.phone_number


class Hostile(Mapping[str, str]):
    """A mapping that fails when it is read."""

    def __init__(self, where):
        self.where = where

    def __getitem__(self, name):
        if self.where == "getitem":
            raise RuntimeError("13811112222")
        return "x"

    def __iter__(self):
        if self.where == "iter":
            raise OSError("13811112222")
        return iter(("response",))

    def __len__(self):
        return 1

    def items(self):
        raise RuntimeError("13811112222")


class HostileForm(dict[str, str]):
    def getlist(self, name):
        raise ZeroDivisionError("13811112222")


@pytest.mark.parametrize(
    "sent", [Hostile("iter"), Hostile("getitem"), HostileForm(a="x"), {"a": Hostile("iter")}],
    ids=["iter", "getitem", "getlist", "inside"],
)  # fmt: skip
def test_a_mapping_that_fails(shop, baidu, sent):
    """Whatever a mapping of the caller's raises, one of our errors comes out, without a word of his."""
    for call in (
        lambda: verify_offline(shop, sent),
        lambda: verify_with_session_key(baidu, sent, KEY, now=NOW),
        lambda: next(authorize(shop, sent, now=NOW)),
    ):
        with pytest.raises(errors.NotJson) as caught:
            call()
        assert "13811112222" not in f"{caught.value} {caught.value!r} {caught.value.diagnosis}"
        assert caught.value.__cause__ is None


class Form(pydantic.BaseModel):
    response: str = "g4jXx7"


@dataclasses.dataclass
class Posted:
    response: str = "g4jXx7"


async def body():
    return SHOP.sent


def test_an_object_gets_advice_about_the_back_end(shop):
    """What no front end can have sent is the program's mistake: one line says what to pass; no value is shown."""
    with Client(shop) as client:
        waiting = body()
        mistakes: tuple[tuple[Any, str, str], ...] = (
            (Form(), "Form", ".model_dump()"), (Posted(), "Posted", "dataclasses.asdict()"),
            (HttpRequest(), "HttpRequest", "request.body"), (waiting, "coroutine", "await request.body()"),
            (object(), "object", "request.body"), ({1, 2}, "set", "request.body"),
        )  # fmt: skip
        for sent, found, instead in mistakes:
            for call, argument in ((client.get_phone_number, "body"), (client.log_in, "login_code")):
                with pytest.raises(errors.WrongArgument) as caught:
                    call("shop", sent)
                assert isinstance(caught.value, TypeError)
                assert (caught.value.because["argument"], caught.value.because["found"]) == (argument, found)
                wanted = instead if argument == "body" else "the code of login() itself"
                assert wanted in str(caught.value.because["instead"])
                assert "g4jXx7" not in str(caught.value)
                assert "\n" not in str(caught.value)
                assert "front end" not in caught.value.explain("en").remedy
        waiting.close()


def test_what_they_should_have_passed_works(shop):
    """The advice holds."""
    with Client(shop) as client:
        for sent in (
            Form(**ENVELOPE).model_dump() | ENVELOPE,
            dataclasses.asdict(Posted(**ENVELOPE_RESPONSE)) | ENVELOPE,
        ):
            assert client.get_phone_number("shop", sent).e164 == SHOP.phone_number


ENVELOPE_RESPONSE = {"response": ENVELOPE["response"]}
CODE = "0a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTu"


@pytest.mark.parametrize("sent", [CODE, CODE.encode(), f'"{CODE}"', f" {CODE}\n", "CODE", Text(CODE)])
def test_a_code_alone(sent):
    """A bare code is refused with words about codes, in which it does not stand."""
    app = configure("wechat", app_id="wx0123456789abcdef", app_secret="01" * 16)
    assert app.name == "wechat"

    async def call_async(name):
        async with AsyncClient(app) as client:
            await getattr(client, name)("wechat", sent)

    with Client(app) as client:
        for call in (
            lambda: client.get_phone_number("wechat", sent),
            lambda: asyncio.run(call_async("get_phone_number")),
        ):
            with pytest.raises(errors.BareCode) as caught:
                call()
            assert '{"login_code": "..."}' in str(caught.value)
            assert '{"code": "..."}' in str(caught.value)
            assert CODE not in str(caught.value)
            assert "response" not in str(caught.value)


@pytest.mark.parametrize("sent", ["null", "1", "[]", "x", "", "code with spaces", "a" * 600])
def test_what_is_no_code(shop, sent):
    """Other text is no JSON, or no object, as before."""
    with pytest.raises((errors.NotJson, errors.UnknownShape)):
        verify_offline(shop, sent)
