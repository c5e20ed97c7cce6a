"""Accounts over HTTP: the real service on SQLite, the simulated platforms, and the clients of Python on the same file."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest

from haoma import AsyncClient, Client, HaomaError, VerifiedPhone, accounts
from haoma.errors import HookFailed, NoAccounts
from haoma.link import Link
from haoma.platforms.base.mirroring import Person
from haoma.simulator import Simulator
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.accounts import key
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Answer, Service, tables
from support.stores import KEYS

NORTH_KEY: Final = "north_server_key_0123456789abcdef"
SCENES: Final = {
    "wechat": ("wechat", "ok"),
    "wechat-sealed": ("wechat", "sealed-ok"),
    "alipay": ("alipay", "ok"),
    "alipay-cert": ("alipay", "cert-ok"),
    "douyin": ("douyin", "ok"),
    "douyin-sealed": ("douyin", "sealed-ok"),
}
"""Apps of three platforms, two of each."""
NORTH: Final = {"alipay-cert", "douyin", "douyin-sealed"}
"""Those of another tenant."""
TEXT: Final = "\ufeffWhat the user agrees to.\r\n".encode()
NOBODY: Final = "01939d2e-7c00-7a1b-8c2d-3e4f5a6b7c8d"
OF_ACCOUNT: Final = (
    *("read", "user", "number", "unlink", "merge", "export", "erase", "withdraw-consent", "revoke-sessions"),
)
ROUTES: Final = (
    "accounts/look-up",
    *(f"accounts/{{}}/{name}" for name in OF_ACCOUNT),
    *(f"disputes/{{}}/{name}" for name in ("read", "resolve")),
)
_numbers = itertools.count(13_300_000_000)
_users = itertools.count(1)


class Place:
    """The service, its platforms and its file.

    Attributes:
        said: Every number, id, handle and reason that must not be written anywhere.
    """

    def __init__(self, simulator: Simulator, service: Service) -> None:
        self._simulator = simulator
        self.service = service
        self.said: set[str] = set()

    def tap(self, app: str, user: str = "", number: str = "", **consent: str) -> dict[str, Any]:
        """Let somebody tap the button; return what the mini program sends."""
        platform, scene = SCENES[app.removesuffix("-review").removesuffix("-move")]
        user, number = user or f"user-{next(_users)}", number or str(next(_numbers))
        tap = self._simulator.tap(platform, scene, person=Person(user, number=number))
        assert tap.body is not None
        self.said |= {number}
        return {**tap.body, **({"consent": consent} if consent else {})}

    def come(self, app: str, user: str = "", number: str = "", **consent: str) -> dict[str, Any]:
        """Let somebody share a number; return what the service says."""
        answer = self.service.post(app, self.tap(app, user, number, **consent), key=self.key_of(app))
        assert answer.status == 200, answer.body
        self.said |= set(answer.json["subject"].values())
        return answer.json

    def session(self, app: str, user: str) -> str:
        """Let somebody log in; return the handle."""
        platform, scene = SCENES[app]
        tap = self._simulator.tap(platform, scene, person=Person(user))
        answer = self.service.post(app, {"login_code": tap.login_code}, route="login", key=self.key_of(app))
        assert answer.status == 200, answer.body
        handle = str(answer.json["session"])
        self.said.add(handle)
        return handle

    def key_of(self, app: str) -> str:
        return NORTH_KEY if app in NORTH else SERVER_KEY

    def ask(self, path: str, body: object = None, key: str = SERVER_KEY) -> Answer:
        """Ask a verb."""
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.service.request("POST", f"/v1/{path}", content, headers)

    def verb(self, path: str, body: object = None, key: str = SERVER_KEY) -> dict[str, Any]:
        """Ask a verb, and expect it to be done."""
        answer = self.ask(path, body, key)
        assert answer.status == 200, answer.body
        return answer.json

    def owner(self, number: str, key: str = SERVER_KEY) -> str | None:
        found: str | None = self.verb("accounts/look-up", {"phone_number": f"+86{number}"}, key)["account"]
        return found


def number() -> str:
    return str(next(_numbers))


def user() -> str:
    return f"user-{next(_users)}"


def configured(folder: Path, simulator: Simulator) -> str:
    """The tables of a haoma.toml with accounts, two tenants and a policy."""
    url = f"sqlite:///{folder / 'haoma.db'}"
    upgrade(StoreSettings(database_url=url, keys=KEYS))
    (folder / "policy.txt").write_bytes(TEXT)
    settings = simulator.stage.settings(simulator.url)["apps"]
    apps = {name: {**settings[name], "tenant": "north" if name in NORTH else "default"} for name in SCENES}
    apps |= {f"wechat-{what}": {**settings["wechat"], "on_conflict": what} for what in ("review", "move")}
    more = [
        *("[service.tenants.north]", f'server_keys = ["{NORTH_KEY}"]'),
        *("[store]", f"database_url = {json.dumps(url)}", f"keys = [{json.dumps(key('store', KEYS[0].secret))}]"),
        *("[accounts]", *(f"{name} = [{json.dumps(key(name))}]" for name in ("keys", "peppers", "audit_keys"))),
        *('[policies."2026-01"]', 'file = "policy.txt"'),
    ]
    return tables(apps) + "\n".join(more)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("accounts")
    with Simulator() as simulator, Service(folder, configured(folder, simulator), log_level="debug") as service:
        yield Place(simulator, service)


# --- who may ask ---


def bodies(account: str = NOBODY) -> dict[str, object]:
    """A body for each route that would do."""
    login = {"app": "wechat", "kind": "openid", "value": "nobody"}
    return {
        "look-up": {"phone_number": "+8613000000000"},
        "user": {"user": "4711"},
        "number": {"app": "wechat", "code": "none", "login_code": "none"},
        "unlink": {"login": login},
        "merge": {"other": "01939d2e-7c01-7b2c-9d3e-4f5a6b7c8d9e", "proofs": []},
        "export": {"reason": "test"},
        "resolve": {"action": "close"},
    }


def body_of(path: str) -> object:
    return bodies().get(path.rpartition("/")[2], {})


@pytest.mark.parametrize("path", ROUTES)
def test_only_a_server_key_asks(place: Place, path: str) -> None:
    """No key, a key that there is not, and a publishable key, which may sit in a mini program."""
    account = place.come("wechat")["account"]
    for given, code in (("", "caller.key-missing"), ("x" * 32, "caller.key-rejected")):
        answer = place.ask(path.format(account), body_of(path), given)
        assert (answer.status, answer.code) == (401, code)
    answer = place.ask(path.format(account), body_of(path), PUBLISHABLE_KEY)
    assert (answer.status, answer.code) == (403, "not-allowed")
    assert place.verb(f"accounts/{account}/read")["account"] == account


@pytest.mark.parametrize("path", ROUTES[1:])
def test_to_another_tenant_there_is_no_such_account(place: Place, path: str) -> None:
    """Its key gets what is said of an id that never was, to the byte; and nothing has happened."""
    shared, someone = number(), user()
    mine = place.come("alipay", number=shared)
    dispute = place.come("wechat-review", someone, shared)["dispute"]
    known = dispute if "disputes" in path else mine["account"]
    body = body_of(path)
    if path.endswith("number"):
        body = {"app": "douyin-sealed", **place.tap("douyin-sealed")}
    one, other = (place.ask(path.format(each), body, NORTH_KEY) for each in (known, NOBODY))
    expected = (403, "link.not-theirs") if path.endswith("number") else (404, one.code)
    assert (one.status, one.code) == expected
    for name in ("request_id",):
        assert {k: v for k, v in one.json.items() if k != name} == {k: v for k, v in other.json.items() if k != name}
    assert place.verb(f"accounts/{mine['account']}/read")["masked"] == mine["masked"]
    assert place.verb(f"disputes/{dispute}/read")["state"] == "open"
    assert place.owner(shared) == mine["account"]
    assert place.owner(shared, NORTH_KEY) is None


@pytest.mark.parametrize(("ours", "theirs"), [*itertools.permutations(SCENES, 2)])
def test_what_is_one_apps_is_no_other_ones(place: Place, ours: str, theirs: str) -> None:
    """Authorizations, sessions and logins of six apps, each sent to each other one: no acceptance and no look-up."""
    someone, shared = user(), number()
    mine = place.come(ours, someone, shared)
    key, session = place.key_of(theirs), place.session(ours, someone)
    sent = place.tap(ours, someone, shared)
    assert place.service.post(theirs, sent, key=key).status != 200
    button = {name: value for name, value in place.tap(theirs, someone).items() if name != "login_code"}
    strange = place.service.post(theirs, {**button, "session": session}, key=key)
    assert strange.status != 200
    if SCENES[theirs][0] == SCENES[ours][0] or "session" in strange.code:
        assert strange.code == "trust.session-unknown"
    tenants = {place.key_of(ours), key}
    if len(tenants) == 2:  # with one's own key there is no such app
        assert place.service.post(theirs, place.tap(theirs), key=place.key_of(ours)).code == "caller.unknown-app"
        assert place.owner(shared, key) is None
    (kind, value), *_ = mine["subject"].items()
    login = {"app": theirs, "kind": kind, "value": value}
    assert place.verb("accounts/look-up", {"login": login}, key)["account"] is None
    proofs = [{"app": theirs, "session": session}]
    merge = place.ask(f"accounts/{mine['account']}/merge", {"other": NOBODY, "proofs": proofs}, key)
    assert merge.code == "trust.session-unknown"
    assert place.owner(shared, place.key_of(ours)) == mine["account"]


# --- what is sent ---


WRONG: Final[dict[str, bytes]] = {
    "another member": b'{"reason": "x", "by": "somebody else"}',
    "a list": b"[]",
    "a text": b'"reason"',
    "no JSON": b"reason=x",
    "twice": b'{"reason": "x", "reason": "y"}',
    "NaN": b'{"reason": NaN}',
    "another type": b'{"reason": 7}',
    "null": b'{"reason": null}',
    "too long": json.dumps({"reason": "x" * 257}).encode(),
    "control characters": b'{"reason": "a\\u0000b"}',
    "not UTF-8": b'{"reason": "\xff"}',
    "too large": b'{"reason": "' + b"x" * 40_000 + b'"}',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bodies_are_strict(place: Place, wrong: str) -> None:
    """On every route: whatever is not as it is documented is refused before anything is looked at."""
    account = place.come("wechat")["account"]
    for path in ROUTES:
        if not path.endswith("/number"):  # what a front end sends is read as always
            answer = place.ask(path.format(account), WRONG[wrong])
            assert answer.status in {400, 413, 422}, path
            assert answer.code.startswith("envelope."), path
    assert place.verb(f"accounts/{account}/read")["user"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("accounts/look-up", {}),
        ("accounts/look-up", {"phone_number": "13312345678"}),
        ("accounts/look-up", {"phone_number": None, "login": None}),
        ("accounts/look-up", {"login": {"app": "wechat", "kind": "phone", "value": "x"}}),
        ("accounts/look-up", {"login": {"app": "wechat", "kind": "openid"}}),
        ("accounts/{}/read", {"reveal": True}),
        ("accounts/{}/read", {"reveal": True, "reason": " "}),
        ("accounts/{}/read", {"reveal": 1, "reason": "test"}),
        ("accounts/{}/export", {}),
        ("accounts/{}/user", {}),
        ("accounts/{}/user", {"user": 7}),
        ("accounts/{}/user", {"user": "x" * 129}),
        ("accounts/{}/unlink", {}),
        ("accounts/{}/merge", {"other": NOBODY}),
        ("accounts/{}/merge", {"other": NOBODY, "proofs": [{"app": "wechat"}]}),
        ("accounts/{}/merge", {"other": NOBODY, "proofs": [{"app": "wechat", "session": "x"}] * 9}),
        ("accounts/{}/erase", {"preview": "yes"}),
        ("accounts/{}/withdraw-consent", {"scene": 7}),
        ("accounts/{}/number", {"code": "x", "login_code": "y"}),
        ("accounts/{}/number", {"app": 7, "code": "x", "login_code": "y"}),
        ("disputes/{}/resolve", {}),
        ("disputes/{}/resolve", {"action": "delete"}),
    ],
)
def test_members_are_what_they_should_be(place: Place, path: str, body: dict[str, Any]) -> None:
    """The refusal names the member, and does not quote what was sent."""
    answer = place.ask(
        path.format(NOBODY),
        {**body, "reason": "canary-reason"}
        if "reason" not in body and "export" not in path and "read" not in path
        else body,
    )
    assert (answer.status, answer.code) == (400, "envelope.bad-field")
    assert b"13312345678" not in answer.body


def test_an_app_that_there_is_not(place: Place) -> None:
    """Wherever an app is named; one of another tenant is the same."""
    account = place.come("wechat")["account"]
    for app in ("none", "douyin"):
        login = {"app": app, "kind": "openid", "value": "x"}
        for path, body in (
            ("accounts/look-up", {"login": login}),
            (f"accounts/{account}/unlink", {"login": login}),
            (f"accounts/{account}/merge", {"other": NOBODY, "proofs": [{"app": app, "session": "x"}]}),
            (f"accounts/{account}/number", {"app": app, **place.tap("douyin")}),
            (f"disputes/{NOBODY}/resolve", {"action": "join", "proofs": [{"app": app, "session": "x"}]}),
        ):
            assert place.ask(path, body).code == "caller.unknown-app"


# --- what is answered ---


def test_a_look_up_looks_the_same(place: Place) -> None:
    """The same status, members and headers for what there is and what there is not; only the values differ."""
    shared = number()
    mine = place.come("wechat", number=shared)
    (kind, value), *_ = mine["subject"].items()
    login = {"app": "wechat", "kind": kind, "value": value}
    for known, unknown in (
        ({"phone_number": f"+86{shared}"}, {"phone_number": f"+86{number()}"}),
        ({"login": login}, {"login": {**login, "value": value[::-1]}}),
    ):
        found, none = (place.ask("accounts/look-up", each) for each in (known, unknown))
        assert found.status == none.status == 200
        assert found.json.keys() == none.json.keys() == {"account", "verified_at"}
        assert (found.json["account"], none.json) == (mine["account"], {"account": None, "verified_at": None})
        told = [
            {name: each.headers[name] for name in each.headers.keys() - {"x-request-id", "content-length", "date"}}
            for each in (found, none)
        ]
        assert told[0] == told[1]


def test_consents_have_the_servers_hash(place: Place) -> None:
    """Of the file's bytes, as every tool makes it. What the front end says of the text counts for nothing."""
    account = place.come("wechat", policy="2026-01", scene="checkout", text_hash="00", text="none")["account"]
    (consent,) = place.verb(f"accounts/{account}/export", {"reason": "test"})["consents"]
    assert (consent["policy"], consent["scene"], consent["withdrawn_at"]) == ("2026-01", "checkout", None)
    assert consent["text_sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert place.verb(f"accounts/{account}/withdraw-consent", {"scene": "checkout"}) == {"withdrawn": 1}
    (consent,) = place.verb(f"accounts/{account}/export", {"reason": "test"})["consents"]
    assert consent["withdrawn_at"] is not None


def test_an_unknown_policy_is_refused_before_anything_is_paid(place: Place) -> None:
    """The code of the refused request is still good afterwards, so nobody has sent it."""
    sent = place.tap("wechat")
    for policy in ("2025-12", "", "2026-01 "):
        answer = place.service.post("wechat", {**sent, "consent": {"policy": policy}})
        assert (answer.status, answer.code) == (400, "envelope.bad-field")
    assert place.service.post("wechat", {**sent, "consent": {"policy": "2026-01"}}).status == 200


def test_a_change_of_number(place: Place) -> None:
    """By the account's own login and no other one; a code that is refused is not used up."""
    someone, other, before, after = user(), user(), number(), number()
    mine, theirs = place.come("wechat", someone, before)["account"], place.come("wechat", other)["account"]
    sent = {"app": "wechat", **place.tap("wechat", someone, after)}
    for account in (theirs, NOBODY):
        assert place.ask(f"accounts/{account}/number", sent).code == "link.not-theirs"
    without = {name: value for name, value in sent.items() if name != "login_code"}
    refused = place.ask(f"accounts/{mine}/number", without)
    assert (refused.status, refused.code) == (403, "link.not-theirs")
    changed = place.verb(f"accounts/{mine}/number", sent)
    assert (changed["account"], changed["link"], changed["phone_number"]) == (mine, "linked", f"+86{after}")
    assert (place.owner(before), place.owner(after)) == (None, mine)
    assert place.verb(f"accounts/{mine}/number", sent)["repeated"] is True


def test_sessions_that_were_revoked_share_no_number(place: Place) -> None:
    """A handle of the login route ends with the account's sessions, by a merge as well; one that begins later is good."""
    someone, other = user(), user()
    mine, theirs = place.come("wechat", someone)["account"], place.come("alipay", other)["account"]
    old = place.session("wechat", someone), place.session("alipay", other)

    def share(app: str, name: str, session: str) -> Answer:
        button = {each: value for each, value in place.tap(app, name).items() if each != "login_code"}
        return place.service.post(app, {**button, "session": session})

    assert share("wechat", someone, old[0]).status == 200
    proofs = [{"app": app, "session": session} for app, session in zip(("wechat", "alipay"), old, strict=True)]
    place.verb(f"accounts/{mine}/merge", {"other": theirs, "proofs": proofs})
    for app, name, session in (("wechat", someone, old[0]), ("alipay", other, old[1])):
        refused = share(app, name, session)
        assert (refused.status, refused.code) == (422, "trust.session-unknown")
        assert share(app, name, place.session(app, name)).json["account"] == mine
    young = place.session("alipay", other)
    place.verb(f"accounts/{mine}/revoke-sessions")
    assert share("alipay", other, young).code == "trust.session-unknown"
    assert place.verb(f"accounts/{mine}/read")["account"] == mine


def test_everything_over_http_and_in_python_is_the_same(place: Place) -> None:
    """Each verb by the service, by a `Client` and by an `AsyncClient`, on people who are alike: equal answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client, other = Client.from_file(place.service.config), AsyncClient.from_file(place.service.config)
    story = Story(place)
    with client:
        told = [
            story.tell(Http(place)),
            story.tell(Python(client.run, client.apps)),
        ]

        async def in_a_loop() -> list[Any]:
            async with other:
                return await asyncio.to_thread(
                    story.tell,
                    Python(lambda flow: asyncio.run_coroutine_threadsafe(other.run(flow), loop).result(), other.apps),
                )

        loop = asyncio.new_event_loop()
        try:
            told.append(loop.run_until_complete(in_a_loop()))
        finally:
            loop.close()
    assert len(told[0]) > 20
    assert told[0] == told[1] == told[2]


class Http:
    """Verbs over HTTP."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __call__(self, verb: str, id_: str = "", **body: Any) -> Any:
        answer = self._place.ask(f"{verb.format(id_)}", body)
        return answer.json if answer.status == 200 else answer.code


class Python:
    """The same verbs by a client."""

    def __init__(self, run: Callable[[Any], Any], apps: Any) -> None:
        self._run = run
        self._apps = apps

    def __call__(self, verb: str, id_: str = "", **body: Any) -> Any:
        if "login" in body:
            said = body.pop("login")
            body["login"] = accounts.login_of(self._apps[said["app"]], said["kind"], said["value"])
        if "proofs" in body:
            body["proofs"] = tuple((self._apps[each["app"]], each["session"]) for each in body["proofs"])
        names = {"user": "set_user", "look-up": "look_up", "withdraw-consent": "withdraw_consent"}
        names["revoke-sessions"] = "revoke_sessions"
        name = verb.rpartition("/")[2]
        name = f"{name}_dispute" if verb == "disputes/{}/read" else names.get(name, name)
        positional = [body.pop(each) for each in ("user", "other", "action") if each in body]
        if name == "unlink":
            positional.append(body.pop("login"))
        try:
            found = self._run(getattr(accounts, name)(*([id_] if id_ else []), *positional, by="test", **body))
        except HaomaError as error:
            return error.code
        if found is None or type(found) is int:
            return {} if found is None else {"withdrawn": found}
        return json.loads(msgspec.json.encode(found))


class Story:
    """What happens to people who are alike, told without what must differ: ids, times and numbers."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def tell(self, ask: Callable[..., Any]) -> list[Any]:
        place = self._place
        names, numbers = [user() for _ in range(3)], [number() for _ in range(3)]
        one = place.come("wechat", names[0], numbers[0], policy="2026-01", scene="checkout")
        two = place.come("alipay", names[1], numbers[1])
        first, second = one["account"], two["account"]
        dispute = place.come("wechat-review", names[0], numbers[1])["dispute"]
        login = {"app": "wechat", "kind": "openid", "value": one["subject"]["openid"]}
        proofs = [
            {"app": "wechat", "session": place.session("wechat", names[0])},
            {"app": "alipay", "session": place.session("alipay", names[1])},
        ]
        moved = place.come("wechat-move", names[0], numbers[1])["dispute"]
        known = {
            **{each: f"<{place}>" for place, each in (("first", first), ("second", second), ("dispute", dispute))},
            moved: "<moved>",
            **{
                each: f"<{which} {name}>"
                for which, found in (("one", one), ("two", two))
                for name, each in found["subject"].items()
            },
            **{f"+86{each}": f"<number {index}>" for index, each in enumerate(numbers)},
            **{each[:3] + "****" + each[-4:]: f"<masked {index}>" for index, each in enumerate(numbers)},
        }
        told = [
            ask("accounts/look-up", phone_number=f"+86{numbers[1]}", reason="ticket"),
            ask("accounts/look-up", phone_number=f"+86{numbers[2]}"),
            ask("accounts/look-up", phone_number=numbers[2]),
            ask("accounts/look-up", login=login),
            ask("accounts/{}/read", first),
            ask("accounts/{}/read", first, reveal=True),
            ask("accounts/{}/read", first, reveal=True, reason="ticket"),
            ask("accounts/{}/user", first, user="4711"),
            ask("accounts/{}/export", first, reason="ticket"),
            ask("accounts/{}/unlink", first, login=login),
            ask("accounts/{}/unlink", second, login=login),
            ask("disputes/{}/read", dispute),
            ask("disputes/{}/resolve", dispute, action="join", proofs=proofs),
            ask("disputes/{}/resolve", moved, action="undo", preview=True),
            ask("disputes/{}/resolve", moved, action="undo"),
            ask("disputes/{}/resolve", moved, action="undo"),
            ask("disputes/{}/read", moved),
            ask("disputes/{}/resolve", dispute, action="close"),
            ask("accounts/{}/merge", first, other=second, proofs=proofs[:1]),
            ask("accounts/{}/merge", first, other=second, proofs=proofs, keep_other=True, preview=True),
            ask("accounts/{}/merge", first, other=second, proofs=proofs, keep_other=True),
            ask("accounts/{}/read", second),
            ask("accounts/{}/withdraw-consent", first),
            ask("accounts/{}/withdraw-consent", first, scene="checkout"),
            ask("accounts/{}/revoke-sessions", first),
            ask("accounts/{}/export", first, reason="ticket"),
            ask("accounts/{}/erase", first, preview=True),
            ask("accounts/{}/erase", first, later=True),
            ask("accounts/{}/erase", first),
            ask("accounts/{}/erase", first),
        ]
        text = json.dumps(told)
        for value, name in known.items():
            text = text.replace(value, name)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>", text)
        found: list[Any] = json.loads(text)
        return found


# --- teams with users of their own ---


def client_of(place: Place, on_verified: Any) -> Client:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Client.from_file(place.service.config, on_verified=on_verified)


def test_the_application_is_told_of_each_number_that_is_linked(place: Place) -> None:
    """With the number, its account and how it was linked; the id that it returns is kept and is the result's."""
    told: list[tuple[str, str | None, str]] = []
    users: dict[str, str] = {}

    def on_verified(phone: VerifiedPhone, link: Link) -> str:
        assert phone.account is not None
        told.append((phone.e164, phone.account, link))
        return users.setdefault(phone.account, f"u-{len(users)}")

    someone, numbers = user(), (number(), number())
    with client_of(place, on_verified) as client:
        first = client.get_phone_number("wechat", place.tap("wechat", someone, numbers[0]), caller="shop")
        second = client.get_phone_number("wechat", place.tap("wechat", someone, numbers[1]), caller="shop")
        sent = place.tap("wechat-sealed", number=numbers[1])
        third = client.get_phone_number("wechat-sealed", sent)
        again = client.get_phone_number("wechat-sealed", sent)
        found = client.run(accounts.read(str(first.account), by="test"))
    account = first.account
    assert [(phone.account, phone.user) for phone in (first, second, third, again)] == [(account, "u-0")] * 4
    assert first.to_dict()["user"] == "u-0"
    assert found.user == "u-0"
    assert told == [
        (f"+86{numbers[0]}", account, "new"),
        (f"+86{numbers[1]}", account, "linked"),
        (f"+86{numbers[1]}", account, "joined"),
        (f"+86{numbers[1]}", account, "joined"),
    ]
    assert again.repeated


def test_the_id_of_a_user_may_change_be_a_number_or_be_missing(place: Place) -> None:
    """None leaves what there is."""
    ids: list[Any] = [4711, "4712", None]
    someone, shared = user(), number()
    with client_of(place, lambda *_: ids[0]) as client:
        for expected, kept in (("4711", "4711"), ("4712", "4712"), (None, "4712")):
            phone = client.get_phone_number("wechat", place.tap("wechat", someone, shared))
            assert phone.user == expected
            assert client.run(accounts.read(str(phone.account), by="test")).user == kept
            ids.pop(0)


def _raises(*_: Any) -> str:
    raise ValueError("canary-13312345678")


async def _later(phone: VerifiedPhone, _link: Link) -> str:
    await asyncio.sleep(0)
    return f"later-{phone.account}"


@pytest.mark.parametrize(
    "wrong",
    [_raises, _later, *((lambda *_, value=value: value) for value in ("", "a\nb", "x" * 129, ["id"], True))],
)
def test_a_function_that_fails_is_told_of_and_the_number_is_linked(place: Place, wrong: Any) -> None:
    """The same request again calls it again, and nothing of the first try is lost."""
    shared = number()
    sent = place.tap("wechat", number=shared)
    with client_of(place, wrong) as client:
        with pytest.raises(HookFailed) as failed:
            client.get_phone_number("wechat", sent, caller="shop")
        assert "canary" not in str(failed.value)
        account = client.run(accounts.look_up(phone_number=f"+86{shared}", by="test")).account
        assert account is not None
        assert client.run(accounts.read(account, by="test")).user is None
    with client_of(place, lambda *_: "u-1") as client:
        phone = client.get_phone_number("wechat", sent, caller="shop")
    assert (phone.account, phone.user, phone.repeated) == (account, "u-1", True)


def test_nobody_is_told_of_what_is_not_linked(place: Place) -> None:
    """A number that is disputed, or that came without a login."""
    told: list[Any] = []
    shared = number()
    place.come("alipay", number=shared)
    with client_of(place, lambda *each: told.append(each)) as client:
        disputed = client.get_phone_number("wechat-review", place.tap("wechat-review", number=shared))
        sent = place.tap("alipay")
        del sent["login_code"]
        alone = client.get_phone_number("alipay", sent)
    assert (disputed.link, alone.account, told) == ("review", None, [])


def test_a_function_may_be_a_coroutine_in_an_event_loop(place: Place) -> None:
    """Of an `AsyncClient`."""

    async def main() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = AsyncClient.from_file(place.service.config, on_verified=_later)
        async with client:
            phone = await client.get_phone_number("wechat", place.tap("wechat"))
            assert phone.user == f"later-{phone.account}"
            found = await client.run(accounts.read(str(phone.account), by="test"))
            assert found.user == phone.user

    asyncio.run(main())


def test_where_no_accounts_are_kept_nobody_waits_to_be_told(tmp_path: Path) -> None:
    """A function that would never be called is a mistake that is told of at once."""
    file = tmp_path / "haoma.toml"
    file.write_text(
        '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\napp_secret = "' + "0" * 32 + '"\n'
    )
    for kind in (Client, AsyncClient):
        with pytest.raises(NoAccounts):
            kind.from_file(file, on_verified=lambda *_: None)


# --- the page ---


def _with(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def test_the_page_shows_what_works(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Each Python block and each request of docs/accounts.md, one after the other, on people of the same story."""
    page = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text("utf-8")
    blocks = re.findall(r"(?ms)^```(python|http)\n(.*?)^```$", page)
    assert len(blocks) >= 8
    names, apps = [user() for _ in range(2)], {'"shop"': '"wechat"', '"douyin"': '"wechat-sealed"'}
    place.verb("accounts/look-up", {"phone_number": "+8613800138000"})
    one, two = place.come("wechat", names[0], "13800138000"), place.come("wechat-sealed", names[1])
    sessions = place.session("wechat", names[0]), place.session("wechat-sealed", names[1])
    with client_of(place, None) as client:
        known: dict[str, Any] = {
            "client": client,
            "account": one["account"],
            "other": two["account"],
            "shop": client.apps["wechat"],
            "douyin": client.apps["wechat-sealed"],
            "body": place.tap("wechat"),
            "session": SimpleNamespace(handle=sessions[0]),
            "other_session": SimpleNamespace(handle=sessions[1]),
            "users": SimpleNamespace(find_or_create=lambda **said: f"user of {said['account']}"),
            "haoma": SimpleNamespace(
                Client=SimpleNamespace(from_file=lambda _, **named: client_of(place, named["on_verified"]))
            ),
        }
        texts = {
            "{account}": one["account"],
            "{other}": two["account"],
            "{session}": sessions[0],
            "{other_session}": sessions[1],
        }
        for kind, shown in blocks:
            block = _with(shown, apps)
            if kind == "python":
                exec(block, known)  # noqa: S102 - it is ours
                if "phone" in known:  # the first one is erased by then
                    texts["{account}"] = known["phone"].account
                continue
            first, _, body = _with(block, texts).partition("\n")
            if "/erase" not in first:  # the block before it has done so
                place.verb(first.removeprefix("POST /v1/"), json.loads(body))
    printed = capsys.readouterr().out
    assert "138****8000 ['wechat'" in printed
    assert "logins would move" in printed
    assert "user of " in printed


# --- what is written ---


def test_nothing_of_a_person_is_written_anywhere(place: Place) -> None:
    """Numbers, ids of users, sessions and reasons are in no line of the log and in no metric, whatever was asked."""
    someone, shared = user(), number()
    mine = place.come("wechat", someone, shared)
    account, openid = mine["account"], mine["subject"]["openid"]
    session = place.session("wechat", someone)
    login = {"app": "wechat", "kind": "openid", "value": openid}
    asked = [
        ("accounts/look-up", {"phone_number": f"+86{shared}", "reason": "canary-reason"}),
        ("accounts/look-up", {"phone_number": shared}),
        ("accounts/look-up", {"login": login, "reason": "canary-reason"}),
        ("accounts/look-up", {"phone_number": f"+86{shared}", "canary-member": 1}),
        (f"accounts/{account}/read", {"reveal": True, "reason": "canary-reason"}),
        (f"accounts/{account}/export", {"reason": "canary-reason"}),
        (f"accounts/{account}/user", {"user": "canary-user"}),
        (f"accounts/{account}/unlink", {"login": login}),
        (f"accounts/{account}/merge", {"other": NOBODY, "proofs": [{"app": "wechat", "session": session}]}),
        (f"accounts/+86{shared}/read", {}),
        (f"accounts/%2B86{shared}/read", {}),
        (f"accounts/{openid}/read", {}),
        (f"disputes/+86{shared}/resolve", {"action": "close"}),
        (f"accounts/look-up/{shared}", {}),
        (f"accounts/{account}/read?number={shared}", {}),
        (f"accounts/{account}/erase", {"reason": "canary-reason"}),
    ]
    answers = [place.ask(path, body) for path, body in asked]
    assert {answer.status for answer in answers} == {200, 400, 404, 409}
    metrics = place.service.request("GET", "/metrics").body
    assert b'route="/v1/accounts/look-up"' in metrics
    written = place.service.printed + metrics
    assert b"/v1/accounts/{id}/read" in written
    for canary in (*place.said, shared, openid, session, "canary-"):
        assert canary.encode() not in written, canary


def test_look_ups_are_limited_for_each_key(tmp_path: Path) -> None:
    """By ``look_up_limit``; other verbs and other keys are not."""
    second = "second_server_key_0123456789abcdef"
    with (
        Simulator() as simulator,
        Service(
            tmp_path, configured(tmp_path, simulator), look_up_limit="3/h", server_keys=[SERVER_KEY, second]
        ) as service,
    ):
        place = Place(simulator, service)
        account = place.come("wechat")["account"]
        body = {"phone_number": f"+86{number()}"}
        found = [place.ask("accounts/look-up", body) for _ in range(5)]
        assert [each.status for each in found] == [200, 200, 200, 429, 429]
        assert found[3].code == "caller.too-many-requests"
        assert int(found[3].headers["retry-after"]) > 0
        assert place.ask("accounts/look-up", body, second).status == 200
        assert place.ask("accounts/look-up", body, NORTH_KEY).status == 200
        assert place.ask(f"accounts/{account}/read").status == 200
        limited = b'haoma_limited_requests_total{app="",limit="look-up",platform=""} 2.0'
        assert limited in service.request("GET", "/metrics").body


def test_without_accounts_the_routes_say_so(tmp_path: Path) -> None:
    """And to nobody who has no server key."""
    with Simulator() as simulator:
        settings = simulator.stage.settings(simulator.url)["apps"]
        with Service(tmp_path, tables({"wechat": settings["wechat"]})) as service:
            place = Place(simulator, service)
            for path in ROUTES:
                answer = place.ask(path.format(NOBODY), body_of(path))
                assert (answer.status, answer.code) == (501, "link.no-accounts")
                assert place.ask(path.format(NOBODY), body_of(path), "").status == 401
            assert "account" not in place.come("wechat")
