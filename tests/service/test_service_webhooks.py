"""The service sends events by itself, and goes on where a killed one has stopped."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haoma import tokens, webhooks
from haoma.settings.reader import load
from haoma.simulator import Simulator
from haoma.store.config import StoreSettings, format_key
from haoma.store.upgrade import upgrade
from support.accounts import NUMBER_KEYS, PEPPERS, Town
from support.receiver import SECRET, Receiver, receiving, slowly
from support.serving import Serving
from support.simulator_toml import some_apps
from support.store_rows import run
from support.stores import KEYS

KEY = "webhook-test-server-key-0123456789"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def toml(url: str) -> str:
    return f"""allow_insecure_upstreams = true
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{"0" * 32}"
[service]
server_keys = ["{KEY}"]
[store]
database_url = "sqlite:///own.db"
keys = ["{format_key(KEYS[0])}"]
[accounts]
keys = ["{format_key(NUMBER_KEYS[0])}"]
peppers = ["{format_key(PEPPERS[0])}"]
audit_keys = ["1:{"A" * 43}="]
[webhooks]
url = "{url}"
secrets = ["{webhooks.format_secret(SECRET)}"]
timeout = 2
"""


def made(folder: Path, url: str) -> StoreSettings:
    """A database with its tables, and a configuration that names it."""
    (folder / "haoma.toml").write_text(toml(url))
    store = load(folder / "haoma.toml").store
    upgrade(store)
    return store


def happen(store: StoreSettings, first: int, count: int) -> None:
    """Let people verify their numbers, as another process would."""
    town = Town(store)
    town.wall = time.time()
    for number in range(first, first + count):
        town.linked(f"o-{number}", f"138{number:08}")
    town.close()


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return true()


def test_events_are_sent_and_counted(tmp_path: Path, receiver: Receiver) -> None:
    """Those that were there at its start and those that come later; what it says in log and metrics has no number."""
    store = made(tmp_path, receiver.url)
    happen(store, 0, 3)
    with Serving(tmp_path, toml(receiver.url)) as service:
        assert until(lambda: len(receiver.ids) == 3)
        receiver.answer = lambda _: 500 if len(receiver.ids) == 4 else 204
        happen(store, 3, 1)
        again = "SELECT due_at FROM {0}outbox WHERE sent_at = 0 AND tries = 1 AND due_at < ?"
        assert until(lambda: bool(run(store, again, round((time.time() + 8) * 1000))))  # that it has failed is written
        run(store, "UPDATE {0}outbox SET due_at = due_at - 9000 WHERE sent_at = 0")
        assert until(lambda: len(receiver.ids) == 5)
        assert until(lambda: run(store, "SELECT COUNT(*) FROM {0}outbox WHERE sent_at = 0") == [(0,)])
        metrics = service.ask("GET", "/metrics").body.decode()
        lines = [line for line in service.log() if "event_id" in line]
    assert 'haoma_events_total{kind="phone.verified",outcome="delivered"} 4.0' in metrics
    assert 'haoma_events_total{kind="phone.verified",outcome="failed"} 1.0' in metrics
    (line,) = lines
    assert (line["event_id"], line["kind"], line["reason"], line["tries"], line["level"]) == (
        receiver.ids[3], "phone.verified", "http-500", 1, "warning",
    )  # fmt: skip
    assert "1380000" not in service.written()
    assert receiver.url not in service.written()
    assert "canary" not in service.written()


def test_from_a_tap_to_an_erased_account(tmp_path: Path, receiver: Receiver) -> None:
    """A user shares a number: the token speaks for the account, the event tells of it. Erased, both are told so."""
    public = "webhook-test-publishable-key"
    with Simulator() as simulator:
        _, _, rest = toml(receiver.url).partition("[service]\n")
        apps = "[apps.wechat]" + some_apps(simulator, "wechat]").partition("[apps.wechat]")[2]
        head = f'allow_insecure_upstreams = true\n{apps}\n[service]\npublishable_keys = ["{public}"]\n'
        text = head + rest
        (tmp_path / "haoma.toml").write_text(text)
        upgrade(load(tmp_path / "haoma.toml").store)
        with Serving(tmp_path, text) as service:
            tap = simulator.tap("wechat", "ok")
            got = service.post(f"/v1/apps/{tap.app}/phone-number", tap.body, public)
            assert got.status == 200, got.body
            said = got.json
            assert until(lambda: len(receiver.events) == 1)
            (event,) = receiver.events
            assert (event.type, event.account) == ("phone.verified", said["account"])
            assert (event.data["masked"], event.data["link"]) == (said["masked"], "new")
            jwks = service.ask("GET", "/.well-known/jwks.json").body
            session = tokens.verify(said["token"], jwks, app=tap.app)
            assert session.subject == session.account == said["account"]
            asked = {"token": said["token"]}
            assert service.post("/v1/sessions/check", asked, KEY).json["active"]
            reveal = f"/v1/apps/{tap.app}/phone-number/reveal"
            whole = service.post(reveal, asked, KEY).json
            assert whole["account"] == said["account"]
            assert service.post(f"/v1/accounts/{said['account']}/erase", {"reason": "asked"}, KEY).status == 200
            assert until(lambda: len(receiver.events) == 2)
            assert (receiver.types[1], receiver.events[1].account) == ("account.erased", said["account"])
            assert service.post("/v1/sessions/check", asked, KEY).json == {"active": False}
            assert service.post(reveal, asked, KEY).status == 422
    assert all(whole["phone_number"][-11:].encode() not in each.body for each in receiver.asked)


def test_a_service_that_is_killed_loses_no_event(tmp_path: Path, receiver: Receiver) -> None:
    """kill -9 while events are on their way; the next one sends what is left, each at least once."""
    store = made(tmp_path, receiver.url)
    happen(store, 0, 60)
    receiver.answer = slowly(0.05)
    with contextlib.suppress(AssertionError), Serving(tmp_path, toml(receiver.url)) as service:
        assert until(lambda: len(receiver.ids) >= 5)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    left = run(store, "SELECT COUNT(*) FROM {0}outbox WHERE sent_at = 0")[0][0]
    assert left > 0
    run(store, "UPDATE {0}outbox SET due_at = due_at - 30000 WHERE sent_at = 0")  # half a minute later
    with Serving(tmp_path, toml(receiver.url)):
        assert until(lambda: run(store, "SELECT COUNT(*) FROM {0}outbox WHERE sent_at = 0") == [(0,)])
    assert len(set(receiver.ids)) == 60


def test_a_service_that_stops_lets_what_is_sent_arrive(tmp_path: Path, receiver: Receiver) -> None:
    """At its end it waits for the answer of the receiver, so that nothing comes twice."""
    store = made(tmp_path, receiver.url)
    happen(store, 0, 1)
    receiver.answer = slowly(1)
    with Serving(tmp_path, toml(receiver.url)):
        assert until(lambda: len(receiver.ids) == 1)
    assert run(store, "SELECT COUNT(*) FROM {0}outbox WHERE sent_at > 0") == [(1,)]


def test_what_of_the_table_is_a_fault(tmp_path: Path) -> None:
    """Plain http, a secret that is none, three of them, and events without accounts."""
    from haoma.errors import ConfigFaults

    text = toml("http://127.0.0.1:1/hook").replace("allow_insecure_upstreams = true\n", "")
    wrong = {
        "config.insecure-upstream": text,
        "config.missing-setting": text.replace('url = "http://127.0.0.1:1/hook"\n', ""),
        "config.bad-url": text.replace("http://127.0.0.1:1/hook", "https://user@host/hook"),
        "config.wrong-type": text.replace("http:", "https:").replace("whsec_", "whsec"),
        "config.unknown-setting": text.replace("http:", "https:") + "secret = 'x'\n",
        "config.webhooks-without-accounts": text.replace("http:", "https:").partition("[accounts]")[0]
        + "[webhooks]"
        + text.replace("http:", "https:").partition("[webhooks]")[2],
    }
    for code, each in wrong.items():
        (tmp_path / "haoma.toml").write_text(each)
        with pytest.raises(ConfigFaults) as caught:
            load(tmp_path / "haoma.toml")
        faults = [fault for fault in caught.value.faults if not fault.warning]
        assert [fault.code for fault in faults] == [code], each
        assert faults[0].where.startswith("webhooks")
        assert "canary" not in str(caught.value)
    three = ", ".join(f'"{webhooks.format_secret(bytes([number]) * 32)}"' for number in range(3))
    (tmp_path / "haoma.toml").write_text(
        text.replace("http:", "https:").replace(f'"{webhooks.format_secret(SECRET)}"', three)
    )
    with pytest.raises(ConfigFaults) as caught:
        load(tmp_path / "haoma.toml")
    assert [fault.where for fault in caught.value.faults] == ["webhooks.secrets"]


def test_the_address_stays_as_it_is_written(tmp_path: Path) -> None:
    """With its slash at the end; the time limit and both secrets are read."""
    (tmp_path / "haoma.toml").write_text(toml("https://shop.example/hooks/"))
    found = load(tmp_path / "haoma.toml").webhooks
    assert found is not None
    assert (found.url, found.secrets, found.timeout) == ("https://shop.example/hooks/", (SECRET,), 2)
    assert "canary" not in repr(found)
