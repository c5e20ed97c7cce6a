"""Whatever is kept is bytes, and comes back as it was: every codec, and every shelf that is declared anywhere."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

import haoma
from haoma import codecs, errors
from haoma.codecs import MOMENT, OUTCOME, PUBLIC_KEY, SECRET, Record
from haoma.errors import BY_CODE, CodeRejected, ConfigFaults, Fault, HaomaError, InternalFault, Next, Spent
from haoma.phone import PhoneNumber
from haoma.platforms.base.contract import Login
from haoma.platforms.base.session_keys import _Kept
from haoma.platforms.wechat.third_party.grant import Grant, _Code, _Exchanged, _Seen
from haoma.platforms.wechat.third_party.tokens import _Ticket
from haoma.secret import Secret
from haoma.sms import _Pending, _Share
from haoma.steps import Codec, Shelf
from haoma.verified import Assurance, Check, CheckName, Subject, VerifiedPhone

TEXT = st.text(max_size=30)
SECRETS = st.builds(Secret, TEXT)
SECONDS = st.floats(allow_nan=False)
WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)


@cache
def _keys() -> list[Any]:
    return [rsa.generate_private_key(65537, 2048).public_key()]


# --- shelves ---

GRANTS = st.builds(Grant, TEXT, TEXT, st.none() | SECRETS, st.none() | st.frozensets(WHOLE, max_size=4))
LOGINS = st.builds(Login, st.builds(Subject, TEXT, TEXT, TEXT), TEXT, SECONDS)
RECORDS: dict[str, st.SearchStrategy[Any]] = {
    "access-token": SECRETS,
    "access-token-instead": SECRETS,
    "alipay-certificate": st.deferred(lambda: st.sampled_from(_keys())),
    "authorizer-changed": TEXT,
    "authorizer-code": st.builds(_Code, SECRETS, TEXT),
    "authorizer-event": st.builds(_Seen, WHOLE, st.lists(st.tuples(TEXT, SECRETS), max_size=3).map(tuple)),
    "authorizer-exchanged": st.builds(_Exchanged, SECRETS, st.none() | GRANTS),
    "authorizer-page": TEXT,
    "authorizer-refresh-token": SECRETS,
    "component-ticket": st.builds(_Ticket, WHOLE, st.none() | SECRETS),
    "component-token": SECRETS,
    "dingtalk-user-token": SECRETS,
    "huawei-user-token": SECRETS,
    "login-of-request": LOGINS,
    "plain-push": TEXT,
    "revoked-token": SECONDS,
    "session": LOGINS,
    "sms-code": st.builds(_Pending, TEXT, TEXT, TEXT, SECONDS, SECONDS),
    "sms-latest": st.builds(_Pending, TEXT, TEXT, TEXT, SECONDS, SECONDS),
    "sms-share": st.builds(_Share, SECONDS, WHOLE, WHOLE),
    "session-key-seen": SECONDS,
    "session-keys": st.lists(st.builds(_Kept, SECRETS, SECONDS, SECONDS, SECONDS), max_size=3).map(tuple),
}
ROOT = Path(haoma.__file__).parent


def _shelves() -> list[Shelf[Any]]:
    """All that modules of haoma have; only such are imported as speak of any."""
    found: dict[int, Shelf[Any]] = {}
    for module in pkgutil.walk_packages(haoma.__path__, "haoma."):
        path = ROOT.joinpath(*module.name.split(".")[1:])
        path = path / "__init__.py" if module.ispkg else path.with_suffix(".py")
        if "Shelf" in path.read_text("utf-8"):
            values = vars(importlib.import_module(module.name)).values()
            found.update((id(each), each) for each in values if isinstance(each, Shelf))
    return sorted(found.values(), key=lambda shelf: shelf.kind)


SHELVES = _shelves()


def test_every_shelf_is_known():
    """A shelf that is new has its records in here; no two are called the same."""
    assert [shelf.kind for shelf in SHELVES] == sorted(RECORDS)


def _comes_back(codec: Codec[Any], value: object) -> None:
    written = codec.encode(value)
    assert type(written) is bytes
    found = codec.decode(written)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.kind)
def test_what_stands_on_a_shelf_comes_back(shelf):
    """Every record is equal to what it was."""

    @settings(max_examples=25)
    @given(RECORDS[shelf.kind])
    def law(value: object) -> None:
        _comes_back(shelf.codec, value)

    law()


CODECS: dict[str, Codec[Any]] = {
    "moment": MOMENT,
    "secret": SECRET,
    "outcome": OUTCOME,
    "public-key": PUBLIC_KEY,
    **{f"shelf:{shelf.kind}": shelf.codec for shelf in SHELVES},
}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_other_bytes_are_refused(codec):
    """What is no value of this codec is a ValueError, whatever it is; what is one is read."""

    @settings(max_examples=20)
    @given(st.binary(max_size=40))
    def law(found: bytes) -> None:
        try:
            value = codec.decode(found)
        except ValueError:
            return
        codec.encode(value)

    law()


class Odd:
    """A type that msgspec does not know."""


def test_what_has_no_form_in_bytes_is_a_mistake_of_ours():
    """It is named by its type, in both directions, and nothing takes the place of it."""
    with pytest.raises(TypeError, match=r"^Odd has no form in bytes$"):
        Record(Odd).encode(Odd())
    with pytest.raises(ValueError, match=r"^Odd has no form in bytes$"):
        Record(Odd).decode(SECRET.encode(Secret("x")))


@pytest.mark.parametrize("written", [b"\x07", b"\xc0", b"\xc4\x01x", b"\x90", b"\xc3"])
def test_a_secret_is_text(written):
    """No number, nothing, bytes, list or truth value becomes one."""
    with pytest.raises(ValueError, match=r"^Secret has no form in bytes$"):
        SECRET.decode(written)


# --- what comes of an authorization ---

NUMBERS = st.builds(
    PhoneNumber, st.text("0123456789", min_size=1, max_size=3), st.text("0123456789", min_size=4, max_size=11)
)
PHONES = st.builds(
    VerifiedPhone,
    NUMBERS,
    TEXT,
    TEXT,
    st.none() | st.builds(Subject, TEXT, TEXT, TEXT),
    st.lists(st.builds(Check, st.sampled_from(CheckName), st.booleans(), TEXT), max_size=5).map(tuple),
    st.sampled_from(Assurance),
    st.booleans(),
)
FACTS = st.none() | st.booleans() | WHOLE | SECONDS | TEXT | st.lists(WHOLE | TEXT, max_size=3)
SAID = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("platform", "app", "diagnosis", "platform_code", "platform_sub_code", "place", "platform_message", "request_id"), TEXT),
        "step": st.integers(0, 9),
        "because": st.dictionaries(TEXT, FACTS, max_size=3),
        "unlisted": st.lists(TEXT, max_size=3).map(tuple),
        "spent": st.sampled_from(Spent),
    },
)  # fmt: skip
CHANGED = st.fixed_dictionaries({}, optional={"next_action": st.sampled_from(Next), "retry": st.booleans()})
WITH_FAULTS = ConfigFaults.code


@settings(max_examples=50)
@given(PHONES)
def test_a_number_comes_back(phone):
    """With all its checks."""
    _comes_back(OUTCOME, phone)


@pytest.mark.parametrize("code", sorted(set(BY_CODE) - {WITH_FAULTS}))
def test_an_error_comes_back(code):
    """Of its class, with all that was said of it, and nothing else: no traceback, no cause."""

    @settings(max_examples=6)
    @given(SAID, CHANGED, st.integers(0, 2**40))
    def law(said: dict[str, Any], changed: dict[str, Any], retry_after: int) -> None:
        error = BY_CODE[code](**said)
        if hasattr(error, "retry_after"):
            error = error.evolve(retry_after=retry_after)
        error = error.evolve(**changed)
        try:
            raise error from OSError("what lies below")
        except HaomaError as raised:
            written = OUTCOME.encode(raised)
        found = OUTCOME.decode(written)
        assert isinstance(found, HaomaError)
        assert type(found) is type(error)
        assert vars(found) == vars(error)
        assert (found.next_action, found.retry, str(found), repr(found)) == (
            error.next_action,
            error.retry,
            str(error),
            repr(error),
        )
        assert (found.__traceback__, found.__cause__, found.__context__) == (None, None, None)
        assert OUTCOME.encode(found) == written

    law()


def test_facts_of_other_kinds_become_words():
    """They are for people to read. None of them stops an outcome from being kept: a code would be held for a minute."""

    class Odd:
        def __str__(self) -> str:
            return "odd"

    facts = {
        "huge": 2**70, "least": -(2**63), "several": (1, {2}), "object": Odd(), "secret": Secret("canary"), "dict": {1: 2},
        "bytes": b"ab", "lone \ud800": "\udfff", "enum": Spent.NO, "code": CodeRejected,
    }  # fmt: skip
    error = CodeRejected(because=facts, platform_message="\ud800", unlisted=("\udc00",), diagnosis="\udfff")
    found = OUTCOME.decode(OUTCOME.encode(error))
    assert isinstance(found, HaomaError)
    assert dict(found.because) == {
        "huge": str(2**70), "least": str(-(2**63)), "several": [1, [2]], "object": "odd", "secret": "***",
        "dict": "{1: 2}", "bytes": "b'ab'", "lone \\ud800": "\\udfff", "enum": "no", "code": str(CodeRejected),
    }  # fmt: skip
    assert (found.platform_message, found.unlisted, found.diagnosis) == ("\\ud800", ("\\udc00",), "\\udfff")


def test_classes_of_the_application_and_lists_of_faults():
    """A class that is nobody's but the application's is a mistake to whoever reads it; what it says is not passed on."""

    class Own(HaomaError):
        code = "own.code"

    class Rejected(CodeRejected):
        """A class of the application, under a code of ours."""

    codecs._classes.cache_clear()
    for error in (Own(spent=Spent.YES, diagnosis="canary"), ConfigFaults([Fault("config.missing-setting", "canary")])):
        found = OUTCOME.decode(OUTCOME.encode(error))
        assert (type(found), found.spent) == (InternalFault, error.spent)  # type: ignore[union-attr]
        assert "canary" not in str(found)
    assert type(OUTCOME.decode(OUTCOME.encode(Rejected()))) is CodeRejected
    assert "own.code" not in BY_CODE
    assert errors.BY_CODE[CodeRejected.code] is CodeRejected


def test_what_is_no_fact_is_left_out():
    """Notes on an exception are for those who have it in their hands."""
    error = CodeRejected(diagnosis="a fact")
    error.add_note("canary")
    found = OUTCOME.decode(OUTCOME.encode(error))
    assert isinstance(found, HaomaError)
    assert (found.diagnosis, hasattr(found, "__notes__")) == ("a fact", False)


def test_what_goes_without_saying_is_not_written():
    """So that a later version, which knows more fields, reads and writes the same of an error that has none of them."""
    written = msgspec.msgpack.decode(OUTCOME.encode(CodeRejected()))
    assert written == {"type": "refusal", "code": CodeRejected.code, "spent": "no", "unlisted": []}


def test_a_code_of_another_version_is_refused():
    """It is no outcome of any kind that is known here, and not one without a code."""
    written = OUTCOME.encode(CodeRejected())
    code = CodeRejected.code.encode()
    for other in (code[:-1] + b"x", b"x" * len(code)):
        with pytest.raises(ValueError):
            OUTCOME.decode(written.replace(code, other))


def test_what_is_written_holds_no_object():
    """Whoever changes what he kept afterwards changes nothing that is kept."""
    listed, error = [1, 2], CodeRejected()
    error = error.evolve(because={"listed": listed})
    written = OUTCOME.encode(error)
    listed.append(3)
    assert OUTCOME.decode(written).because == {"listed": [1, 2]}  # type: ignore[union-attr]
