"""The access_token: who is asked, how often, and what happens when it is dead. Calls are counted."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import Any

import pytest

from haoma.authorize import authorize
from haoma.errors import (
    Busy,
    ConnectFailed,
    HaomaError,
    HookFailed,
    NonsenseReply,
    Refused,
    Spent,
    TimedOut,
    TokenRejected,
)
from haoma.io import aio
from haoma.platforms.base.mirroring import Call
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.token import access_token, token_source, without_harm
from haoma.secret import Secret
from haoma.steps import Keep, Request
from support.wechat import BUSY, DEAD, NOW, OK, PHONE, PLAIN, SECRET, STABLE, TOKEN, Bench, Wire, configured, refusal

APP = configured()
TOKENS = [{"access_token": f"57_token-{number}", "expires_in": 7200} for number in range(100)]


class Threads:
    """Runs the same thing many times at once."""

    def __init__(self, count: int) -> None:
        self._start = threading.Barrier(count)
        self._threads: list[threading.Thread] = []
        self._count = count
        self.outcomes: list[str] = []

    def run(self, bench: Bench, app: Any = APP) -> list[str]:
        def one(number: int) -> None:
            self._start.wait()
            try:
                self.outcomes.append(bench.find(app, {"code": f"code-{number}"}).e164)
            except HaomaError as error:
                self.outcomes.append(error.code)

        self._threads = [threading.Thread(target=one, args=(number,)) for number in range(self._count)]
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        return self.outcomes


def _accepts_only(token: str) -> Any:
    """WeChat with one living token."""
    return lambda call: OK if call.query["access_token"] == token else DEAD


def test_one_token_serves_many_requests() -> None:
    """The token is fetched once and kept."""
    bench = Bench({STABLE: TOKEN, PHONE: OK})
    for number in range(10):
        bench.find(APP, {"code": f"code-{number}"})
    assert bench.calls == {STABLE: 1, PHONE: 10}


def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    """It is given up five to six minutes before its end."""
    bench = Bench({STABLE: TOKEN, PHONE: OK})
    bench.find(APP, {"code": "a-code"})
    bench.clock.now += 7200 - 300 - 60 - 1
    bench.find(APP, {"code": "b-code"})
    assert bench.calls[STABLE] == 1
    bench.clock.now += 61
    bench.find(APP, {"code": "c-code"})
    assert bench.calls[STABLE] == 2


def _kept(expires_in: object) -> Keep[Secret]:
    """Return the step by which a fetched token is kept."""
    bench = Bench({STABLE: {**TOKEN, "expires_in": expires_in}})
    bench.run(access_token(APP).token())
    return next(step for step in bench.steps if isinstance(step, Keep))


@pytest.mark.parametrize(
    ("expires_in", "least", "most"),
    [(7200, 7080, 7140), ("7200", 7080, 7140), (301, 30, 30), (300, 30, 30), (60, 30, 30), (20, 10, 10), (1, 1, 1)],
)
def test_how_long_a_token_is_kept(expires_in: object, least: float, most: float) -> None:
    """A stable token in its last five minutes is kept for half a minute, or every request would fetch one."""
    keep = _kept(expires_in)
    assert least <= keep.seconds <= most
    assert SECRET not in keep.place.key.parts
    assert APP.app_id in keep.place.key.parts
    assert isinstance(keep.value, Secret)


@pytest.mark.parametrize("expires_in", [None, 0, -1, True, 1.5, 10**9, "", "soon", "７２００", "9" * 30, [7200]])
def test_an_absurd_life_is_nonsense(expires_in: object) -> None:
    """A reply with an impossible `expires_in` is not believed, and no code is sent."""
    bench = Bench({STABLE: {**TOKEN, "expires_in": expires_in}, PHONE: OK})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, NonsenseReply)
    assert error.spent is Spent.NO
    assert bench.calls == {STABLE: 1}


def test_a_stampede_fetches_one_token() -> None:
    """Sixteen requests at once, nothing kept: one fetch."""
    bench = Bench({STABLE: TOKEN, PHONE: OK})
    bench.wire.delay = 0.02
    assert Threads(16).run(bench) == ["+8613580006666"] * 16
    assert bench.calls == {STABLE: 1, PHONE: 16}


def test_a_stampede_of_dead_tokens_fetches_one_token() -> None:
    """Sixteen requests find the same token dead at once: one fetch, one more call each.

    None is told that it is dead before all have sent it, or one that starts late would find the new token.
    """
    bench = Bench({STABLE: (TOKENS[0], TOKENS[1], TOKENS[2]), PHONE: _accepts_only("57_token-1")})
    bench.run(access_token(APP).token())
    sent_by_all = threading.Barrier(16, timeout=30)

    def arrives(request: Request) -> None:
        if ("access_token", "57_token-0") in request.query:
            sent_by_all.wait()

    bench.wire.arrives = arrives
    bench.wire.delay = 0.02
    assert Threads(16).run(bench) == ["+8613580006666"] * 16
    assert bench.calls == {STABLE: 2, PHONE: 32}


def test_a_failing_fetch_is_shared() -> None:
    """Sixteen requests at once and no token to be had: one try, sixteen refusals."""
    bench = Bench({STABLE: refusal(40125), PHONE: OK})
    bench.wire.delay = 0.25
    assert Threads(16).run(bench) == ["platform.credentials-rejected"] * 16
    assert bench.calls == {STABLE: 1}


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_dead_token_is_replaced_and_the_same_code_sent_once_more(errcode: int) -> None:
    """One more fetch, one more call, with the same code."""
    bench = Bench({STABLE: tuple(TOKENS), PHONE: (refusal(errcode), OK)})
    assert bench.find(APP, {"code": "a-code"}).e164 == "+8613580006666"
    assert bench.calls == {STABLE: 2, PHONE: 2}
    sent = [request for request in bench.wire.requests if request.url.endswith(PHONE)]
    assert [json.loads(request.body) for request in sent] == [{"code": "a-code"}] * 2
    assert [dict(request.query)["access_token"] for request in sent] == ["57_token-0", "57_token-1"]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_second_dead_token_is_the_end(errcode: int) -> None:
    """A persistent refusal costs one extra fetch and one extra call, and the code is not spent."""
    bench = Bench({STABLE: tuple(TOKENS), PHONE: refusal(errcode)})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, TokenRejected)
    assert (error.spent, error.platform_code) == (Spent.NO, str(errcode))
    assert bench.calls == {STABLE: 2, PHONE: 2}


def test_the_same_token_again_is_the_end() -> None:
    """If the platform gives the failing token once more, the code is not sent again."""
    bench = Bench({STABLE: TOKEN, PHONE: DEAD})
    assert isinstance(bench.refused(APP, {"code": "a-code"}), TokenRejected)
    assert bench.calls == {STABLE: 2, PHONE: 1}


def test_dead_tokens_between_busy_answers_are_renewed_once() -> None:
    """However the answers alternate, a request renews its token once."""
    bench = Bench({STABLE: tuple(TOKENS), PHONE: (DEAD, BUSY, DEAD, OK)})
    error = bench.refused(APP, {"code": "a-code"})
    assert isinstance(error, TokenRejected)
    assert error.spent is Spent.UNKNOWN  # the -1 may have used the code up
    assert bench.calls == {STABLE: 2, PHONE: 3}


def test_a_dead_token_is_dropped_only_if_it_is_the_kept_one() -> None:
    """If somebody else has replaced the dead token meanwhile, theirs is taken and nothing is fetched."""
    bench = Bench({STABLE: tuple(TOKENS)})
    assert bench.run(access_token(APP).token()).reveal() == "57_token-0"
    assert bench.run(access_token(APP).renewed(Secret("57_token-0"))).reveal() == "57_token-1"
    assert bench.run(access_token(APP).renewed(Secret("57_token-0"))).reveal() == "57_token-1"
    assert bench.calls == {STABLE: 2}


def test_a_token_war_ends_after_one_extra_call() -> None:
    """Another process that refreshes all the time costs each request one extra fetch and one extra call."""
    mirror = WeChatMirror(random.Random(1).randbytes)
    app = WECHAT.configure(Table("war", mirror.settings("https://api.weixin.qq.com")["wechat-war"], now=NOW))
    assert app is not None
    bench = Bench(mirror)
    for number in range(1, 4):
        tap = mirror.tap("token-war", allow=True, now=NOW)
        error = bench.refused(app, tap.body)
        assert error.code == tap.expect
        assert bench.calls[PHONE] == 2 * number
        assert bench.calls[PLAIN] <= 2 * number


def test_force_refresh_is_never_sent() -> None:
    """The body of a token request has the three fields, on the first fetch and on the second."""
    bench = Bench({STABLE: tuple(TOKENS), PHONE: DEAD})
    bench.refused(APP, {"code": "a-code"})
    bodies = [json.loads(each.body) for each in bench.wire.requests if each.url.endswith(STABLE)]
    assert bodies == [{"grant_type": "client_credential", "appid": APP.app_id, "secret": SECRET}] * 2


def test_secrets_are_in_no_address_and_no_repr() -> None:
    """The secret and the token go where they are never shown."""
    for settings, path in ({}, STABLE), ({"token": "plain"}, PLAIN):
        app = configured(**settings)
        bench = Bench({path: TOKEN, PHONE: OK})
        bench.find(app, {"code": "a-secret-code"})
        shown = repr(bench.wire.sends) + repr(bench.wire.requests) + repr(bench.steps) + repr(app)
        for secret in (SECRET, TOKEN["access_token"], "a-secret-code"):
            assert str(secret) not in shown


def test_the_plain_token_by_option() -> None:
    """`token = "plain"` asks the plain address, with the secret in the query."""
    bench = Bench({PLAIN: TOKEN, PHONE: OK})
    bench.find(configured(token="plain"), {"code": "a-code"})
    request = bench.wire.requests[0]
    assert (request.method, request.body) == ("GET", b"")
    assert dict(request.query) == {"grant_type": "client_credential", "appid": APP.app_id, "secret": SECRET}


def test_a_central_token_server() -> None:
    """`token = "central"` asks the team's own server, with its key, and never WeChat's."""
    app = configured(token="central", token_url="https://tokens.example.com/wx", token_url_key="central-key")
    bench = Bench({"/wx": tuple(TOKENS), PHONE: (DEAD, OK)})
    bench.find(app, {"code": "a-code"})
    request = bench.wire.requests[0]
    assert request.url == "https://tokens.example.com/wx"
    assert dict(request.headers) == {"authorization": "Bearer central-key"}
    assert set(app.upstreams) == {"https://api.weixin.qq.com", "https://tokens.example.com"}
    assert "central-key" not in repr(app) + repr(bench.wire.requests)
    assert bench.calls == {"/wx": 2, PHONE: 2}


def test_a_function_gives_the_token() -> None:
    """The application's function is asked each time, and told which token was rejected."""
    asked: list[tuple[str, str | None]] = []

    def source(app_name: str, rejected: str | None) -> str:
        asked.append((app_name, rejected))
        return "token-after-rejection" if rejected else "token-of-mine"

    bench = Bench({PHONE: _accepts_only("token-after-rejection")})
    bench.find(configured(token_source=source, app_secret=SECRET), {"code": "a-code"})
    assert asked == [("shop", None), ("shop", "token-of-mine")]
    assert bench.calls == {PHONE: 2}


def test_a_function_is_asked_once_for_each_request() -> None:
    """However often WeChat is busy, the request goes on with the token that it has."""
    asked: list[str | None] = []

    def source(_app: str, rejected: str | None) -> str:
        asked.append(rejected)
        return f"token-{len(asked)}"

    bench = Bench({PHONE: (BUSY, BUSY, OK)})
    bench.find(configured(token_source=source), {"code": "a-code"})
    assert asked == [None]
    assert [dict(each.query)["access_token"] for each in bench.wire.requests] == ["token-1"] * 3


def test_a_function_that_insists_on_its_token() -> None:
    """If the function returns the rejected token again, the code is not sent again."""
    bench = Bench({PHONE: DEAD})
    error = bench.refused(configured(token_source=lambda _app, _rejected: "token-of-mine"), {"code": "a-code"})
    assert isinstance(error, TokenRejected)
    assert bench.calls == {PHONE: 1}


def test_an_async_function_gives_the_token() -> None:
    """Under the async driver the function may be async."""

    async def source(app_name: str, rejected: str | None) -> str:
        await asyncio.sleep(0)
        return f"token-of-{app_name}"

    class AsyncWire(Wire):
        async def send(self, step: Any) -> Any:  # type: ignore[override]
            return super().send(step)

    bench = Bench({PHONE: _accepts_only("token-of-shop")})
    world = aio.World(AsyncWire(bench.wire.side), bench.memory)
    flow = authorize(configured(token_source=source), {"code": "a-code"}, now=NOW)
    assert asyncio.run(aio.run(flow, world)).e164 == "+8613580006666"


@pytest.mark.parametrize(
    ("returned", "called"),
    [(None, "NoneType"), ("", "empty text"), (b"token-of-mine", "bytes"), ("a token", "str"), ("x" * 2049, "str"),
     ("tökén-of-mine", "str")],
)  # fmt: skip
def test_a_function_that_gives_no_token(returned: object, called: str) -> None:
    """What is no token is refused before the code is sent; what it was is said, and not what stood in it."""
    bench = Bench({PHONE: OK})
    error = bench.refused(configured(token_source=lambda _app, _rejected: returned), {"code": "a-code"})
    assert isinstance(error, HookFailed)
    assert dict(error.because) == {"returned": called, "needed": "a token as text"}
    assert error.spent is Spent.NO
    assert not bench.calls


def test_a_function_that_fails() -> None:
    """Its exception becomes ours, without its words, and the code may be sent again."""

    def source(_app: str, _rejected: str | None) -> str:
        raise ValueError("the-password-of-the-cache")

    bench = Bench({PHONE: OK})
    error = bench.refused(configured(token_source=source), {"code": "a-code"})
    assert isinstance(error, HookFailed)
    assert "the-password-of-the-cache" not in str(error) + repr(error)
    assert bench.find(configured(token_source=lambda _app, _rejected: "token-of-mine"), {"code": "a-code"}).e164


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (BUSY, Busy),
        (refusal(12345), Refused),
        (TimedOut(), TimedOut),
        (ConnectFailed(), ConnectFailed),
        (b"<html>", NonsenseReply),
    ],
)
def test_without_a_token_the_code_is_not_spent(answer: object, expected: type[HaomaError]) -> None:
    """Whatever keeps the token from us, the code was not sent; the same request works afterwards."""
    bench = Bench({STABLE: (answer, TOKEN), PHONE: OK})
    error = bench.refused(APP, {"code": "a-code"})
    assert type(error) is expected
    assert error.spent is Spent.NO
    assert bench.calls == {STABLE: 1}
    assert bench.find(APP, {"code": "a-code"}, caller="another").e164 == "+8613580006666"


def test_a_token_that_cannot_be_renewed_does_not_spend_the_code() -> None:
    """A timeout of the second fetch is a timeout, and not an unknown outcome of the code."""
    bench = Bench({STABLE: (TOKEN, TimedOut()), PHONE: DEAD})
    error = bench.refused(APP, {"code": "a-code"})
    assert type(error) is TimedOut
    assert error.spent is Spent.NO


def test_a_token_is_that_of_its_server() -> None:
    """Two central servers, two addresses of WeChat: nobody sends the token of one to the other."""
    central = {"token": "central", "token_url_key": "central-key"}
    apps = [
        configured(),
        configured(api_base_url="https://wechat.example.com"),
        configured(**central, token_url="https://one.example.com/one"),
        configured(**central, token_url="https://two.example.com/two"),
        configured(token="plain"),
    ]
    paths = [STABLE, STABLE, "/one", "/two", PLAIN]
    bench = Bench({**dict.fromkeys(paths, tuple(TOKENS[:2])), PHONE: OK})
    for number, app in enumerate(apps * 2):
        bench.find(app, {"code": f"code-{number}"})
    assert bench.calls == {STABLE: 2, "/one": 1, "/two": 1, PLAIN: 1, PHONE: 10}


@pytest.mark.parametrize(("issuer", "asked"), [("stable", STABLE), ("plain", STABLE), ("cloud", None)])
def test_where_a_doctor_gets_a_token(issuer: str, asked: str | None) -> None:
    """Of the plain family a new one would kill the one in use; the sidecar's is never seen."""
    app = configured(token=issuer)
    source, bench = token_source(app), Bench({STABLE: TOKEN, PLAIN: TOKEN})
    assert (source.issuer, source.fetch is None) == (issuer, asked is None)
    assert without_harm(app) == (configured() if issuer == "plain" else app)
    if source.fetch is not None:
        bench.run(source.fetch())
    assert list(bench.calls) == ([asked] if asked else [])


def test_a_refusal_of_the_token_does_not_echo_the_secret() -> None:
    """WeChat's words are kept, our secret in them is not."""
    bench = Bench({STABLE: {"errcode": 40125, "errmsg": f"invalid appsecret {SECRET} rid: 6899a148-5929c88a"}})
    error = bench.refused(APP, {"code": "a-code"})
    assert SECRET not in str(error) + repr(error) + error.platform_message
    assert error.request_id == "6899a148-5929c88a"


def _only_token(call: Call) -> object:
    assert call.query == {"access_token": TOKEN["access_token"]}
    assert call.headers == {"content-type": "application/json"}
    return OK


def test_a_request_carries_no_more_than_is_needed() -> None:
    """The query of the phone call has the token and nothing else."""
    bench = Bench({STABLE: TOKEN, PHONE: _only_token})
    assert bench.find(APP, {"code": "a-code"}).e164
