"""From a platform's words to our refusal: what is masked in them, and what they say about a one-time code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from haoma import catalogue
from haoma.errors import (
    AppMismatch,
    Busy,
    CodeRejected,
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    LoginCodeRejected,
    Next,
    NonsenseReply,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.platforms.base.code_exchange import not_sent, sending_a_code
from haoma.platforms.base.refusal import CODE_REFUSED, of_a_code, refusal, refuses_a_code
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret
from haoma.steps import Flow

SECRET = Secret("the-secret")
NUMBERS = ("13800138000", "8613800138000", "008613800138000")


@pytest.mark.parametrize("part", ["native", "sub", "message", "request_id"])
def test_what_no_word_of_a_platform_shows(part: str) -> None:
    """A secret that was sent, and anything like a number; not a part of a longer row of digits, and not without end."""

    def shown(words: str) -> str:
        given = {"native": "x", part: words}
        secrets = SECRET, None, "another-secret", Secret("CF+3/x=="), "a 码.b-1"
        error = refusal("wechat", given.pop("native"), secrets=secrets, **given)  # type: ignore[arg-type]
        return {
            "native": error.platform_code,
            "sub": error.platform_sub_code,
            "message": error.platform_message,
            "request_id": error.request_id,
        }[part]

    encoded = "CF%2B3%2Fx%3D%3D", "CF%2b3/x%3d%3d", "a%20%E7%A0%81.b-1"
    for hidden in (*NUMBERS, "the-secret", "another-secret", "CF+3/x==", *encoded):
        assert shown(f"no {hidden}, no") == "no ***, no"
    for plain in ("138001380001", "23800138000", "12800138000", "x"):
        assert shown(plain) == plain
    most = 300 if part == "message" else 80
    assert shown("x" * most) == "x" * most
    assert shown("x" * (most + 1)) == "x" * (most - 1) + "…"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_codes_of_a_table(platform: str) -> None:
    """Each is the error that the table names; whether the code is spent, and what is next, is the table's word."""
    for entry in catalogue.refusals(platform).values():
        native, _, place = entry.native.partition("@")
        code, _, sub = native.partition("/")
        error = refusal(platform, code, sub=sub, place=place, step=9, request_id="r", message="m", because={"a": 1})
        assert (error.code, error.spent) == (entry.code, entry.spent), entry.native
        assert (error.platform, error.step, error.place, error.because) == (platform, 9, place, {"a": 1})
        usual = type(error)(platform=platform)
        expected = (Next.ASK_AGAIN, False) if entry.ask_again else (usual.next_action, usual.retry)
        assert (error.next_action, error.retry) == expected, entry.native


def test_a_code_of_no_table() -> None:
    """It says nothing about a one-time code, unless the platform never says what a used one gets."""
    error = refusal("wechat", "999999")
    assert (type(error), error.step, error.spent, error.next_action) == (Refused, 0, Spent.UNKNOWN, Next.STOP)
    assert of_a_code(error).next_action is Next.ASK_AGAIN
    other = refusal("alipay", "40002", sub="isv.x", place="login")
    assert of_a_code(other).next_action is type(other)(platform="alipay").next_action


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (CodeRejected(), True),
        (LoginCodeRejected(), True),
        (LoginCodeRejected(because={"unverified": True}), False),
        (TimedOut(), False),
        (Busy(place="phone"), False),
        (RateLimited(place="login"), False),
        (TimedOut(spent=Spent.YES).evolve(next_action=Next.ASK_AGAIN), False),
        (TimedOut(because={CODE_REFUSED: "x"}), True),
        (TimedOut(because={CODE_REFUSED: "x", "unverified": True}), False),
        *[(kind(place=place), place in ("phone", "login")) for kind in (Refused, AppMismatch)
          for place in ("", "token", "check", "phone", "login")],
    ],
)  # fmt: skip
def test_what_refuses_a_code(error: HaomaError, answer: bool) -> None:
    """The platform's own word about a code, whatever error it ended in; never what a front end says."""
    assert refuses_a_code(error) is answer
    if isinstance(error, Refused) and "unverified" not in error.because:
        error.next_action = Next.ASK_AGAIN
        assert refuses_a_code(error)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (TimedOut, OutcomeUnknown),
        (ConnectionLost, OutcomeUnknown),
        (ReplyTooLarge, ReplyTooLarge),
        (NonsenseReply, NonsenseReply),
        (ConnectFailed, ConnectFailed),
    ],
)
def test_what_a_failure_says_about_a_code(raised: Callable[..., HaomaError], becomes: type[HaomaError]) -> None:
    """Once it is sent nobody knows; before that it certainly is not used."""

    def call() -> Flow[str]:
        yield from ()
        raise raised(because={"a": 1})

    with pytest.raises(HaomaError) as caught:
        next(sending_a_code(call(), 7))
    error = caught.value
    assert (type(error), error.because) == (becomes, {"a": 1})
    assert error.spent is (Spent.NO if raised is ConnectFailed else Spent.UNKNOWN)
    steps: dict[type[HaomaError], int] = {OutcomeUnknown: 7, ReplyTooLarge: 8, NonsenseReply: 8}  # 8 reads the reply
    assert error.step == steps.get(becomes, 0)


def test_what_comes_back_from_a_call() -> None:
    """Its answer, untouched."""

    def call() -> Flow[str]:
        yield from ()
        return "answer"

    with pytest.raises(StopIteration) as end:
        next(sending_a_code(call(), 7))
    assert end.value.value == "answer"


@pytest.mark.parametrize("spent", Spent)
@pytest.mark.parametrize("kind", [TimedOut, ConnectionLost, Refused, NonsenseReply, CodeRejected])
def test_what_fails_before_a_code_is_sent_says_nothing_about_it(kind: Callable[..., HaomaError], spent: Spent) -> None:
    """Whatever it is, and whatever it says of what it sent itself: the code is not spent. All else of it stays."""

    def flow(*, fails: bool) -> Flow[str]:
        yield from ()
        if fails:
            raise kind(because={"a": 1}, step=2, spent=spent)
        return "answer"

    with pytest.raises(HaomaError) as caught:
        next(not_sent(flow(fails=True)))
    assert (type(caught.value), caught.value.spent) == (kind, Spent.NO)
    assert (caught.value.because, caught.value.step) == ({"a": 1}, 2)
    with pytest.raises(StopIteration) as end:
        next(not_sent(flow(fails=False)))
    assert end.value.value == "answer"
