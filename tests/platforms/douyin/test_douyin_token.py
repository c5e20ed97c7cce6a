"""The client_token: who is asked, how often, and what happens when it is dead. Calls are counted."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from haoma.errors import (
    ConnectFailed,
    HaomaError,
    HookFailed,
    NonsenseReply,
    RateLimited,
    Refused,
    Spent,
    TimedOut,
    TokenRejected,
)
from haoma.platforms.base.mirroring import Call
from haoma.platforms.douyin.token import access_token
from haoma.secret import Secret
from haoma.steps import Keep
from support.douyin import (
    BUSY,
    DEAD,
    OK,
    PHONE,
    PLAIN,
    SECRET,
    STABLE,
    Asked,
    Bench,
    configured,
    no_token,
    refusal,
    token,
)

APP = configured()
TOKENS = [token(f"clt.token-{number}") for number in range(20)]
NUMBER = "+8613800138000"


class Slow(Bench):
    """A Douyin that takes its time, so that requests overlap on a busy machine too."""

    def send(self, step: Any) -> Any:
        time.sleep(0.3)
        return super().send(step)


def _accepts_only(wanted: str) -> Any:
    """Douyin with one living token, and a new one for each fetch."""
    fresh = iter(TOKENS)

    def respond(call: Call) -> object:
        if call.path != PHONE:
            return next(fresh)
        return OK if call.headers["access-token"] == wanted else DEAD

    return Asked(respond)


def _at_once(bench: Bench, count: int = 16) -> list[str]:
    start, outcomes = threading.Barrier(count), []

    def one(number: int) -> None:
        start.wait()
        try:
            outcomes.append(bench.find(APP, {"code": f"code-{number}"}).e164)
        except HaomaError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    """One token serves many requests, and is given up five to six minutes before its end."""
    bench = Bench({PHONE: OK})
    for number in range(5):
        bench.find(APP, {"code": f"code-{number}"})
    bench.now += 7200 - 300 - 60 - 1
    bench.find(APP, {"code": "b-code"})
    assert bench.calls == {STABLE: 1, PHONE: 6}
    bench.now += 61
    bench.find(APP, {"code": "c-code"})
    assert bench.calls[STABLE] == 2


@pytest.mark.parametrize(
    ("expires_in", "least", "most"),
    [(7200, 7080, 7140), ("7200", 7080, 7140), (86_400, 86_280, 86_340), (301, 30, 30), (60, 30, 30), (1, 1, 1)],
)
def test_how_long_a_token_is_kept(expires_in: object, least: float, most: float) -> None:
    """A stable token near its end is kept for half a minute, or every request would fetch one."""
    bench = Bench({STABLE: token(expires_in=expires_in)})
    bench.run(access_token(APP).token())
    keep = next(step for step in bench.steps if isinstance(step, Keep))
    assert least <= keep.seconds <= most
    assert SECRET not in keep.place.key.parts
    assert APP.app_id in keep.place.key.parts
    assert isinstance(keep.value, Secret)


@pytest.mark.parametrize("expires_in", [None, 0, -1, True, 1.5, 10**9, "", "soon", "７２００", "9" * 30, [7200]])
def test_an_absurd_life_is_nonsense(expires_in: object) -> None:
    """A reply with an impossible `expires_in` is not believed, and no code is sent."""
    bench = Bench({STABLE: token(expires_in=expires_in), PHONE: OK})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, NonsenseReply)
    assert error.spent is Spent.NO
    assert bench.calls == {STABLE: 1}


@pytest.mark.parametrize("text", ["", "a b", "clt.a\r\nx-evil: 1", "tökén", "x" * 2049, None, 5, ["clt.a"]])
def test_a_token_that_cannot_be_a_header_is_nonsense(text: Any) -> None:
    """What goes into a header is one line of visible ASCII."""
    bench = Bench({STABLE: token(text), PHONE: OK})
    assert isinstance(bench.refused(APP, {"code": "a-code"}), NonsenseReply)
    assert PHONE not in bench.calls


def test_a_stampede_fetches_one_token() -> None:
    """Sixteen requests at once, nothing kept: one fetch."""
    bench = Slow({PHONE: OK})
    assert _at_once(bench) == [NUMBER] * 16
    assert bench.calls == {STABLE: 1, PHONE: 16}


def test_a_stampede_of_dead_tokens_fetches_one_token() -> None:
    """Sixteen requests find the same token dead at once: one fetch, one more call each."""
    bench = Slow(_accepts_only("clt.token-1"))
    bench.run(access_token(APP).token())
    assert _at_once(bench) == [NUMBER] * 16
    assert bench.calls == {STABLE: 2, PHONE: 32}


def test_a_failing_fetch_is_shared() -> None:
    """Sixteen requests at once and no token to be had: one try, sixteen refusals."""
    bench = Slow({STABLE: no_token(10013), PHONE: OK})
    assert _at_once(bench) == ["platform.credentials-rejected"] * 16
    assert bench.calls == {STABLE: 1}


@pytest.mark.parametrize("code", [28001008, 28001003, 2190008, "28001008"])
def test_a_dead_token_is_replaced_and_the_same_code_sent_once_more(code: Any) -> None:
    """One more fetch, one more call, with the same code."""
    bench = Bench({STABLE: TOKENS, PHONE: [refusal(code), OK]})
    assert bench.find(APP, {"code": "a-code"}).e164 == NUMBER
    assert bench.calls == {STABLE: 2, PHONE: 2}
    sent = [step.request for step in bench.sends if step.request.url.endswith(PHONE)]
    assert [json.loads(request.body) for request in sent] == [{"code": "a-code"}] * 2
    assert [dict(request.headers)["access-token"] for request in sent] == ["clt.token-0", "clt.token-1"]


def test_a_second_dead_token_is_the_end() -> None:
    """A persistent refusal costs one extra fetch and one extra call, and the code is not spent."""
    bench = Bench({STABLE: TOKENS, PHONE: DEAD})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, TokenRejected)
    assert (error.spent, error.platform_code) == (Spent.NO, "28001008")
    assert bench.calls == {STABLE: 2, PHONE: 2}


def test_the_same_token_again_is_the_end() -> None:
    """A stable token is the same again: the code is not sent again."""
    bench = Bench({PHONE: DEAD})
    assert isinstance(bench.refused(APP, {"code": "a-code"}), TokenRejected)
    assert bench.calls == {STABLE: 2, PHONE: 1}


def test_dead_tokens_between_busy_answers_are_renewed_once() -> None:
    """However the answers alternate, a request renews its token once."""
    bench = Bench({STABLE: TOKENS, PHONE: [DEAD, BUSY, DEAD, OK]})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, TokenRejected)
    assert error.spent is Spent.UNKNOWN  # the busy try may have used the code up
    assert bench.calls == {STABLE: 2, PHONE: 3}


def test_a_dead_token_is_dropped_only_if_it_is_the_kept_one() -> None:
    """If somebody else has replaced the dead token meanwhile, theirs is taken and nothing is fetched."""
    bench = Bench({STABLE: TOKENS})
    assert bench.run(access_token(APP).token()).reveal() == "clt.token-0"
    assert bench.run(access_token(APP).renewed(Secret("clt.token-0"))).reveal() == "clt.token-1"
    assert bench.run(access_token(APP).renewed(Secret("clt.token-0"))).reveal() == "clt.token-1"
    assert bench.calls == {STABLE: 2}


@pytest.mark.parametrize(("kind", "path"), [("stable", STABLE), ("plain", PLAIN)])
def test_the_request_for_a_token(kind: str, path: str) -> None:
    """Three fields in the body, nothing in the address, on the first fetch and on the second."""
    app = configured(token=kind)
    bench = Bench({path: TOKENS, PHONE: DEAD})
    bench.refused(app, {"code": "a-code"})
    wanted = {"client_key": app.app_id, "client_secret": SECRET, "grant_type": "client_credential"}
    asked = [step.request for step in bench.sends if step.request.url.endswith(path)]
    assert [(each.method, each.query, json.loads(each.body)) for each in asked] == [("POST", (), wanted)] * 2
    shown = repr(bench.sends) + repr(bench.steps)
    assert not any(secret in shown for secret in (SECRET, "clt.token", "a-code"))


@pytest.mark.parametrize(
    "answers", [TOKENS, [{"access_token": f"own-{each}", "expires_in": 7200} for each in range(2)]]
)
def test_a_central_token_server(answers: list[object]) -> None:
    """`token = "central"` asks the team's own server, with its key; it may pass Douyin's reply on or say it flat."""
    app = configured(token="central", token_url="https://tokens.example.com/dy", token_url_key="central-key")
    bench = Bench({"/dy": list(answers), PHONE: [DEAD, OK]})
    bench.find(app, {"code": "a-code"})
    request = bench.sends[0].request
    assert (request.method, request.url) == ("GET", "https://tokens.example.com/dy")
    assert dict(request.headers) == {"authorization": "Bearer central-key"}
    assert "https://tokens.example.com" in app.upstreams
    assert "central-key" not in repr(app) + repr(bench.sends)
    assert bench.calls == {"/dy": 2, PHONE: 2}


def test_a_function_gives_the_token() -> None:
    """The application's function is asked each time, and told which token was rejected."""
    asked: list[tuple[str, str | None]] = []

    def source(app_name: str, rejected: str | None) -> str:
        asked.append((app_name, rejected))
        return "token-after-rejection" if rejected else "token-of-mine"

    bench = Bench(_accepts_only("token-after-rejection"))
    bench.find(configured(token_source=source), {"code": "a-code"})
    assert asked == [("shop", None), ("shop", "token-of-mine")]
    assert bench.calls == {PHONE: 2}


@pytest.mark.parametrize("returned", [None, "", b"token-of-mine", "a token", "x" * 2049, "tökén-of-mine"])
def test_a_function_that_gives_no_token(returned: object) -> None:
    """What is no token is refused before the code is sent."""
    bench = Bench({PHONE: OK})
    error = bench.refused(configured(token_source=lambda _app, _rejected: returned), {"code": "a-code"})
    assert isinstance(error, HookFailed)
    assert error.spent is Spent.NO
    assert not bench.calls


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (no_token(10020), RateLimited),
        (no_token(12345), Refused),
        (TimedOut(), TimedOut),
        (ConnectFailed(), ConnectFailed),
        (b"<html>", NonsenseReply),
    ],
)
def test_without_a_token_the_code_is_not_spent(answer: object, expected: type[HaomaError]) -> None:
    """Whatever keeps the token from us, the code was not sent; the same request works afterwards."""
    bench = Bench({STABLE: [answer, token()], PHONE: OK})
    error = bench.refused(APP, {"code": "a-code"})
    assert type(error) is expected
    assert error.spent is Spent.NO
    assert bench.calls == {STABLE: 1}
    assert bench.find(APP, {"code": "a-code"}, caller="another").e164 == NUMBER


def test_a_token_that_cannot_be_renewed_does_not_spend_the_code() -> None:
    """A timeout of the second fetch is a timeout, and not an unknown outcome of the code."""
    error = Bench({STABLE: [token(), TimedOut()], PHONE: DEAD}).refused(APP, {"code": "a-code"})
    assert type(error) is TimedOut
    assert error.spent is Spent.NO


def test_a_refusal_of_the_token_does_not_echo_the_secret() -> None:
    """Douyin's words are kept, our secret in them is not."""
    error = Bench({STABLE: no_token(10013, f"wrong {SECRET}")}).refused(APP, {"code": "a-code"})
    assert error.platform_message == "wrong ***"
