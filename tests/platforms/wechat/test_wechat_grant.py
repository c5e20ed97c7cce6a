"""A merchant's grant: given, changed, taken back; and a refresh token that is not lost, whatever restarts."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from haoma.authorize import take_push
from haoma.errors import (
    Busy,
    CannotOpen,
    CredentialsRejected,
    HaomaError,
    HookFailed,
    NonsenseReply,
    PermissionMissing,
    Spent,
    TimedOut,
    TokenRejected,
)
from haoma.io.blocking import World
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.custody import STEP
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.third_party.grant import Grant, take_grant
from haoma.steps import Keep, Reply, Request, Send
from support.wechat import NOW, PHONE, Bench, refusal

if TYPE_CHECKING:
    from haoma.io.http import Http

URL = "https://api.weixin.qq.com"
PATH = "/cgi-bin/component/"
QUERY_AUTH, RENEW, LOOK_UP = f"{PATH}api_query_auth", f"{PATH}api_authorizer_token", f"{PATH}api_get_authorizer_info"
TOKEN, START_PUSH = f"{PATH}api_component_token", f"{PATH}api_start_push_ticket"
GIVEN = {"component_access_token": "c-token", "expires_in": 7200}
RENEWED = {"authorizer_access_token": "m-token", "expires_in": 7200}


@pytest.fixture
def mirror() -> WeChatMirror:
    """A new WeChat."""
    return WeChatMirror(random.Random(1).randbytes)


def _app(mirror: WeChatMirror, name: str = "wechat-granting", **more: Any) -> WeChatApp:
    table = Table(name, {**mirror.settings(URL)[name], **more}, now=NOW)
    app = WECHAT.configure(table)
    assert app is not None, table.faults
    assert not table.faults
    return app


def _push(bench: Bench, app: WeChatApp, pushed: tuple[dict[str, str], bytes]) -> str:
    return bench.run(take_push(app, *pushed, now=bench.clock.now)).said


def _refused_push(bench: Bench, app: WeChatApp, pushed: tuple[dict[str, str], bytes]) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        _push(bench, app, pushed)
    return caught.value


def _started(mirror: WeChatMirror, side: Any = None, app: WeChatApp | None = None) -> Bench:
    """A process that has just started, and received a ticket."""
    bench = Bench(side or mirror)
    _push(bench, app or _app(mirror), mirror.merchants.push(NOW))
    return bench


def _code(mirror: WeChatMirror, bench: Bench, name: str = "wechat-granting") -> dict[str, Any]:
    """What a user of the merchant sends, without a login; the tap pushes nothing here."""
    program = mirror._programs[name]
    played = mirror.tap("component-ok", allow=True, now=bench.clock.now).body
    assert played is not None
    mirror._codes[played["authorization"]["code"]].app_id = program.app_id
    return {"authorization": played["authorization"]}


# --- the first grant


@pytest.mark.parametrize("kind", ["authorized", "updateauthorized"])
def test_a_grant_that_is_pushed_is_exchanged_at_once(mirror: WeChatMirror, kind: str) -> None:
    """Its code gives all tokens; the first user needs no further call for them, and nothing stands in the settings."""
    app = _app(mirror)
    bench = _started(mirror)
    assert app.component is not None
    assert app.component.refresh_token is None
    assert _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW, kind=kind)) == "success"
    assert bench.calls == {TOKEN: 1, QUERY_AUTH: 1}
    assert bench.find(app, _code(mirror, bench)).platform == "wechat"
    assert bench.calls == {TOKEN: 1, QUERY_AUTH: 1, PHONE: 1}


def test_two_hours_later_the_pushed_refresh_token_renews(mirror: WeChatMirror) -> None:
    """The access token ends; what the grant gave makes the next one, without a look-up."""
    app = _app(mirror)
    bench = _started(mirror)
    _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    bench.clock.now += 7201
    _push(bench, app, mirror.merchants.push(bench.clock.now))
    bench.find(app, _code(mirror, bench))
    assert (bench.calls[RENEW], bench.calls[LOOK_UP], bench.calls[QUERY_AUTH]) == (1, 0, 1)


def test_a_push_may_be_for_any_merchant_of_the_platform(mirror: WeChatMirror) -> None:
    """WeChat knows one address; the name in it need not be that of the merchant who granted."""
    app, other = _app(mirror), _app(mirror, "wechat-merchant")
    bench = _started(mirror)
    _push(bench, other, mirror.merchants.push_grant(app.app_id, NOW))
    bench.find(app, _code(mirror, bench))
    assert (bench.calls[QUERY_AUTH], bench.calls[RENEW]) == (1, 0)


def test_the_page_after_the_grant_can_exchange_the_code_itself(mirror: WeChatMirror) -> None:
    """Where pushes do not arrive, the address that the merchant is sent back to has the same code."""
    app = _app(mirror)
    bench = _started(mirror)
    mirror.merchants.push_grant(app.app_id, NOW)
    code = next(reversed(mirror.merchants._codes))
    grant = bench.run(take_grant(app, code))
    assert (grant.event, grant.app_id, grant.allows_phone_numbers) == ("authorized", app.app_id, True)
    assert grant.refresh_token is not None
    assert grant.refresh_token.reveal() not in repr(grant)
    bench.find(app, _code(mirror, bench))
    assert (bench.calls[QUERY_AUTH], bench.calls[RENEW]) == (1, 0)
    with pytest.raises(CredentialsRejected) as caught:
        bench.run(take_grant(app, code))
    assert (caught.value.platform_code, code in str(caught.value)) == ("61010", False)


@pytest.mark.parametrize(
    ("listed", "sets", "allowed"),
    [
        ([{"funcscope_category": {"id": 18}}, {"funcscope_category": {"id": 17}}], {17, 18}, True),
        ([{"funcscope_category": {"id": 17}}, {"funcscope_category": {"id": "18"}}, {}, 18, None], {17}, False),
        ([], set(), False),
        (None, None, None),
        ("18", None, None),
    ],
)
def test_the_grant_says_whether_permission_set_18_is_in_it(
    mirror: WeChatMirror, listed: Any, sets: set[int] | None, allowed: bool | None
) -> None:
    """So that a merchant without it is known before the first user meets 61007."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    info = {"authorizer_appid": app.app_id, "authorizer_refresh_token": "r-token", "func_info": listed}
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: {"authorization_info": info}})
    _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    assert told[0].permission_sets == sets
    assert told[0].allows_phone_numbers is allowed


# --- pushes about grants that are not believed, or change nothing


def test_a_grant_without_its_fields_is_not_believed(mirror: WeChatMirror) -> None:
    """Signed or not: one refusal, and no call."""
    app = _app(mirror)
    bench = _started(mirror)
    component = app.component
    assert component is not None
    whole = {
        "AppId": component.app_id, "CreateTime": str(int(NOW)), "InfoType": "authorized",
        "AuthorizerAppid": app.app_id, "AuthorizationCode": "a-code",
    }  # fmt: skip
    for name, text in (
        ("AppId", app.app_id), ("AppId", ""), ("CreateTime", "-1"), ("CreateTime", ""), ("AuthorizerAppid", ""),
        ("AuthorizerAppid", "a:b"), ("AuthorizationCode", ""), ("AuthorizationCode", "a b"),
    ):  # fmt: skip
        inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in {**whole, name: text}.items())
        error = _refused_push(bench, app, mirror.merchants.seal(NOW, inside))
        assert isinstance(error, CannotOpen)
        assert error.step == 1
    query, body = mirror.merchants.push_grant(app.app_id, NOW)
    assert isinstance(_refused_push(bench, app, ({**query, "nonce": "1"}, body)), CannotOpen)
    assert not bench.calls


def test_an_old_push_does_not_undo_a_newer_one(mirror: WeChatMirror) -> None:
    """Who replays "unauthorized" within the five minutes after a new grant changes nothing; nor does an older grant."""
    app = _app(mirror)
    bench = _started(mirror)
    left = mirror.merchants.push_leave(app.app_id, NOW, created=NOW - 20)
    older = mirror.merchants.push_grant(app.app_id, NOW, created=NOW - 10)
    newer = mirror.merchants.push_grant(app.app_id, NOW)
    for pushed in (newer, left, older, newer):
        assert _push(bench, app, pushed) == "success"
    bench.find(app, _code(mirror, bench))
    assert (bench.calls[QUERY_AUTH], bench.calls[RENEW], bench.calls[LOOK_UP]) == (1, 0, 0)


def _exchanged(mirror: WeChatMirror, pushed: tuple[dict[str, str], bytes], at: float) -> tuple[dict[str, str], bytes]:
    """The same push, and the same signature, with ``nonce`` (WeChat's look like times) in the place of ``timestamp``."""
    sealed = pushed[1].decode().partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    query, body = mirror.merchants.sign(float(pushed[0]["timestamp"]), sealed, nonce=str(int(at)))
    return {**query, "timestamp": query["nonce"], "nonce": query["timestamp"]}, body


def test_an_old_push_with_timestamp_and_nonce_exchanged(mirror: WeChatMirror) -> None:
    """The signature fits both ways round; the time inside the ciphertext says that it is old, also to a new process."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    later = NOW + 3601
    left = _exchanged(mirror, mirror.merchants.push_leave(app.app_id, NOW), later)
    given = _exchanged(mirror, mirror.merchants.push_grant(app.app_id, NOW), later)
    bench = Bench(mirror)
    bench.clock.now = later
    _push(bench, app, mirror.merchants.push(later))
    _push(bench, app, mirror.merchants.push_grant(app.app_id, later, created=later))
    told.clear()
    bench.calls.clear()
    for pushed in (left, given):
        assert isinstance(_refused_push(bench, app, pushed), CannotOpen)
    restarted = Bench(mirror)
    restarted.clock.now = later
    for pushed in (left, given):
        assert isinstance(_refused_push(restarted, app, pushed), CannotOpen)
    assert not told
    assert not bench.calls + restarted.calls


@pytest.mark.parametrize("away", [-3600, -600, 600])
def test_a_push_that_wechat_repeats_late_is_taken(mirror: WeChatMirror, away: float) -> None:
    """A repeated push may keep its CreateTime, and clocks differ: as long as its code may be good it is exchanged."""
    app = _app(mirror)
    bench = _started(mirror)
    assert _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW, created=NOW + away)) == "success"
    assert bench.calls[QUERY_AUTH] == 1


def test_an_event_is_remembered_for_as_long_as_it_may_come_again(mirror: WeChatMirror) -> None:
    """The clock of WeChat is ahead: "unauthorized" is sent again, signed anew, until it is too old; the grant stays."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    bench = _started(mirror)
    ahead = NOW + 3500
    left = mirror.merchants.push_leave(app.app_id, NOW, created=ahead - 1)
    _push(bench, app, left)
    _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW, created=ahead))
    bench.clock.now = ahead + 3598
    assert _push(bench, app, _exchanged(mirror, left, bench.clock.now)) == "success"
    bench.clock.now += 2
    assert isinstance(_refused_push(bench, app, _exchanged(mirror, left, bench.clock.now)), CannotOpen)
    assert [grant.event for grant in told] == ["unauthorized", "authorized"]


def test_a_clock_that_is_set_back_lets_no_old_push_undo_a_newer_one(mirror: WeChatMirror) -> None:
    """Hours later the clock is set back, and a withdrawal from before the grant is near once more: the grant stays."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    bench = _started(mirror)
    left = mirror.merchants.push_leave(app.app_id, NOW, created=NOW - 10)
    _push(bench, app, left)
    _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    bench.clock.now = NOW + 8000
    assert bench.run(take_push(app, *left, now=NOW + 60)).said == "success"
    assert [grant.event for grant in told] == ["unauthorized", "authorized"]


def test_an_event_that_hung_does_not_make_its_time_the_last(mirror: WeChatMirror) -> None:
    """Its hook hangs until the next event is taken over it. Then one from between the two comes: it is too old."""
    told: list[str] = []
    app: WeChatApp

    def hook(grant: Grant) -> None:
        told.append(grant.event)
        if len(told) == 1:
            bench.clock.now += 61  # whoever waits for this one takes over
            thread = threading.Thread(
                target=lambda: _push(bench, app, _event(mirror, app, "updateauthorized", NOW + 2))
            )
            thread.start()
            thread.join()

    app = _app(mirror, on_grant=hook)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app), PHONE: refusal(40029)})
    _push(bench, app, _event(mirror, app, "authorized", NOW))
    assert _push(bench, app, _event(mirror, app, "unauthorized", NOW + 1)) == "success"
    assert told == ["authorized", "updateauthorized"]


@pytest.mark.parametrize(("other", "done"), [("authorized", True), ("updateauthorized", False)])
def test_an_event_that_hung_while_one_of_its_second_came(mirror: WeChatMirror, other: str, done: bool) -> None:
    """If it was the same one, sent again, nothing is left to do. If not, this one has to be sent again."""
    told: list[str] = []
    said: list[str] = []
    app: WeChatApp

    def hook(grant: Grant) -> None:
        told.append(grant.event)
        if len(told) == 1:
            bench.clock.now += 61  # whoever waits for this one takes over
            pushed = _event(mirror, app, other, NOW)
            thread = threading.Thread(target=lambda: said.append(_push(bench, app, pushed)))
            thread.start()
            thread.join()

    app = _app(mirror, on_grant=hook)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app)})
    pushed = _event(mirror, app, "authorized", NOW)
    if done:
        assert _push(bench, app, pushed) == "success"
    else:
        error = _refused_push(bench, app, pushed)
        assert isinstance(error, TimedOut)
        assert dict(error.because) == {"taken_over": True}
        assert _push(bench, app, pushed) == "success"
    assert said == ["success"]
    assert told == ["authorized", other, *([] if done else ["authorized"])]


def test_a_push_that_comes_twice_at_once_is_one_exchange(mirror: WeChatMirror) -> None:
    """WeChat repeats what takes five seconds; a code works once."""
    app = _app(mirror)
    bench = _started(mirror)
    bench.wire.delay = 0.1
    pushed = mirror.merchants.push_grant(app.app_id, NOW)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(_push(bench, app, pushed))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["success"] * 4
    assert bench.calls[QUERY_AUTH] == 1


class Held:
    """The network of a bench, on which the first request to one path waits until it is let go."""

    def __init__(self, bench: Bench, path: str) -> None:
        self.arrived, self.go = threading.Event(), threading.Event()
        self._bench, self._path = bench, path
        bench.world = World(cast("Http", self), bench.memory)

    def send(self, step: Send) -> Reply:
        reply = self._bench.wire.send(step)
        if step.request.url.endswith(self._path) and not self.arrived.is_set():
            self.arrived.set()
            assert self.go.wait(10)
        return reply

    def run(self, first: Callable[[], object], second: Callable[[], object]) -> None:
        """Run the second while the first waits; let the first go when the second has ended, or waits for it."""
        threads = [threading.Thread(target=each) for each in (first, second)]
        threads[0].start()
        assert self.arrived.wait(10)
        threads[1].start()
        threads[1].join(0.2)
        self.go.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def _tokens_of(app: WeChatApp) -> Callable[[Any], dict[str, Any]]:
    """Answers an authorization code with tokens that are called after it."""

    def exchanged(call: Any) -> dict[str, Any]:
        code = json.loads(call.body)["authorization_code"]
        return _info(app, authorizer_refresh_token=f"r-{code}", authorizer_access_token=f"a-{code}")

    return exchanged


def _event(mirror: WeChatMirror, app: WeChatApp, kind: str, created: float) -> tuple[dict[str, str], bytes]:
    """A push about a grant; its code is the kind of the event."""
    fields = {"AppId": mirror.merchants.app_id, "CreateTime": str(int(created)), "InfoType": kind,
              "AuthorizerAppid": app.app_id, "AuthorizationCode": kind}  # fmt: skip
    return mirror.merchants.seal(NOW, "".join(f"<{name}>{text}</{name}>" for name, text in fields.items()))


@pytest.mark.parametrize("later", ["updateauthorized", "unauthorized"])
def test_of_two_events_at_once_the_later_has_the_last_word(mirror: WeChatMirror, later: str) -> None:
    """The exchange of the earlier one takes longer; it does not come back over the one that came meanwhile."""
    told: list[tuple[str, str | None]] = []

    def keep(grant: Grant) -> None:
        told.append((grant.event, grant.refresh_token.reveal() if grant.refresh_token else None))

    app = _app(mirror, on_grant=keep)
    said = {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app), LOOK_UP: refusal(61003), PHONE: refusal(40029)}
    bench = _started(mirror, said)
    Held(bench, QUERY_AUTH).run(
        lambda: _push(bench, app, _event(mirror, app, "authorized", NOW)),
        lambda: _push(bench, app, _event(mirror, app, later, NOW + 2)),
    )
    left = later == "unauthorized"
    assert told == [("authorized", "r-authorized"), (later, None if left else f"r-{later}")]
    assert _push(bench, app, _event(mirror, app, "authorized", NOW + 1)) == "success"
    assert len(told) == 2
    assert bench.refused(app, {"code": "a-code"}).platform_code == ("61003" if left else "40029")
    assert left or ("access_token", f"a-{later}") in bench.wire.requests[-1].query


def test_a_renewal_under_way_does_not_replace_the_tokens_of_a_newer_grant(mirror: WeChatMirror) -> None:
    """It was asked for with the refresh token of the grant before."""
    app = _app(mirror, "wechat-merchant")
    renewed = {**RENEWED, "authorizer_refresh_token": "of-the-grant-before"}
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app), RENEW: renewed, PHONE: refusal(40029)})
    Held(bench, RENEW).run(
        lambda: bench.refused(app, {"code": "a-code"}),
        lambda: _push(bench, app, _event(mirror, app, "updateauthorized", NOW)),
    )
    bench.refused(app, {"code": "b-code"})
    assert ("access_token", "a-updateauthorized") in bench.wire.requests[-1].query
    bench.clock.now += 7201
    _push(bench, app, mirror.merchants.push(bench.clock.now))
    bench.refused(app, {"code": "c-code"})
    assert _renewals(bench)[1:] == ["r-updateauthorized"]


def test_two_events_of_the_same_second(mirror: WeChatMirror) -> None:
    """Both are taken, in the order in which they come; sent again, neither does anything."""
    told: list[str] = []
    app = _app(mirror, on_grant=lambda grant: told.append(grant.event))
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app)})
    kinds = ["authorized", "unauthorized", "updateauthorized"]
    for kind in kinds * 2:
        assert _push(bench, app, _event(mirror, app, kind, NOW)) == "success"
    assert told == kinds
    assert bench.calls[QUERY_AUTH] == 2


def test_a_second_withdrawal_is_another_one(mirror: WeChatMirror) -> None:
    """Between the two a page took a grant, which no push told of. It is the same push but for its time."""
    told: list[str] = []
    app = _app(mirror, on_grant=lambda grant: told.append(grant.event))
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app)})
    _push(bench, app, _event(mirror, app, "unauthorized", NOW))
    bench.run(take_grant(app, "of-the-page"))
    _push(bench, app, _event(mirror, app, "unauthorized", NOW + 1))
    assert told == ["unauthorized", "authorized", "unauthorized"]


def test_what_was_exchanged_for_a_grant_that_is_over_is_forgotten(mirror: WeChatMirror) -> None:
    """After a withdrawal the same code is a new one: WeChat decides, and nobody is told once more of the tokens before."""
    told: list[tuple[str, bool]] = []

    def fail_once(grant: Grant) -> None:
        told.append((grant.event, grant.refresh_token is None))
        if len(told) == 1:
            raise RuntimeError

    app = _app(mirror, on_grant=fail_once)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: (_info(app), refusal(61010))})
    assert isinstance(_refused_push(bench, app, _event(mirror, app, "authorized", NOW)), HookFailed)
    _push(bench, app, _event(mirror, app, "unauthorized", NOW + 1))
    assert _refused_push(bench, app, _event(mirror, app, "authorized", NOW + 2)).platform_code == "61010"
    assert told == [("authorized", False), ("unauthorized", True)]


def test_an_exchange_that_hung_keeps_nothing(mirror: WeChatMirror) -> None:
    """Another event had its turn meanwhile: the tokens of this one would come over those of a later grant."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app), PHONE: refusal(40029)})

    def hang(request: Request) -> None:
        if request.url.endswith(QUERY_AUTH) and not bench.calls[QUERY_AUTH]:
            bench.wire.arrives = lambda _request: None
            bench.clock.now += 61
            later = _event(mirror, app, "updateauthorized", NOW + 2)
            thread = threading.Thread(target=lambda: _push(bench, app, later))
            thread.start()
            thread.join()

    bench.wire.arrives = hang
    error = _refused_push(bench, app, _event(mirror, app, "authorized", NOW))
    assert isinstance(error, TimedOut)
    assert (dict(error.because), error.step) == ({"taken_over": True}, STEP)
    bench.refused(app, {"code": "a-code"})
    assert ("access_token", "a-updateauthorized") in bench.wire.requests[-1].query


@pytest.mark.parametrize("app_id", ["", "a:b", "wx1\n", "x" * 65, 7, None])
def test_a_merchant_that_is_none_is_not_believed(mirror: WeChatMirror, app_id: object) -> None:
    """Of a code of the page nobody knows whose it is before WeChat has said so."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _info(app, authorizer_appid=app_id)})
    with pytest.raises(NonsenseReply):
        bench.run(take_grant(app, "of-the-page"))


def _kept(bench: Bench) -> list[tuple[str, float]]:
    """What has been kept since somebody last asked, and for how long."""
    found = [(step.place.key.kind, step.seconds) for step in bench.steps if isinstance(step, Keep)]
    bench.steps.clear()
    return found


def test_how_long_what_belongs_to_a_grant_is_kept(mirror: WeChatMirror) -> None:
    """Codes and what became of them for an hour, what must not be lost for ten years."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _tokens_of(app), RENEW: RENEWED, PHONE: refusal(40029)})
    grant = {"authorizer-changed": 3600, "authorizer-refresh-token": 3.2e8, "authorizer-exchanged": 3600}
    _push(bench, app, _event(mirror, app, "authorized", NOW))
    assert dict(_kept(bench)).items() >= {**grant, "authorizer-event": 3.2e8, "authorizer-code": 3600}.items()
    bench.run(take_grant(app, "of-the-page"))
    assert dict(_kept(bench)).items() >= {**grant, "authorizer-page": 3600}.items()
    _push(bench, app, _event(mirror, app, "unauthorized", NOW + 1))
    assert dict(_kept(bench)) == {"authorizer-changed": 3600, "authorizer-event": 3.2e8}


def test_how_long_a_token_of_the_grant_before_is_kept(mirror: WeChatMirror) -> None:
    """For a minute where a code waits that could not be exchanged, or else almost as long as WeChat says.

    It is never renewed ahead of its end, because a renewal may replace the refresh token.
    """
    for waits in (True, False):
        app = _app(mirror, "wechat-merchant")
        bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: refusal(-1), RENEW: RENEWED, PHONE: refusal(40029)})
        if waits:
            _refused_push(bench, app, _event(mirror, app, "authorized", NOW))
        _kept(bench)
        bench.refused(app, {"code": "a-code"})
        [seconds] = [seconds for kind, seconds in _kept(bench) if kind == "access-token"]
        assert seconds == 60 if waits else 6840 < seconds <= 6900
        bench.clock.now += seconds - 31
        bench.refused(app, {"code": "b-code"})
        assert len(_renewals(bench)) == 1


def test_a_dead_refresh_token_of_a_grant_is_forgotten(mirror: WeChatMirror) -> None:
    """It is not tried once more by every request: WeChat is asked for another one first."""
    app = _app(mirror)
    info = _info(app, authorizer_access_token=None)
    said = {TOKEN: GIVEN, QUERY_AUTH: info, RENEW: refusal(61023), LOOK_UP: refusal(61003)}
    bench = _started(mirror, said)
    _push(bench, app, _event(mirror, app, "authorized", NOW))
    codes = [bench.refused(app, {"code": code}).platform_code for code in ("a-code", "b-code")]
    assert (codes, bench.calls[RENEW], bench.calls[LOOK_UP]) == (["61023", "61003"], 1, 2)


@pytest.mark.parametrize("replies", [(refusal(61003),), (refusal(61023), refusal(61003))])
def test_a_renewal_that_is_refused(mirror: WeChatMirror, replies: tuple[Any, ...]) -> None:
    """The first one, or the one with the refresh token that WeChat told: no code was sent, and the reason is WeChat's."""
    app = _app(mirror, "wechat-merchant")
    bench = _started(mirror, {TOKEN: GIVEN, RENEW: replies, LOOK_UP: _info(app)})
    error = bench.refused(app, {"code": "a-code"})
    assert (error.code, error.platform_code, error.spent) == ("platform.permission-missing", "61003", Spent.NO)
    assert bench.calls[RENEW] == len(replies)


def test_a_hook_that_fails_is_told_to_the_request_that_made_the_exchange(mirror: WeChatMirror) -> None:
    """The tokens are there by then; that nobody has heard of them must not pass in silence."""

    def fail(_grant: Grant) -> None:
        raise RuntimeError

    app = _app(mirror, on_grant=fail)
    bench = Bench(mirror)
    _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    _push(bench, app, mirror.merchants.push(NOW))
    assert isinstance(bench.refused(app, _code(mirror, bench)), HookFailed)
    assert bench.find(app, _code(mirror, bench)).platform == "wechat"


def test_of_very_many_permission_sets_the_first_are_read(mirror: WeChatMirror) -> None:
    """Two hundred are many more than there are."""
    app = _app(mirror)
    listed = [{"funcscope_category": {"id": number}} for number in range(201)]
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _info(app, func_info=listed)})
    grant = bench.run(take_grant(app, "of-the-page"))
    assert grant.permission_sets == frozenset(range(200))
    assert repr(grant).startswith(f"Grant(event='authorized', app_id='{app.app_id}', permission_sets=frozenset(")


def test_an_older_event_does_not_undo_one_that_failed(mirror: WeChatMirror) -> None:
    """A withdrawal that arrives after the next grant, whose exchange has failed: the code of that grant is still kept."""
    app = _app(mirror)
    bench = _started(
        mirror, {TOKEN: GIVEN, QUERY_AUTH: (refusal(-1), _info(app)), RENEW: RENEWED, PHONE: refusal(40029)}
    )
    assert isinstance(_refused_push(bench, app, _event(mirror, app, "authorized", NOW)), Busy)
    assert _push(bench, app, _event(mirror, app, "unauthorized", NOW - 1)) == "success"
    assert bench.refused(app, {"code": "a-code"}).platform_code == "40029"
    assert bench.calls[QUERY_AUTH] == 2


def test_one_event_that_fails_is_not_the_failure_of_the_next(mirror: WeChatMirror) -> None:
    """Whoever waited for it has his own exchange."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: (refusal(61010), _info(app))})
    found: list[object] = []
    Held(bench, QUERY_AUTH).run(
        lambda: found.append(_refused_push(bench, app, _event(mirror, app, "authorized", NOW)).code),
        lambda: found.append(_push(bench, app, _event(mirror, app, "updateauthorized", NOW + 1))),
    )
    assert sorted(map(str, found)) == ["platform.credentials-rejected", "success"]


def test_a_grant_that_is_taken_back_is_forgotten(mirror: WeChatMirror) -> None:
    """The token that is kept is not used any more; the refusal says who has to do what, and no code is lost."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    bench = _started(mirror)
    _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW, created=NOW - 5))
    bench.find(app, _code(mirror, bench))
    _push(bench, app, mirror.merchants.push_leave(app.app_id, NOW))
    error = bench.refused(app, _code(mirror, bench))
    assert isinstance(error, PermissionMissing)
    assert (error.platform_code, error.spent, bench.calls[PHONE]) == ("61003", Spent.NO, 1)
    assert [(grant.event, grant.refresh_token is None) for grant in told] == [
        ("authorized", False),
        ("unauthorized", True),
    ]
    bench.clock.now += 30
    _push(bench, app, mirror.merchants.push_grant(app.app_id, bench.clock.now))
    assert bench.find(app, _code(mirror, bench)).platform == "wechat"


# --- an exchange that fails


def test_a_grant_before_the_ticket_is_not_lost(mirror: WeChatMirror) -> None:
    """After a restart the grant may come first: the push is refused and logged, its code kept, and used later."""
    app = _app(mirror)
    bench = Bench(mirror)
    error = _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    assert isinstance(error, TokenRejected)
    assert (error.platform_code, bench.calls) == ("no-ticket", {START_PUSH: 1})
    _push(bench, app, mirror.merchants.push(NOW))
    bench.find(app, _code(mirror, bench))
    assert (bench.calls[QUERY_AUTH], bench.calls[LOOK_UP]) == (1, 0)


def _info(app: WeChatApp, **more: Any) -> dict[str, Any]:
    info = {"authorizer_appid": app.app_id, "authorizer_refresh_token": "r-token", **RENEWED, **more}
    return {"authorization_info": {name: value for name, value in info.items() if value is not None}}


def test_wechat_is_busy_at_the_grant(mirror: WeChatMirror) -> None:
    """-1 leaves the code as it is: the merchant's first user has it exchanged."""
    app = _app(mirror)
    bench = _started(
        mirror, {TOKEN: GIVEN, QUERY_AUTH: (refusal(-1), _info(app)), RENEW: RENEWED, PHONE: refusal(40029)}
    )
    assert isinstance(_refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW)), Busy)
    assert bench.refused(app, {"code": "a-code"}).platform_code == "40029"
    assert bench.calls[QUERY_AUTH] == 2
    bench.refused(app, {"code": "b-code"})
    assert bench.calls[QUERY_AUTH] == 2


@pytest.mark.parametrize("failure", [b"<html>502</html>", TimedOut(), refusal(-1)])
def test_a_code_that_cannot_be_exchanged_does_not_stop_a_merchant_with_a_refresh_token(
    mirror: WeChatMirror, failure: Any
) -> None:
    """His users go on with the tokens of the grant before; after a minute the code is tried again, and is not lost."""
    app = _app(mirror, "wechat-merchant")
    exchanged = _info(app, authorizer_access_token="of-the-new-grant")
    said = {TOKEN: GIVEN, QUERY_AUTH: (failure, failure, exchanged), RENEW: RENEWED, PHONE: refusal(40029)}
    bench = _started(mirror, said)
    assert _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW)).spent is Spent.NO
    for code in ("a-code", "b-code"):
        assert bench.refused(app, {"code": code}).platform_code == "40029"
    assert app.component is not None
    assert app.component.refresh_token is not None
    assert (_renewals(bench), bench.calls[QUERY_AUTH]) == ([app.component.refresh_token.reveal()], 2)
    bench.clock.now += 61
    assert bench.refused(app, {"code": "c-code"}).platform_code == "40029"
    assert (_renewals(bench)[1:], bench.calls[QUERY_AUTH]) == (["r-token"], 3)


def test_a_code_that_cannot_be_exchanged_and_no_refresh_token(mirror: WeChatMirror) -> None:
    """Then there is nothing to go on with: the request says why, and the next one tries again."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: b"<html>502</html>"})
    _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    for code in ("a-code", "b-code"):
        assert bench.refused(app, {"code": code}).code == "outside.nonsense-reply"
    assert bench.calls[QUERY_AUTH] == 3


def test_a_code_that_is_too_old_is_not_tried_again(mirror: WeChatMirror) -> None:
    """61010 is final; then WeChat is asked for the refresh token, as if there had been no push."""
    app = _app(mirror)
    bench = _started(
        mirror, {TOKEN: GIVEN, QUERY_AUTH: refusal(61010), LOOK_UP: _info(app), RENEW: RENEWED, PHONE: refusal(40029)}
    )
    error = _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    assert (error.platform_code, error.spent) == ("61010", Spent.NO)
    assert "phone code" in error.explain("en").cause
    assert bench.refused(app, {"code": "a-code"}).platform_code == "40029"
    assert (bench.calls[QUERY_AUTH], bench.calls[LOOK_UP]) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"authorizer_appid": "wx0000000000000001"},
        {"authorizer_appid": None},
        {"authorizer_refresh_token": ""},
        {"authorizer_refresh_token": None},
        {"authorizer_access_token": 7},
        {"expires_in": None},
    ],
)
def test_a_grant_that_makes_no_sense(mirror: WeChatMirror, change: dict[str, Any]) -> None:
    """Another merchant's tokens, or none: nothing of it is used for this one."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: _info(app, **change)})
    error = _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    assert (error.code, error.spent) == ("outside.nonsense-reply", Spent.NO)


def test_a_merchant_without_api_permissions_has_no_access_token_yet(mirror: WeChatMirror) -> None:
    """WeChat then leaves the access token out: the one of the grant before is not used, nor the code a second time."""
    app = _app(mirror)
    said = (_info(app), _info(app, authorizer_access_token=None))
    bench = _started(mirror, {TOKEN: GIVEN, QUERY_AUTH: said, RENEW: RENEWED, PHONE: refusal(40029)})
    for created in (NOW - 1, NOW):
        _push(bench, app, mirror.merchants.push_grant(app.app_id, NOW, created=created))
    bench.refused(app, {"code": "a-code"})
    assert (bench.calls[QUERY_AUTH], bench.calls[RENEW], bench.calls[LOOK_UP]) == (2, 1, 0)


# --- access_token


def test_after_a_restart_wechat_is_asked_for_the_refresh_token(mirror: WeChatMirror) -> None:
    """The process forgets everything; the merchant does not have to grant again."""
    told: list[Grant] = []
    app = _app(mirror, on_grant=told.append)
    _push(_started(mirror), app, mirror.merchants.push_grant(app.app_id, NOW))
    bench = _started(mirror)
    for _ in range(3):
        bench.find(app, _code(mirror, bench))
    assert (bench.calls[LOOK_UP], bench.calls[RENEW], bench.calls[QUERY_AUTH], bench.calls[PHONE]) == (1, 1, 0, 3)
    assert [grant.event for grant in told] == ["authorized", "renewed"]
    assert told[0].refresh_token == told[1].refresh_token


def test_with_one_in_the_settings_nobody_is_asked(mirror: WeChatMirror) -> None:
    """The setting is used as it is."""
    app = _app(mirror, "wechat-merchant")
    bench = _started(mirror)
    bench.find(app, _code(mirror, bench, "wechat-merchant"))
    assert (bench.calls[LOOK_UP], bench.calls[RENEW]) == (0, 1)


def test_a_dead_refresh_token_is_replaced_in_the_same_request(mirror: WeChatMirror) -> None:
    """The merchant granted again while nobody listened: 61023, one question, one more renewal."""
    told: list[Grant] = []
    app = _app(mirror, "wechat-granted-again", on_grant=told.append)
    bench = _started(mirror)
    bench.find(app, _code(mirror, bench, "wechat-granted-again"))
    assert (bench.calls[RENEW], bench.calls[LOOK_UP]) == (2, 1)
    assert [grant.event for grant in told] == ["renewed"]


def _renewals(bench: Bench) -> list[str]:
    sent = [json.loads(each.body) for each in bench.wire.requests if each.url.endswith(RENEW)]
    return [each["authorizer_refresh_token"] for each in sent]


@pytest.mark.parametrize("look_up", [refusal(61003), {"authorization_info": {}}, {}])
def test_a_dead_refresh_token_without_another(mirror: WeChatMirror, look_up: dict[str, Any]) -> None:
    """61023 stands, whatever the look-up says; no code is lost, and the next request starts with the settings again."""
    app = _app(mirror, "wechat-merchant")
    bench = _started(mirror, {TOKEN: GIVEN, RENEW: refusal(61023), LOOK_UP: look_up})
    for code in ("a-code", "b-code"):
        error = bench.refused(app, {"code": code})
        assert (error.platform_code, error.spent) == ("61023", Spent.NO)
    assert app.component is not None
    assert app.component.refresh_token is not None
    assert _renewals(bench) == [app.component.refresh_token.reveal()] * 2


def test_the_same_dead_refresh_token_is_not_tried_twice(mirror: WeChatMirror) -> None:
    """If WeChat tells the one that it has just called dead, that is the end."""
    app = _app(mirror, "wechat-merchant")
    assert app.component is not None
    assert app.component.refresh_token is not None
    info = _info(app, authorizer_refresh_token=app.component.refresh_token.reveal())
    bench = _started(mirror, {TOKEN: GIVEN, RENEW: refusal(61023), LOOK_UP: info})
    assert bench.refused(app, {"code": "a-code"}).platform_code == "61023"
    assert bench.calls[RENEW] == 1


def test_a_merchant_of_whom_nothing_is_known(mirror: WeChatMirror) -> None:
    """No setting, no push, and WeChat tells none: the refusal says how to get one."""
    app = _app(mirror)
    bench = _started(mirror, {TOKEN: GIVEN, LOOK_UP: {"authorization_info": {"authorizer_appid": app.app_id}}})
    error = bench.refused(app, {"code": "a-code"})
    assert isinstance(error, PermissionMissing)
    assert (error.platform_code, error.spent) == ("no-grant", Spent.NO)
    assert "/v1/apps/" in error.explain("zh").remedy


def test_a_newer_refresh_token_takes_the_place_of_the_older(mirror: WeChatMirror) -> None:
    """WeChat may send another one with a renewal: it is told, and the next renewal is made with it."""
    told: list[Grant] = []
    app = _app(mirror, "wechat-merchant", on_grant=told.append)
    said = {**RENEWED, "authorizer_refresh_token": "newer"}
    bench = _started(mirror, {TOKEN: GIVEN, RENEW: said, PHONE: refusal(40029)})
    for _ in range(2):
        bench.refused(app, {"code": f"code-{bench.clock.now}"})
        bench.clock.now += 7201
        _push(bench, app, mirror.merchants.push(bench.clock.now))
    assert app.component is not None
    assert app.component.refresh_token is not None
    assert _renewals(bench) == [app.component.refresh_token.reveal(), "newer"]
    assert [(grant.event, grant.refresh_token and grant.refresh_token.reveal()) for grant in told] == [
        ("renewed", "newer")
    ]


def test_a_hook_that_fails_loses_nothing(mirror: WeChatMirror) -> None:
    """The push is refused, so that it is seen; the tokens are kept all the same, and no word of the hook is shown."""

    def fail(_grant: Grant) -> None:
        raise RuntimeError("the table of refresh-tokens is full")

    app = _app(mirror, on_grant=fail)
    bench = _started(mirror)
    error = _refused_push(bench, app, mirror.merchants.push_grant(app.app_id, NOW))
    assert isinstance(error, HookFailed)
    assert "full" not in str(error) + repr(error)
    assert bench.find(app, _code(mirror, bench)).platform == "wechat"
    assert (bench.calls[QUERY_AUTH], bench.calls[RENEW]) == (1, 0)


def test_a_hook_that_failed_hears_of_the_grant_when_the_push_comes_again(mirror: WeChatMirror) -> None:
    """The code is not exchanged twice; WeChat's repeat brings the whole grant, until the hook has heard it."""
    told: list[Grant] = []
    failures = [True, True, False]

    def sometimes(grant: Grant) -> None:
        told.append(grant)
        if failures.pop(0):
            raise RuntimeError

    app = _app(mirror, on_grant=sometimes)
    bench = _started(mirror)
    pushed = mirror.merchants.push_grant(app.app_id, NOW)
    for _ in range(2):
        assert isinstance(_refused_push(bench, app, pushed), HookFailed)
    for _ in range(2):
        assert _push(bench, app, pushed) == "success"
    assert len(told) == 3
    assert told[2] == told[0]
    assert told[2].refresh_token is not None
    assert told[2].allows_phone_numbers
    assert bench.calls[QUERY_AUTH] == 1


def test_a_push_whose_code_a_request_has_exchanged(mirror: WeChatMirror) -> None:
    """The push failed for want of a ticket, and the merchant's first user had its code exchanged: all is well."""
    told: list[str] = []
    app = _app(mirror, on_grant=lambda grant: told.append(grant.event))
    bench = Bench(mirror)
    pushed = mirror.merchants.push_grant(app.app_id, NOW)
    assert isinstance(_refused_push(bench, app, pushed), TokenRejected)
    _push(bench, app, mirror.merchants.push(NOW))
    bench.find(app, _code(mirror, bench))
    assert _push(bench, app, pushed) == "success"
    assert (told, bench.calls[QUERY_AUTH]) == (["authorized"], 1)


def test_an_expired_ticket_has_wechat_push_again(mirror: WeChatMirror) -> None:
    """61005 drops the ticket, so that the next request asks for a new one instead of failing for twelve hours."""
    app = _app(mirror, "wechat-merchant")
    bench = _started(mirror, {TOKEN: refusal(61005), START_PUSH: {"errcode": 0, "errmsg": "ok"}})
    assert bench.refused(app, {"code": "a-code"}).platform_code == "61005"
    assert bench.refused(app, {"code": "a-code"}).platform_code == "no-ticket"
    assert bench.calls == {TOKEN: 1, START_PUSH: 1}


def test_only_a_function_can_hear_of_grants(mirror: WeChatMirror) -> None:
    """on_grant comes from Python alone."""
    table = Table("shop", {**mirror.settings(URL)["wechat-merchant"], "on_grant": "print"}, now=NOW)
    WECHAT.configure(table)
    assert [(fault.code, fault.where) for fault in table.faults] == [("config.wrong-type", "apps.shop.on_grant")]
