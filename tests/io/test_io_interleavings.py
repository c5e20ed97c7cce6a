"""Flows side by side, in every order of their steps: whose word counts, what is lost, what comes back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from interleaving import PATIENCE, Run, explore

import haoma
from haoma.codecs import Record
from haoma.errors import AlreadyUsed, CodeRejected, ConnectFailed, HaomaError, OutcomeUnknown, Spent, TimedOut
from haoma.phone import PhoneNumber
from haoma.platforms.alipay import gateway
from haoma.platforms.base import session_keys
from haoma.platforms.base.access_tokens import TOKENS, CachedToken
from haoma.platforms.wechat import token
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.third_party import grant, tokens
from haoma.secret import Secret
from haoma.sharing import refresh, reserve, update
from haoma.steps import (
    Call,
    Conclude,
    Concluded,
    Flow,
    Keep,
    Place,
    Recall,
    Reply,
    Request,
    Reserve,
    Reserved,
    Room,
    Send,
    Settle,
    Shelf,
    Step,
    UnderWay,
    ask,
)
from haoma.verified import Subject, VerifiedPhone

COUNT = Shelf("count", Room.CUSTODY, Record(int)).place("", "a")
OTHER = Shelf("count", Room.CUSTODY, Record(int)).place("", "b")


# --- the explorer itself ---


def _add_one(place: Place[int]) -> Flow[None]:
    """As it must not be done."""
    found = yield from ask(Recall(place))
    yield from ask(Keep(place, (found.value or 0) + 1, 1000))


def _add_one_well(place: Place[int]) -> Flow[None]:
    yield from update(place, lambda found, _now: ((found or 0) + 1, 1000))


def test_every_order_is_played():
    """Those that differ are counted once each; a lost change is found, and only where something is shared."""
    ends: list[int | None] = []

    def orders(*flows: Callable[[], Flow[None]]) -> int:
        ends.clear()

        def start() -> Run:
            return Run().add(**{f"flow{number}": flow() for number, flow in enumerate(flows)})

        return explore(start, lambda run: ends.append(run.value(COUNT)))

    # Of the six orders of two reads and two writes, two differ by reads alone: both reads first, or last.
    assert orders(lambda: _add_one(COUNT), lambda: _add_one(COUNT)) == 4
    assert sorted(ends) == [1, 1, 2, 2]  # type: ignore[type-var]
    assert orders(lambda: _add_one(COUNT), lambda: _add_one(OTHER)) == 1
    assert orders(*[lambda: _add_one_well(COUNT)] * 3) > 6
    assert set(ends) == {3}


# --- session_keys ---


@cache
def _shop() -> haoma.App:
    return haoma.configure("wechat", app_id="wx0000000000000000", app_secret="0" * 32)


def _keys(run: Run) -> tuple[str, ...]:
    return tuple(each.key.reveal() for each in run.finish(session_keys.recall(_shop(), "user")))


@pytest.mark.parametrize("at_most", [float("inf"), 600.0])
@pytest.mark.parametrize("before", [(), ("k0",), ("k0", "k1")])
def test_logins_lose_no_session_key(before, at_most):
    """Two logins of a user: both keys are kept, whatever was there. When one has ended, its key is there."""

    def login(key: str) -> Flow[tuple[session_keys.SessionKey, ...]]:
        yield from session_keys.remember(_shop(), "user", Secret(key), at_most=at_most)
        return (yield from session_keys.recall(_shop(), "user"))

    def start() -> Run:
        run = Run()
        for key in before:
            run.finish(login(key))
        return run.add(one=login("k1"), two=login("k2"))

    def check(run: Run) -> None:
        assert set(_keys(run)) == {"k1", "k2"}
        for key, found in zip(("k1", "k2"), run.results().values(), strict=True):
            assert key in [each.key.reveal() for each in found]

    assert explore(start, check) > 3


def test_of_three_logins_the_last_two_keys_are_kept():
    """Each finds what those before it left."""

    def start() -> Run:
        return Run().add(**{key: session_keys.remember(_shop(), "user", Secret(key)) for key in ("k1", "k2", "k3")})

    def check(run: Run) -> None:
        written = [[each.key.reveal() for each in value] for kind, value in run.kept if kind == "session-keys"]
        first, second, third = (keys[0] for keys in written)
        assert {first, second, third} == {"k1", "k2", "k3"}
        assert written == [[first], [second, first], [third, second]]
        assert _keys(run) == (third, second)

    assert explore(start, check) > 20


def test_two_logins_that_bring_the_same_key():
    """It is there once, and was first seen when the first of them saw it."""

    def start() -> Run:
        remember = session_keys.remember
        return Run().add(
            one=remember(_shop(), "user", Secret("k"), at_most=600),
            two=remember(_shop(), "user", Secret("k"), at_most=600),
        )

    def check(run: Run) -> None:
        assert _keys(run) == ("k",)
        assert len({value for kind, value in run.kept if kind == "session-key-seen"}) == 1

    assert explore(start, check) > 3


# --- the tokens of a third-party platform ---

URL = "https://api.weixin.qq.com"
ERRORS = {"ticket": 61005, "refresh": 61023, "look up": 61003}


@dataclass
class WeChat:
    """The platform's side: answers named for what was asked, in the order in which it was asked.

    Attributes:
        told: What ``on_grant`` was called with: the event and the refresh token.
        asked: Paths, with the code or token that they are about.
        dead: Refresh tokens that are not accepted.
    """

    told: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    current: str = ""

    def __call__(self, step: Step[Any]) -> object:
        if isinstance(step, Call):
            (given,) = step.arguments
            self.told.append((given.event, given.refresh_token.reveal() if given.refresh_token else ""))
            return None
        assert isinstance(step, Send)
        return Reply(200, {}, json.dumps(self._answer(step.request)).encode())

    def _answer(self, request: Request) -> dict[str, Any]:  # noqa: PLR0911 - one line an answer
        content, path = json.loads(request.body), request.url.rpartition("/")[2]
        match path:
            case "api_component_token":
                ticket = content["component_verify_ticket"]
                self.asked.append((path, ticket))
                if ticket in self.expired:
                    return {"errcode": ERRORS["ticket"], "errmsg": "ticket expired"}
                return {"component_access_token": f"c-{ticket}", "expires_in": 7200}
            case "api_query_auth":
                code = content["authorization_code"]
                self.asked.append((path, code))
                return {"authorization_info": self._tokens(f"r-{code}", f"a-{code}")}
            case "api_authorizer_token":
                used = content["authorizer_refresh_token"]
                self.asked.append((path, used))
                if used in self.dead:
                    return {"errcode": ERRORS["refresh"], "errmsg": "refresh_token is invalid"}
                return self._tokens(f"{used}+", f"a-of-{used}")
            case "api_get_authorizer_info":
                self.asked.append((path, ""))
                if not self.current:
                    return {"errcode": ERRORS["look up"], "errmsg": "not granted"}
                return {"authorization_info": self._tokens(self.current, "")}
        raise AssertionError(path)

    def _tokens(self, refresh_token: str, access_token: str) -> dict[str, Any]:
        tokens = {"authorizer_access_token": access_token, "expires_in": 7200} if access_token else {}
        return {"authorizer_appid": _merchant().app_id, "authorizer_refresh_token": refresh_token, **tokens}


def _on_grant(given: grant.Grant) -> None:
    """Never called: the test answers for it."""
    raise AssertionError(given)


@cache
def _merchant() -> WeChatApp:
    app = haoma.configure(
        "wechat",
        app_id="wx1111111111111111",
        component_app_id="wx2222222222222222",
        component_app_secret="0" * 32,
        component_token="token",
        component_aes_key="a" * 43,
        on_grant=_on_grant,
    )
    assert isinstance(app, WeChatApp)
    return app


TICKET = tokens._ticket_place(_merchant())


def _ticket(created: int) -> Flow[None]:
    found = {"CreateTime": str(created), "ComponentVerifyTicket": f"t{created}"}
    return tokens.take_ticket(_merchant(), found)


def _is_ascending(values: list[int]) -> bool:
    return values == sorted(set(values))


def test_an_older_ticket_never_replaces_a_newer_one():
    """Three pushes at once, one of them twice: the newest is kept, and what is kept gets newer all the time."""

    def start() -> Run:
        return Run().add(one=_ticket(1), two=_ticket(2), again=_ticket(2), three=_ticket(3))

    def check(run: Run) -> None:
        assert run.value(TICKET) == tokens._Ticket(3, Secret("t3"))
        assert _is_ascending([value.created for _, value in run.kept])

    assert explore(start, check) > 100


@pytest.mark.parametrize("newer", [True, False])
def test_an_older_ticket_does_not_come_back_after_an_expired_one(newer):
    """WeChat calls the ticket expired that is kept: an older push that is sent again changes nothing, a newer one does."""

    def ask_for_token() -> Flow[Any]:
        return tokens.with_component_token(_merchant(), lambda _: grant._renew(_merchant(), Secret("none")))

    def start() -> Run:
        run = Run(WeChat(expired={"t5"}))
        run.finish(_ticket(5))
        pushes = {"older": _ticket(4), "same": _ticket(5)} | ({"newer": _ticket(6)} if newer else {})
        return run.add(ask=ask_for_token(), **pushes)

    def check(run: Run) -> None:
        assert run.value(TICKET) == (tokens._Ticket(6, Secret("t6")) if newer else tokens._Ticket(5, None))
        created = [value.created for kind, value in run.kept if kind == "component-ticket"]
        assert created == sorted(created)
        if not newer:
            assert run.results()["ask"].platform_code == str(ERRORS["ticket"])

    assert explore(start, check) > (10 if newer else 3)


# --- what is made once for all: access_tokens, certificates ---


@cache
def _public_keys() -> list[Any]:
    # Few bits: nothing is signed. All are made before anything is played.
    return [rsa.generate_private_key(65537, 1024).public_key() for _ in range(4)]  # noqa: S505


def _token_values() -> list[Any]:
    return [Secret(f"token-{number}") for number in range(4)]


MADE: dict[str, tuple[Place[Any], Callable[[], list[Any]]]] = {
    "access_token": (TOKENS.place("", "stable", URL, "wx0"), _token_values),
    "certificate": (gateway._CERTIFICATES.place("", "alipay:1", "roots", "serial"), _public_keys),
}


@dataclass
class Source:
    """The platform, which gives a new value with every call."""

    values: list[Any]
    fails: bool = False
    given: int = 0

    def make(self) -> Flow[tuple[Any, float]]:
        answer: Reply = yield from ask(Send(Request("GET", URL), ()))
        return self.values[int(answer.body)], 7000.0

    def __call__(self, step: Step[Any]) -> Reply:
        self.given += 1
        if self.fails:
            raise TimedOut
        return Reply(200, {}, str(self.given - 1).encode())


@pytest.mark.parametrize(
    ("kind", "flows", "hangs"),
    [("access_token", 3, 0), ("access_token", 2, 1), ("access_token", 2, 2), ("certificate", 2, 1)],
)
def test_an_older_value_never_replaces_a_newer_one(kind, flows, hangs):
    """Who hangs until another has made one keeps nothing, and takes what is there. Without that, there is one call."""
    place, values = MADE[kind]
    made = values()

    def start() -> Run:
        source = Source(made)
        return Run(source, hangs).add(**{f"flow{number}": refresh(place, source.make) for number in range(flows)})

    def check(run: Run) -> None:
        order = [made.index(value) for _, value in run.kept]
        assert order
        assert _is_ascending(order)
        assert run.value(place) == made[order[-1]]
        assert all(each in made for each in run.results().values())
        if not hangs:
            assert [made.index(each) for each in run.results().values()] == [0] * flows

    assert explore(start, check) > 2


def test_who_waits_shares_an_error_and_asks_no_more():
    """Whoever came while one asked gets what that one got; whoever comes after it asks."""

    def start() -> Run:
        source = Source([], fails=True)
        return Run(source).add(
            one=refresh(MADE["access_token"][0], source.make), two=refresh(MADE["access_token"][0], source.make)
        )

    asked: set[int] = set()

    def check(run: Run) -> None:
        errors = list(run.results().values())
        assert [type(each) for each in errors] == [TimedOut, TimedOut]
        assert errors[0] is not errors[1]
        asked.add(run._outside.given)  # type: ignore[attr-defined]

    assert explore(start, check) > 2
    assert asked == {1, 2}


@pytest.mark.parametrize("hangs", [0, 1])
def test_a_token_that_was_renewed_is_not_dropped(hangs):
    """Two requests see the old one refused: one new one is made, and it is not taken for the old one."""
    place, made = MADE["access_token"][0], _token_values()

    def start() -> Run:
        source = Source(made, given=1)
        access_token = CachedToken(place, source.make)
        run = Run(source, hangs)
        run.finish(ask(Keep(place, made[0], 7000.0)))
        run.kept.clear()
        return run.add(one=access_token.renewed(made[0]), two=access_token.renewed(made[0]))

    def check(run: Run) -> None:
        order = [made.index(value) for _, value in run.kept if value is not None]
        assert _is_ascending(order)
        assert [value for _, value in run.kept].count(None) == 1
        if not hangs:
            assert list(run.results().values()) == [made[1]] * 2

    assert explore(start, check) > 2


# --- grants ---


def _event(name: str, created: int) -> Flow[None]:
    """A push about a grant; its code is the number of its second."""
    found = {"CreateTime": str(created), "AuthorizerAppid": _merchant().app_id, "AuthorizationCode": f"code-{created}"}
    return grant.take_event(_merchant(), name, found)


def _started(platform: WeChat, hangs: int = 0, refresh_token: str = "", *, ordered: bool = False) -> Run:
    """A process that has a component's token, and perhaps a refresh token of the merchant."""
    app = _merchant()
    assert app.component is not None
    run = Run(platform, hangs, ordered=ordered, numbered=frozenset({"authorizer-page", "authorizer-changed"}))
    kept = tokens._TOKENS.place("", "component", app.api_base_url, app.component.app_id)
    run.finish(ask(Keep(kept, Secret("c"), 7000.0)))
    if refresh_token:
        run.finish(ask(Keep(REFRESH, Secret(refresh_token), 1e6)))
    run.kept.clear()
    return run


REFRESH = grant._place(_merchant(), _merchant().app_id, grant._REFRESH)
EVENTS = grant._place(_merchant(), _merchant().app_id, grant._EVENTS)
ACCESS = token.access_token(_merchant()).place  # type: ignore[attr-defined]


def _revealed(run: Run, kind: str) -> list[str]:
    return [value.reveal() for each, value in run.kept if each == kind and value is not None]


def _never_back(values: list[str], *of_the_older: str) -> bool:
    """Tell whether nothing of the older grant stands behind something of another one."""
    return not any(
        first not in of_the_older and then in of_the_older for first, then in itertools.combinations(values, 2)
    )


@pytest.mark.parametrize("hangs", [0, 1])
@pytest.mark.parametrize("later", ["updateauthorized", "unauthorized"])
def test_an_older_event_never_undoes_a_newer_one(later, hangs):
    """Whichever comes first, and also if one hangs in its turn until the other has had its own."""

    def start() -> Run:
        return _started(WeChat(), hangs).add(older=_event("authorized", 1), newer=_event(later, 2))

    def check(run: Run) -> None:
        seen = [value.created for kind, value in run.kept if kind == "authorizer-event"]
        assert seen == sorted(seen)
        refresh_tokens, tokens = _revealed(run, "authorizer-refresh-token"), _revealed(run, "access-token")
        assert _never_back(refresh_tokens, "r-code-1")
        assert _never_back(tokens, "a-code-1")
        if later == "unauthorized" and 2 in seen:
            begun = next(
                at for at, (kind, value) in enumerate(run.kept) if (kind, value) == ("authorizer-event", grant._Seen(2))
            )
            after = {kind for kind, value in run.kept[begun + 1 :] if value is not None}
            assert after <= {"authorizer-event", "authorizer-changed"}
        results = run.results()
        if not hangs:
            assert not [each for each in results.values() if isinstance(each, HaomaError)]
        if isinstance(results["newer"], HaomaError):  # it hung, and is to be repeated
            run.finish(_event(later, 2))
        left = later == "unauthorized"
        assert run.value(EVENTS).created == 2
        assert run.value(REFRESH) == (None if left else Secret("r-code-2"))
        assert run.value(ACCESS) == (None if left else Secret("a-code-2"))
        if not hangs:
            told = run._outside.told  # type: ignore[attr-defined]
            assert told[-1] == (later, "" if left else "r-code-2")

    assert explore(start, check) > (20 if hangs else 1)


# With a hang, `updateauthorized` has 900 orders here and 1400 with a code of the page: too long for every day.
ONE_HANG = [("updateauthorized", 0), ("unauthorized", 0), ("unauthorized", 1)]


@pytest.mark.parametrize(("later", "hangs"), ONE_HANG)
def test_a_renewal_never_brings_an_older_grant_back(later, hangs):
    """It uses the refresh token of the grant before; what comes of that is nothing any more once there is another one."""

    def start() -> Run:
        run = _started(WeChat(), hangs, refresh_token="r0")
        renewal = grant.ask_for_token(_merchant()) if hangs else token.access_token(_merchant()).token()
        return run.add(renewal=renewal, newer=_event(later, 2))

    def check(run: Run) -> None:
        left = later == "unauthorized"
        assert _never_back(_revealed(run, "authorizer-refresh-token"), "r0", "r0+")
        assert _never_back(_revealed(run, "access-token"), "a-of-r0")
        if isinstance(run.results()["newer"], HaomaError):  # it hung, and is to be repeated
            assert hangs
            run.finish(_event(later, 2))
        refresh_token, access_token = run.value(REFRESH), run.value(ACCESS)
        assert refresh_token in ((None,) if left else (Secret("r-code-2"), Secret("r-code-2+")))
        assert access_token in ((None,) if left else (Secret("a-code-2"), Secret("a-of-r-code-2")))

    assert explore(start, check) > (20 if hangs else 1)


@pytest.mark.parametrize(("later", "hangs"), ONE_HANG)
def test_a_code_of_the_page_never_brings_an_older_grant_back(later, hangs):
    """The page's code is exchanged before its turn; a push that was exchanged since is about a younger grant."""

    def start() -> Run:
        return _started(WeChat(), hangs, ordered=True).add(
            page=grant.take_grant(_merchant(), "page"), newer=_event(later, 2)
        )

    def check(run: Run) -> None:
        platform: Any = run._outside
        codes = [code for path, code in platform.asked if path == "api_query_auth"]
        refresh_tokens, tokens = _revealed(run, "authorizer-refresh-token"), _revealed(run, "access-token")
        if codes[-1] != "page":
            assert _never_back(refresh_tokens, "r-page")
            assert _never_back(tokens, "a-page")
            if later != "unauthorized":
                assert run.value(REFRESH) == Secret("r-code-2")
                counts = Secret("r-page" if "r-page" in refresh_tokens else "r-code-2")
                assert run.results()["page"] == grant.Grant("authorized", _merchant().app_id, counts)

    assert explore(start, check) > (20 if hangs else 1)


# --- one value, several requests ---

SECONDS, REPEAT = 300.0, 30.0
KINDS = ("number", "refused", "unknown", "unspent", "let go", "killed")
SPENT = {"refused": Spent.YES, "unknown": Spent.UNKNOWN, "unspent": Spent.NO}
ERRORS_OF = {"refused": CodeRejected, "unknown": OutcomeUnknown, "unspent": ConnectFailed}


def _outcome(kind: str, name: str) -> VerifiedPhone | HaomaError:
    """Each outcome carries the name of the flow that it came from, so that it can be seen where it arrives."""
    if kind == "number":
        return VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", Subject(openid=name), ())
    return ERRORS_OF[kind](because={"by": name}, spent=SPENT[kind])


def _name_in(outcome: Any) -> str:
    if isinstance(outcome, VerifiedPhone):
        assert outcome.subject is not None
        return outcome.subject.openid
    return str(outcome.because["by"])


def _wanted(user: str) -> Reserve:
    return Reserve("shop", "code", Secret("value"), user.encode(), SECONDS, REPEAT)


def _request(run: Run, name: str, kind: str) -> Flow[Any]:
    """Reserve, ask the platform, say what came of it. The first letter of its name is its user."""
    try:
        reserved = yield from reserve(_wanted(name[0]))
    except AlreadyUsed:
        return None
    if isinstance(reserved, Concluded):
        return reserved.outcome
    run.log.append((name, "reserved", run.now))
    if kind == "killed":
        return None
    yield from ask(Send(Request("GET", URL), ()))
    if kind == "let go":
        yield from ask(Settle(reserved.ref, Spent.UNKNOWN))
        run.log.append((name, "unknown", run.now))
        return None
    counts = (yield from ask(Conclude("shop", reserved.ref, _outcome(kind, name)))).outcome
    run.log.append((name, kind, run.now))
    return counts


@dataclass
class Row:
    """What is to be known of the value: the same as the memory's, in a few lines and without any clock of its own."""

    user: str
    line: list[str]
    since: float
    until: float
    stand: str = "under way"
    after_unknown: bool = False
    closed_by: str = ""
    answer_until: float = 0.0

    def expects(self, user: str, now: float) -> str:
        """Return what comes of another reservation."""
        under_way = self.stand == "under way" and now < self.since + PATIENCE
        if self.stand == "free" or (not under_way and now >= self.until):
            return "new"
        if user != self.user:
            return "used"
        if self.stand in ("number", "refused"):
            return self.closed_by if now < self.answer_until else "used"
        return "under way" if under_way else "again"

    def hear(self, name: str, kind: str, now: float) -> None:
        """Take a word of a flow."""
        late = name != self.line[-1] or self.stand != "under way"
        if name not in self.line or self.stand in ("number", "refused", "free") or (late and kind != "number"):
            return
        self.stand = "unknown" if kind == "unspent" and self.after_unknown else kind
        self.stand = "free" if self.stand == "unspent" else self.stand
        if self.stand in ("number", "refused"):
            self.closed_by, self.answer_until = name, now + REPEAT
        if self.stand == "refused" and not self.after_unknown:
            self.until = min(self.until, self.answer_until)


def _follow(run: Run) -> Row | None:
    """Follow what the flows said; check that each that reserved the value might."""
    row: Row | None = None
    for name, what, now in run.log:
        if what != "reserved":
            assert row is not None
            row.hear(name, what, now)
            continue
        expected = "new" if row is None else row.expects(name[0], now)
        assert expected in ("new", "again")
        line = [] if row is None or expected == "new" else row.line
        row = Row(name[0], [*line, name], now, now + SECONDS, after_unknown=expected == "again")
    return row


def _found(run: Run, user: str) -> str:
    try:
        answer = run.memory.answer(_wanted(user), [])
    except AlreadyUsed:
        return "used"
    match answer:
        case Reserved(_, after_unknown):
            return "again" if after_unknown else "new"
        case Concluded(outcome):
            return _name_in(outcome)
        case UnderWay():
            return "under way"
    raise AssertionError(answer)


@pytest.mark.parametrize(("hangs", "seconds"), [(0, PATIENCE), (1, PATIENCE), (1, 310.0)])
@pytest.mark.parametrize("users", ["aa", "ab"])
def test_whose_word_counts(users, hangs, seconds):
    """A late success counts unless the value is closed, any other late word does not; none is at another's request."""
    for kinds in itertools.product(KINDS, repeat=2):

        def start(kinds: tuple[str, ...] = kinds) -> Run:
            run = Run(lambda _: Reply(200, {}, b""), hangs, ordered=False, hang_seconds=seconds)
            names = [f"{user}{number}" for number, user in enumerate(users)]
            return run.add(**{name: _request(run, name, kind) for name, kind in zip(names, kinds, strict=True)})

        def check(run: Run) -> None:
            for name, got in run.results().items():
                assert got is None or _name_in(got)[0] == name[0]
            row = _follow(run)
            assert row is not None
            user = "ab"[len(run.order) % 2]
            assert _found(run, user) == row.expects(user, run.now)

        assert explore(start, check) >= 2


def test_of_three_at_once_one_asks():
    """The same request three times: one exchange, one outcome, whatever it is; who waits needs nothing of who asks."""
    for kind in ("number", "refused", "unknown", "unspent"):

        def start(kind: str = kind) -> Run:
            run = Run(lambda _: Reply(200, {}, b""), ordered=False)
            return run.add(**{name: _request(run, name, kind) for name in ("a1", "a2", "a3")})

        def check(run: Run, kind: str = kind) -> None:
            got = {_name_in(each) for each in run.results().values()}
            reserved = [name for name, what, _ in run.log if what == "reserved"]
            assert got == set(reserved)
            if kind in ("number", "refused"):
                assert len(reserved) == 1

        assert explore(start, check) > 5
