"""Budgets of refused codes: who tries codes has to wait, and nobody else."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any, ClassVar

import pytest

from haoma import errors
from haoma.errors import Next, TooManyRefusedCodes
from haoma.io.client_addresses import group, parse
from haoma.platforms.base.refusal import refuses_a_code
from haoma.service.gate.refused import Alarm, Budgets, Refused, client
from haoma.simulator import Simulator
from support.serving import Got, Serving
from support.simulator_toml import some_apps

PATH = "/v1/apps/wechat/phone-number"
PHONE = "/wxa/business/getuserphonenumber"
LIMIT = 5


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def start(simulator: Simulator, folder: Path, service: str, nowhere: int = 9) -> Serving:
    toml = some_apps(simulator, "wechat]", "wechat-cloud]", "wechat-errcode-40125-token]", "alipay]")
    toml = toml.replace("server_keys = [", f"{service}\nserver_keys = [", 1)
    toml = toml.replace("[apps.wechat]", UNREACHABLE.format(port=nowhere) + "[apps.wechat]")
    return Serving(folder, toml)


UNREACHABLE = f"""[apps.nowhere]
platform = "wechat"
app_id = "wx0123456789abcdee"
app_secret = "{"0123456789abcdef" * 2}"
api_base_url = "http://127.0.0.1:{{port}}"

"""


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("service")
    with start(simulator, folder, f"refused_limit = {LIMIT}\nrefused_seconds = 600") as serving:
        yield serving


@pytest.fixture(scope="module")
def behind(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Return a service behind a proxy at 127.0.0.1."""
    folder = tmp_path_factory.mktemp("behind")
    with start(simulator, folder, f'refused_limit = {LIMIT}\ntrusted_proxies = ["127.0.0.1"]') as serving:
        yield serving


def ask(serving: Serving, key: str, body: object, peer: str = "127.0.0.1", path: str = PATH, **headers: str) -> Got:
    """Send a request from an address of the loopback."""
    connection = HTTPConnection("127.0.0.1", serving.port, timeout=30, source_address=(peer, 0))
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {key}", **named})
        response = connection.getresponse()
        return Got(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def guess() -> dict[str, str]:
    return {"code": secrets.token_hex(32)}


def exhaust(serving: Serving, key: str, peer: str = "127.0.0.1", **headers: str) -> None:
    for _ in range(LIMIT):
        assert ask(serving, key, guess(), peer, **headers).status == 422


def test_an_address_that_tries_codes_has_to_wait(service: Serving, simulator: Simulator) -> None:
    """After so many refused codes, 429 with the time to wait and no call more; for others nothing changes."""
    key, peer = simulator.publishable_key, "127.0.0.10"
    exhaust(service, key, peer)
    calls = simulator.calls["wechat"][PHONE]
    got = ask(service, key, guess(), peer, Accept_Language="zh")
    assert (got.status, got.json["code"], got.json["next"], got.json["retry"]) == (
        429,
        "try-later",
        "retry-later",
        True,
    )
    assert 590 <= int(got.headers["retry-after"]) <= 600
    assert got.headers["cache-control"] == "no-store"
    good = simulator.tap("wechat", "ok")
    assert ask(service, key, good.body, peer).status == 429
    assert ask(service, key, {"login_code": "x"}, peer, path="/v1/apps/wechat/login").status == 429
    assert simulator.calls["wechat"][PHONE] == calls
    # Another address with the same key, and a back end at the same address.
    assert ask(service, key, good.body, "127.0.0.11").status == 200
    other = simulator.tap("wechat", "ok")
    assert ask(service, simulator.server_key, other.body, peer).status == 200
    assert service.logged(got)["code"] == "caller.too-many-refused-codes"


def test_a_header_of_a_stranger_is_not_believed(service: Serving, simulator: Simulator) -> None:
    """Without a trusted proxy an address cannot be chosen."""
    key, peer = simulator.publishable_key, "127.0.0.12"
    for number in range(LIMIT):
        assert ask(service, key, guess(), peer, X_Forwarded_For=f"198.51.100.{number}").status == 422
    assert ask(service, key, guess(), peer, X_Forwarded_For="203.0.113.1", Forwarded="for=203.0.113.1").status == 429


def test_login_codes_count(service: Serving, simulator: Simulator) -> None:
    """A refused login code is a refused code, at either route."""
    key, peer = simulator.publishable_key, "127.0.0.13"
    for number in range(LIMIT):
        if number % 2:
            got = ask(service, key, {"login_code": secrets.token_hex(16)}, peer, path="/v1/apps/wechat/login")
        else:
            good = simulator.tap("wechat", "ok").body
            got = ask(service, key, {**(good or {}), "login_code": secrets.token_hex(16)}, peer)
        assert got.status == 422
        assert service.logged(got)["code"] == "platform.login-code-rejected"
    assert ask(service, key, guess(), peer).status == 429


def test_hanging_up_saves_nothing(service: Serving, simulator: Simulator) -> None:
    """Whoever does not wait for the refusal has had it all the same."""
    key, peer = simulator.publishable_key, "127.0.0.17"
    before = simulator.calls["wechat"].get(PHONE, 0)
    for _ in range(LIMIT):
        body = json.dumps(guess())
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port), 5, (peer, 0)) as connection:
            connection.sendall((head + body).encode())
            time.sleep(0.01)
    deadline = time.monotonic() + 10
    while simulator.calls["wechat"][PHONE] < before + LIMIT and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    assert ask(service, key, guess(), peer).status == 429


class SlowToRefuse(BaseHTTPRequestHandler):
    """A platform that gives a token at once, and takes its time to refuse a code."""

    protocol_version = "HTTP/1.1"
    refused: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer: dict[str, object] = {"access_token": "T" * 64, "expires_in": 7200}
        if self.path.startswith(PHONE):
            time.sleep(0.4)
            self.refused.append(sent["code"])
            answer = {"errcode": 40029, "errmsg": "invalid code"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_late_last_byte_saves_nothing(simulator: Simulator, tmp_path: Path) -> None:
    """The time for the answer ends while the platform is asked, as the caller wants it: the refused code counts."""
    key = simulator.publishable_key
    platform = ThreadingHTTPServer(("127.0.0.1", 0), SlowToRefuse)
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    with start(simulator, tmp_path, "refused_limit = 3\nrequest_seconds = 1", platform.server_port) as serving:
        path = "/v1/apps/nowhere/phone-number"

        def answer_late(_number: int) -> bytes:
            body = json.dumps(guess())
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
            whole = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            with socket.create_connection(("127.0.0.1", serving.port), 20) as connection:
                connection.sendall(whole[:-1])
                time.sleep(1.1)
                connection.sendall(whole[-1:])
                return connection.recv(1000).split()[1]

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(answer_late, range(3))) == [b"408"] * 3
        deadline = time.monotonic() + 10
        while len(SlowToRefuse.refused) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        assert ask(serving, key, guess(), path=path).status == 429
    platform.shutdown()
    platform.server_close()


def test_what_is_no_refused_code_does_not_count(service: Serving, simulator: Simulator) -> None:
    """Malformed bodies, forged envelopes, platforms that cannot be reached, wrong settings: as often as they like."""
    key, peer = simulator.publishable_key, "127.0.0.14"
    tampered = simulator.tap("alipay", "tampered").body
    for _ in range(LIMIT + 3):
        assert ask(service, key, {}, peer).status == 400
        assert ask(service, key, tampered, peer, path="/v1/apps/alipay/phone-number").status == 422
        assert ask(service, key, guess(), peer, path="/v1/apps/nowhere/phone-number").status == 503
        assert ask(service, key, guess(), peer, path="/v1/apps/wechat-errcode-40125-token/phone-number").status >= 500
        assert (
            ask(service, key, {"errMsg": "getPhoneNumber:fail", "errno": 1400001}, peer).status == 503
        )  # its own word
    assert ask(service, key, simulator.tap("wechat", "ok").body, peer).status == 200


def test_a_burst_does_not_get_past_the_budget(service: Serving, simulator: Simulator) -> None:
    """Two hundred at once find no budget that none of them has used yet."""
    key, peer = simulator.publishable_key, "127.0.0.15"
    before = simulator.calls["wechat"].get(PHONE, 0)
    with ThreadPoolExecutor(100) as pool:
        found = [got.status for got in pool.map(lambda _: ask(service, key, guess(), peer), range(200))]
    assert set(found) == {422, 429}
    assert found.count(422) <= LIMIT + 20
    assert simulator.calls["wechat"][PHONE] - before <= LIMIT + 20


def test_many_users_of_one_address_are_not_refused(service: Serving, simulator: Simulator) -> None:
    """A whole company behind one address taps at the same moment: everybody gets the number, some a moment later."""
    key, peer = simulator.publishable_key, "127.0.0.16"
    taps = [simulator.tap("wechat", "ok") for _ in range(150)]
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda tap: ask(service, key, tap.body, peer).status, taps))
    assert found == [200] * len(taps)


def test_the_budget_comes_back(simulator: Simulator, tmp_path: Path) -> None:
    """After the window, and after `Retry-After`, the address is served again."""
    key = simulator.publishable_key
    with start(simulator, tmp_path, "refused_limit = 2\nrefused_seconds = 2") as serving:
        for _ in range(2):
            assert ask(serving, key, guess()).status == 422
        got = ask(serving, key, guess())
        assert got.status == 429
        assert 1 <= int(got.headers["retry-after"]) <= 2
        time.sleep(int(got.headers["retry-after"]))
        assert ask(serving, key, simulator.tap("wechat", "ok").body).status == 200


def test_the_limit_when_nothing_is_set(simulator: Simulator, tmp_path: Path) -> None:
    """Thirty in ten minutes; the thirty-first is not tried."""
    with start(simulator, tmp_path, "") as serving:
        found = [ask(serving, simulator.publishable_key, guess()) for _ in range(31)]
    assert [got.status for got in found] == [422] * 30 + [429]
    assert 500 < int(found[-1].headers["retry-after"]) <= 600


def test_the_proxy_names_the_address(behind: Serving, simulator: Simulator) -> None:
    """The address that the trusted proxy saw counts; what stands to the left of it, nobody has checked."""
    key = simulator.publishable_key
    for number in range(LIMIT):
        spoofed = f"203.0.113.{number}, 198.51.100.1"
        assert ask(behind, key, guess(), X_Forwarded_For=spoofed).status == 422
    assert ask(behind, key, guess(), X_Forwarded_For="198.51.100.1").status == 429
    assert ask(behind, key, guess(), X_Forwarded_For="198.51.100.2").status == 422
    # From elsewhere the header is worth nothing.
    assert ask(behind, key, guess(), "127.0.0.20", X_Forwarded_For="198.51.100.1").status == 422


def test_the_users_of_a_back_end(behind: Serving, simulator: Simulator) -> None:
    """A server key speaks for many: its own address never counts, that of a user whom the proxy names does."""
    key = simulator.server_key
    for _ in range(LIMIT * 2):
        assert ask(behind, key, guess()).status == 422
        assert ask(behind, key, guess(), X_Forwarded_For="127.0.0.1").status == 422
        assert ask(behind, key, guess(), X_Forwarded_For="nonsense").status == 422
        assert ask(behind, key, guess(), "127.0.0.21", X_Forwarded_For="198.51.100.9").status == 422
    exhaust(behind, key, X_Forwarded_For="198.51.100.7")
    got = ask(behind, key, guess(), X_Forwarded_For="198.51.100.7")
    assert (got.status, got.json["code"]) == (429, "caller.too-many-refused-codes")
    assert got.json["remedy"]


def test_no_address_where_it_is_not_needed(behind: Serving, simulator: Simulator) -> None:
    """An address stands in one line, which says that it has to wait; in no metric, and in no line of a request."""
    key, address = simulator.publishable_key, "198.51.100.77"
    exhaust(behind, key, X_Forwarded_For=address)
    for _ in range(3):
        last = ask(behind, key, guess(), X_Forwarded_For=address)
    behind.logged(last)
    assert [line["event"] for line in behind.log() if address in json.dumps(line)] == [
        "The platforms refused too many codes of an address; it has to wait."
    ]
    metrics = behind.ask("GET", "/metrics").body.decode()
    assert "198.51.100" not in metrics
    caller = behind.logged(last)["caller"]
    label = f'app="wechat",caller="{caller}",platform="wechat"'
    counted = re.search(r"^haoma_refused_codes_total\{" + re.escape(label) + r"\} (\d+)", metrics, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) >= LIMIT


def test_an_alarm_for_key_and_app(simulator: Simulator, tmp_path: Path) -> None:
    """Whoever has many addresses is not stopped, but the operator hears of it: once.

    So many addresses use their budgets up in a minute that not each has its line; an alarm comes all the same.
    """
    names = ("wechat", "wechat-cloud")
    with start(simulator, tmp_path, "refused_limit = 1") as serving:
        for name, addresses in ((names[0], 45), (names[1], 10)):
            for number in range(addresses):
                path = f"/v1/apps/{name}/phone-number"
                got = ask(serving, simulator.publishable_key, guess(), f"127.1.{len(name)}.{number + 1}", path=path)
                assert got.status == 422, got.body
        caller = serving.logged(got)["caller"]
        lines = serving.log()
        good = simulator.tap("wechat", "ok")
        assert ask(serving, simulator.publishable_key, good.body, "127.0.8.1").status == 200
    events = [line["event"] for line in lines]
    assert events.count("The platforms refused too many codes of an address; it has to wait.") <= 40
    alarms = [line for line in lines if line["event"] == "Very many codes of a key were refused."]
    assert [(line["app"], line["platform"], line["caller"], line["level"]) for line in alarms] == [
        (name, "wechat", caller, "warning") for name in names
    ]


# --- the parts ------------------------------------------------------------------------------------------------------

PROXIES = tuple(ip_network(each) for each in ("10.0.0.0/8", "2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "named", "counted"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.1,198.51.100.1 ,\t10.2.0.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.1", "198.51.100.1, 10.2.0.1"], "198.51.100.1"),
        ("10.0.0.1", ["nonsense, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("2001:db8:ffff::1", ["2001:db8:1:2:ffff::"], "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.9"], "10.0.0.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["_hidden, 10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["1980.51.100.1"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, " + "10.0.0.2, " * 19 + "10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, " + "10.0.0.2, " * 20 + "10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.8,10.0.0.9"], "10.0.0.8"),
        ("10.0.0.1", ["[2001:db8:1:2::4]"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["[198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["\xff\xfe"], "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("", [], ""),
        ("testclient", [], ""),
    ],
)  # fmt: skip
def test_whose_address_counts(peer: str, named: list[str], counted: str) -> None:
    """From the right, as far as proxies are trusted; what is no list of addresses counts for nothing."""
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in named]
    scope: Any = {"client": (peer, 1), "headers": [(b"x-real-ip", b"203.0.113.9"), *headers, (b"via", b"203.0.113.9")]}
    assert client(scope, PROXIES, trusted=False) == counted
    through = counted if named and counted and parse_peer(peer) != counted and not counted.startswith("10.") else ""
    assert client(scope, PROXIES, trusted=True) == through
    assert client(scope, (), trusted=True) == ""
    assert client(scope, (), trusted=False) == (group(parse(peer)) if counted else "")
    scope["client"] = None
    assert client(scope, PROXIES, trusted=False) == ""


@pytest.mark.parametrize(
    ("form", "limit"),
    [
        ("2001:db8:1:2::{0:x}", LIMIT),
        ("2001:db8:2:{0:x}::1", 4 * LIMIT),
        ("2001:db8:3:{0:x}00::1", 16 * LIMIT),
        ("2002:c633:64c8:{0:x}::1", LIMIT),
        ("64:ff9b::198.51.100.201%{0}", LIMIT),
        ("64:ff9b::198.51.{0}.1", 0),
        ("2001:db9:{0:x}::1", 0),
    ],
    ids=["of a line", "of 256 lines", "of a network of 48 bits", "6to4", "a zone", "NAT64", "strangers"],
)
def test_addresses_that_belong_together(behind: Serving, simulator: Simulator, form: str, limit: int) -> None:
    """Who has a network of IPv6 has not as many budgets as addresses; who shares a translator has one of his own."""
    statuses = [
        ask(behind, simulator.publishable_key, guess(), X_Forwarded_For=form.format(number + 1)).status
        for number in range((limit or 8) + 2)
    ]
    assert statuses == ([422] * limit + [429] * 2 if limit else [422] * 10)


def test_a_zone_without_an_end_is_no_address() -> None:
    """What has been parsed is remembered, so it has to be short."""
    with pytest.raises(ValueError, match="long"):
        parse("fe80::1%" + "a" * 60)


def parse_peer(peer: str) -> str:
    return peer.removeprefix("::ffff:")


def test_which_refusals_count() -> None:
    """Refusals of a code by the platform, listed or not; no word of a front end about itself, no network."""
    yes = [
        errors.CodeRejected(), errors.LoginCodeRejected(), errors.Refused(place="phone"), errors.Refused(place="login"),
        errors.AppMismatch(place="phone"),
    ]  # fmt: skip
    of_a_code = errors.Refused(place="token")
    of_a_code.next_action = Next.ASK_AGAIN
    assert all(refuses_a_code(each) for each in (*yes, of_a_code))
    no = [
        errors.Refused(place="token"), errors.Refused(place="check"), errors.CodeRejected(because={"unverified": True}),
        errors.OutcomeUnknown(), errors.TimedOut(), errors.Busy(place="phone"), errors.RateLimited(place="phone"),
        errors.QuotaExhausted(place="phone"), errors.CredentialsRejected(), errors.CannotOpen(), errors.AlreadyUsed(),
        errors.TooManyRefusedCodes(), errors.UserDeclined(),
    ]  # fmt: skip
    assert not any(refuses_a_code(each) for each in no)


def test_whoever_waits_is_let_in_or_refused() -> None:
    """A place that becomes free goes to the next; one that gives up, or is refused, passes it on. Nothing is left."""

    async def play() -> None:
        budgets = Budgets(2, 60)
        inside = [await budgets.take("a") for _ in range(22)]
        waiting = [asyncio.ensure_future(budgets.take("a")) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        waiting[0].cancel()
        budgets.give_back(inside.pop(), refused=False)
        await asyncio.sleep(0.01)
        assert [each.done() for each in waiting] == [True, True, False, False, False]
        inside.append(waiting[1].result())
        # Woken and cancelled in the same turn: the place goes on to the next.
        budgets.give_back(inside.pop(), refused=False)
        waiting[2].cancel()
        await asyncio.sleep(0.01)
        assert waiting[3].done()
        inside.append(waiting[3].result())
        assert not budgets.give_back(inside.pop(), refused=True)
        assert budgets.give_back(inside.pop(), refused=True)
        with pytest.raises(TooManyRefusedCodes) as refused:
            await waiting[4]
        assert 59 <= refused.value.retry_after <= 60
        for each in inside:
            budgets.give_back(each, refused=False)
        assert list(budgets._accounts) == ["a"]
        account = await budgets.take("b")
        budgets.give_back(account, refused=False)
        assert list(budgets._accounts) == ["a"]

    asyncio.run(play())


def test_a_configuration_that_is_read_again_counts_on() -> None:
    """What an address has used of its budget is used under another limit too, and so is what rings the alarm."""

    async def play() -> None:
        counted = Refused()
        before, after = Budgets(3, 60, counted), Budgets(2, 60, counted)
        under_way = await before.take("a")
        before.give_back(await before.take("a"), refused=True)
        after.give_back(await after.take("a"), refused=False)
        assert before.give_back(under_way, refused=True) == ""
        with pytest.raises(TooManyRefusedCodes):
            await after.take("a")
        higher = Budgets(3, 60, counted)
        assert higher.give_back(await higher.take("a"), refused=True) == "a"

    asyncio.run(play())
    counted = Refused()
    assert not any(Alarm(2, 60, counted).rings("shop", "key") for _ in range(19))
    assert Alarm(2, 60, counted).rings("shop", "key")


def test_addresses_take_no_memory() -> None:
    """Of very many addresses those seen last are kept; of those whose window is over, none."""

    async def play() -> None:
        budgets = Budgets(2, 60)
        for number in range(12_000):
            budgets.give_back(await budgets.take(str(number)), refused=True)
        assert len(budgets._accounts) == 10_000
        assert "11999" in budgets._accounts
        short = Budgets(2, 0.01)
        for number in range(100):
            short.give_back(await short.take(str(number)), refused=True)
        await asyncio.sleep(0.02)
        short.give_back(await short.take("new"), refused=False)
        assert not short._accounts

    asyncio.run(play())


def test_the_alarm_rings_once_in_a_window() -> None:
    """Not with every code, and not for another app or key."""
    alarm = Alarm(1, 0.2)
    assert [alarm.rings("shop", "k") for _ in range(30)] == [False] * 9 + [True] + [False] * 20
    assert not alarm.rings("other", "k")
    time.sleep(0.25)
    assert [alarm.rings("shop", "k") for _ in range(10)] == [False] * 9 + [True]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until it is set."""
    now = [1000.0]
    for module in ("haoma.io.clients", "haoma.service.gate.refused"):
        monkeypatch.setattr(f"{module}.monotonic", lambda: now[0])
    return now


def test_a_budget_by_the_clock(clock: list[float]) -> None:
    """Each refused code counts for the whole window and no longer, also while others come and go."""

    async def play() -> None:
        budgets = Budgets(2, 10)

        async def told(address: str, *, refused: bool) -> bool | int:
            try:
                account = await budgets.take(address)
            except TooManyRefusedCodes as error:
                return error.retry_after
            return bool(budgets.give_back(account, refused=refused))

        assert await told("a", refused=True) is False
        clock[0] = 1006
        assert await told("a", refused=False) is False
        assert await told("a", refused=True) is True
        for moment, wait in ((1006.0, 4), (1006.5, 4), (1008.9, 2), (1009.5, 1), (1009.999, 1)):
            clock[0] = moment
            assert await told("a", refused=True) == wait
            assert await told("b", refused=False) is False
        clock[0] = 1010
        assert await told("b", refused=True) is False
        assert await told("a", refused=True) is True  # the first one is over, the second is not
        assert await told("a", refused=True) == 6
        clock[0] = 1015.9
        inside = await budgets.take("b")
        assert await told("a", refused=True) == 1
        clock[0] = 1016
        assert await told("a", refused=False) is False
        clock[0] = 1019.8
        assert await told("c", refused=False) is False
        assert "b" in budgets._accounts  # its request is under way
        assert budgets.give_back(inside, refused=False) == ""
        clock[0] = 1019.9
        assert await told("c", refused=False) is False
        assert list(budgets._accounts) == ["b", "a"]
        clock[0] = 1020
        assert await told("c", refused=False) is False
        assert not budgets._accounts

    asyncio.run(play())


@pytest.mark.usefixtures("clock")
def test_how_many_come_in_at_once() -> None:
    """Twenty more than may still be refused: each that was refused is one place less."""

    async def play() -> None:
        budgets = Budgets(3, 60)
        for left in (3, 2, 1):
            inside = [await budgets.take("a") for _ in range(left + 20)]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(budgets.take("a"), 0.001)
            for number, each in enumerate(inside):
                budgets.give_back(each, refused=number == 0)

    asyncio.run(play())


def test_networks_around_an_address(clock: list[float]) -> None:
    """Whoever has a network has the budget of four addresses, or of sixteen, and not of each; then all of it waits."""

    async def play() -> None:
        budgets = Budgets(1, 60)

        def named(network: int, line: int, bits: int) -> str:
            return str(ip_network(f"2001:db8:1:{256 * network + line:x}::/{bits}"))

        async def refused(network: int, line: int) -> str:
            return budgets.give_back(await budgets.take(named(network, line, 64)), refused=True)

        for network in range(4):
            used_up = [await refused(network, line) for line in range(4)]
            assert used_up[:3] == [named(network, line, 64) for line in range(3)]
            assert used_up[3] == (named(network, 0, 56) if network < 3 else named(0, 0, 48))
            with pytest.raises(TooManyRefusedCodes):
                await refused(network, 4)
        with pytest.raises(TooManyRefusedCodes):
            await refused(4, 0)
        budgets.give_back(await budgets.take("2001:db8:2::/64"), refused=False)
        clock[0] += 60
        budgets.give_back(await budgets.take("2001:db8:1::/64"), refused=False)
        assert not budgets._accounts

    asyncio.run(play())


def test_a_place_that_one_cannot_use_is_for_the_next() -> None:
    """Who waits for a network may find his own address full by then; who waits behind him is let in instead."""

    async def play() -> None:
        budgets = Budgets(1, 60)  # an address has 21 places, the network around it 24
        one, two, three = (f"2001:db8:1:{number}::/64" for number in range(3))
        inside = [await budgets.take(one) for _ in range(4)]
        for _ in range(20):
            await budgets.take(two)
        waiting = [asyncio.ensure_future(budgets.take(each)) for each in (two, two, three)]
        await asyncio.sleep(0.001)
        assert not any(each.done() for each in waiting)
        for _ in range(2):
            budgets.give_back(inside.pop(), refused=False)
            await asyncio.sleep(0.001)
        assert [each.done() for each in waiting] == [True, False, True]
        waiting[1].cancel()
        await asyncio.sleep(0)

    asyncio.run(play())


def test_who_finds_his_place_taken_waits_and_wakes_nobody() -> None:
    """Or those who wait would wake each other for ever."""

    async def play() -> None:
        budgets = Budgets(2, 60)
        inside = [await budgets.take("a") for _ in range(22)]
        waiting = [asyncio.ensure_future(budgets.take("a")) for _ in range(2)]
        await asyncio.sleep(0.001)
        budgets.give_back(inside.pop(), refused=False)
        inside.append(await budgets.take("a"))  # before the one that was woken has looked
        await asyncio.sleep(0.001)
        queue = list(inside[0].waiting)
        await asyncio.sleep(0.001)
        assert len(queue) == 2
        assert list(inside[0].waiting) == queue
        for _ in range(2):
            budgets.give_back(inside.pop(), refused=False)
        await asyncio.sleep(0.001)
        assert all(each.done() for each in waiting)

    asyncio.run(play())


def test_an_account_without_any_refused_code_is_forgotten(clock: list[float]) -> None:
    """Such a one is left of a network that was forgotten before an address in it, when that one is refused."""

    async def play() -> None:
        budgets = Budgets(1, 60)
        address = "2001:db8:1:2::/64"
        budgets.give_back(await budgets.take(address), refused=True)
        del budgets._accounts["2001:db8:1::/56"]
        with pytest.raises(TooManyRefusedCodes):
            await budgets.take(address)
        clock[0] += 60
        budgets.give_back(await budgets.take("b"), refused=False)
        assert not budgets._accounts

    asyncio.run(play())


@pytest.mark.usefixtures("clock")
def test_of_very_many_addresses_those_seen_last_are_kept() -> None:
    """One that comes again is not the next to be forgotten; one that is forgotten while it is inside harms nobody."""

    async def play() -> None:
        budgets = Budgets(2, 60)
        first = await budgets.take("first")
        for number in range(9_999):
            budgets.give_back(await budgets.take(str(number)), refused=True)
        assert len(budgets._accounts) == 10_000
        again = await budgets.take("first")
        assert again is first
        budgets.give_back(await budgets.take("x"), refused=True)
        assert len(budgets._accounts) == 10_000
        assert "0" not in budgets._accounts
        assert {"first", "1", "x"} <= budgets._accounts.keys()
        for number in range(10_000, 20_001):
            budgets.give_back(await budgets.take(str(number)), refused=True)
        assert "first" not in budgets._accounts
        new = await budgets.take("first")
        budgets.give_back(first, refused=False)
        budgets.give_back(again, refused=False)
        assert budgets._accounts["first"] is new

    asyncio.run(play())


def test_an_alarm_by_the_clock(clock: list[float]) -> None:
    """It counts within a window that begins with the first code, and rings with the tenth time of the limit."""
    alarm = Alarm(2, 10)
    assert [alarm.rings("shop", "k") for _ in range(19)] == [False] * 19
    clock[0] += 9.5
    assert alarm.rings("shop", "k")
    assert not any(alarm.rings("shop", "k") for _ in range(40))
    clock[0] += 0.5
    assert [alarm.rings("shop", "k") for _ in range(21)] == [False] * 19 + [True, False]
