"""Every code of Douyin in `refusals.toml`, at its place, becomes the error that it stands for."""

from __future__ import annotations

from typing import Any

import pytest

from haoma import catalogue
from haoma.errors import BY_CODE, Next, OutcomeUnknown, UserDeclined
from haoma.words import LANGUAGES
from support.douyin import BUSY, LOGIN, OK, PHONE, STABLE, Bench, configured, no_token, refusal

APP = configured()
ENTRIES = list(catalogue.refusals("douyin").values())
LOGIN_ALONE = {"-1", "40014", "40015", "40017", "40018", "40019"}


def _place(entry: catalogue.Entry) -> str:
    native, _, place = entry.native.partition("@")
    return place or ("login" if native in LOGIN_ALONE else "phone")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.native)
def test_a_code_becomes_its_error(entry: catalogue.Entry) -> None:
    """At the token, the phone number, the login or the button, with Douyin's own code and words of its own."""
    native, place = entry.native.partition("@")[0], _place(entry)
    sent: dict[str, Any] = {"login_code": "a-login-code", "authorization": {"code": "a-code"}}
    bodies: dict[str, Any] = {PHONE: OK, LOGIN: {"err_no": 0, "data": {"openid": "an-openid"}}}
    match place:
        case "button":
            sent = {"authorization": {"errMsg": f"getPhoneNumber:fail {native}"}}
        case "token":
            bodies[STABLE] = no_token(int(native))
        case _:
            bodies[PHONE if place == "phone" else LOGIN] = refusal(int(native))
    bench = Bench(bodies)
    error = bench.refused(APP, sent)
    assert error.platform_code == native
    if place == "phone" and entry.code == "platform.busy":
        assert isinstance(error, OutcomeUnknown)
        return
    assert type(error) is BY_CODE[entry.code]
    assert {error.explain(lang).title for lang in LANGUAGES} == {entry.words(lang).title for lang in LANGUAGES}
    # A dead token is fetched once more; as the same one comes again, the code is not sent again.
    asked = {"button": 0, "login": 1, "token": 2, "phone": 3 + entry.drop_token}
    assert bench.calls.total() == asked[place]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("getPhoneNumber:fail platform auth deny", "platform.permission-missing"),
        ("getPhoneNumber:fail Platform Auth Deny", "platform.permission-missing"),
        ("getPhoneNumber:fail auth deny", "envelope.user-declined"),
        ("getPhoneNumber:fail user deny", "envelope.user-declined"),
        ("getPhoneNumber:cancel", "envelope.user-declined"),
        ("getPhoneNumber:fail no permission", "platform.permission-missing"),
        ("getPhoneNumber:fail no phone number", "platform.no-phone-bound"),
        ("getPhoneNumber:fail not login", "platform.login-code-rejected"),
        ("getPhoneNumber:fail invalid session", "platform.login-code-rejected"),
        ("getPhoneNumber:fail internal error", "platform.busy"),
        ("getPhoneNumber:fail something else", "envelope.button-failed"),
    ],
)
def test_the_words_of_the_button(words: str, code: str) -> None:
    """The platform's "deny" is not the user's; nobody is asked, and with a code the words count for nothing."""
    bench = Bench({PHONE: OK})
    error = bench.refused(APP, {"errMsg": words})
    assert error.code == code
    assert not bench.calls
    assert bench.find(APP, {"errMsg": words, "code": "a-code"}).e164


def test_an_internal_error_on_the_device_cannot_be_sent_again() -> None:
    """The event stays what it is; the user has to tap again."""
    error = Bench({}).refused(APP, {"errMsg": "getPhoneNumber:fail internal error"})
    assert (error.next_action, error.retry) == (Next.ASK_AGAIN, False)


@pytest.mark.parametrize("event", [{"errno": 10299}, {"errno": "10299"}, {"errMsg": "fail", "errno": 0}])
def test_an_unknown_errno(event: dict[str, Any]) -> None:
    """The numbers of errno are not documented: the button failed, and the number is told."""
    error = Bench({}).refused(APP, event)
    assert error.code == "envelope.button-failed"
    assert error.because["errno"] == str(event["errno"])


@pytest.mark.parametrize("event", [{"errno": True, "errMsg": 5}, {"errno": None}, {"errMsg": None}, {"errno": 0}])
def test_an_event_without_anything(event: dict[str, Any]) -> None:
    """No code, no failure: the code is missing."""
    assert Bench({}).refused(APP, event).code == "envelope.missing-field"


@pytest.mark.parametrize(
    "layout",
    [
        {"err_no": "28001018"},
        {"data": {"error_code": 28001018, "description": "no"}},
        {"extra": {"error_code": 28001018, "description": "no"}},
        {"err_no": 0, "data": "AAAA", "extra": {"error_code": 28001018}},
        {"err_no": 0, "data": {"error_code": "28001018"}},
        {"err_no": 28001018, "data": {"error_code": 0}, "extra": {"error_code": 0}},
    ],
)
def test_a_refusal_in_any_of_three_places(layout: dict[str, Any]) -> None:
    """A code that is not zero is a refusal, wherever it stands."""
    error = Bench({PHONE: layout}).refused(APP, {"code": "a-code"})
    assert (error.code, error.platform_code) == ("platform.permission-missing", "28001018")


def test_the_table_says_what_is_busy() -> None:
    """A busy Douyin is asked again because the table says so."""
    bench = Bench({PHONE: [BUSY, OK]})
    assert bench.find(APP, {"code": "a-code"}).e164
    assert isinstance(Bench({}).refused(APP, {"errMsg": "getPhoneNumber:fail auth deny"}), UserDeclined)
