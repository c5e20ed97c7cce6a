"""One client that is used from everywhere: event loops, processes, many codes of one user."""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import haoma
from haoma.client import Client
from haoma.errors import HaomaError
from haoma.io.memory import Memory
from haoma.io.process import PerProcess
from haoma.platforms.base.contract import App
from haoma.settings.model import HaomaWarning
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from support.vector_cases import cases


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> haoma.AsyncClient:
    return haoma.AsyncClient(from_mapping(simulator.stage.settings(simulator.url)))


# --- event loops


def test_a_loop_for_each_call(simulator, client):
    """`asyncio.run` per request, as under WSGI: each call gets its number."""
    for _ in range(6):
        tap = simulator.tap("wechat", "ok")
        assert asyncio.run(client.get_phone_number(tap.app, tap.body)).e164 == tap.phone_number


def test_several_loops_at_once(simulator, client):
    """Loops in three threads share one client, its token and its memory of used codes."""
    taps = [[simulator.tap("wechat", "ok") for _ in range(10)] for _ in range(3)]
    calls = simulator.calls["wechat"]
    before = calls.get("/cgi-bin/stable_token", 0)
    found: list[list[Any]] = [[], [], []]

    async def main(number: int) -> None:
        asked = (client.get_phone_number(tap.app, tap.body) for tap in taps[number])
        found[number] = list(await asyncio.gather(*asked, return_exceptions=True))

    threads = [threading.Thread(target=lambda number=number: asyncio.run(main(number))) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[each.e164 for each in some] for some in found] == [[tap.phone_number for tap in some] for some in taps]
    assert simulator.calls["wechat"]["/cgi-bin/stable_token"] - before == 1


def test_a_caller_that_leaves_loses_nothing():
    """A task is cancelled in the middle of the exchange: the same request again gets the number that was paid for."""
    fake = Path(__file__).parent.parent / "forks" / "number_in_code.py"
    command = [sys.executable, str(fake), "--delay", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        url = f"http://127.0.0.1:{running.stdout.readline().strip()}"
        shop = {"platform": "wechat", **APP, "api_base_url": url}
        client = haoma.AsyncClient(from_mapping({"allow_insecure_upstreams": True, "apps": {"shop": shop}}))

        async def main() -> haoma.VerifiedPhone:
            await client.get_phone_number("shop", {"code": "warm-13800000000"})
            task = asyncio.create_task(client.get_phone_number("shop", {"code": "left-13800138000"}))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            found = await client.get_phone_number("shop", {"code": "left-13800138000"})
            await client.aclose()
            return found

        found = asyncio.run(main())
        running.terminate()
    assert (found.e164, found.repeated) == ("+8613800138000", True)


# --- processes


def _ask(settings: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        client = haoma.Client(settings)
        for _ in range(3):
            with pytest.raises(haoma.HaomaError):
                client.get_phone_number(next(iter(settings.apps)), {"phone": "none"})
    return [str(each.message) for each in given if issubclass(each.category, HaomaWarning)]


APP: dict[str, Any] = {"app_id": "wx0000000000000000", "app_secret": "0" * 32}


@pytest.mark.parametrize("server", ["gunicorn", "uwsgi", "celery"])
def test_one_of_several_processes_is_told_so_once(monkeypatch, server):
    """In a server that is known to fork, an app with codes warns once; nobody else is bothered."""
    settings = from_mapping({"apps": {"shop": {"platform": "wechat", **APP}}})
    assert _ask(settings) == []
    monkeypatch.setitem(sys.modules, server, sys)
    (told,) = _ask(settings)
    assert "config.memory-not-shared" in told
    assert server in told


def test_envelopes_alone_need_no_shared_memory(monkeypatch):
    """An Alipay app remembers nothing that another process would miss."""
    monkeypatch.setitem(sys.modules, "gunicorn", sys)
    app = next(case.app for case in cases("alipay") if case.name == "alipay/success-mainland")
    assert _ask(from_mapping({"apps": {"shop": app}})) == []


def test_a_fork_is_noticed():
    """A process that was forked after its client was made warns once."""
    program = (
        "import os, warnings, haoma\n"
        f"client = haoma.Client(haoma.configure('wechat', **{APP!r}))\n"
        "def ask():\n"
        "    try: client.get_phone_number('wechat', {'phone': 'none'})\n"
        "    except haoma.HaomaError: pass\n"
        "ask()\n"
        "pid = os.fork()\n"
        "ask(); ask()\n"
        "if pid: os.wait()\n"
        "else: os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr.count("HaomaWarning") == 1
    assert "fork" in run.stderr


def _in_a_child(queue: Any) -> None:
    queue.put(_ask(from_mapping({"apps": {"shop": {"platform": "wechat", **APP}}})))


def test_a_child_of_multiprocessing_is_told_so():
    """Whatever way multiprocessing starts its children."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_a_child, args=(queue,))
    child.start()
    (told,) = queue.get(timeout=60)
    child.join()
    assert "multiprocessing" in told


# --- a user who tries codes


def test_a_user_who_tries_codes_has_to_wait(simulator):
    """Thirty refused codes of one user, and no more is sent; other users are not touched."""
    settings = from_mapping(simulator.stage.settings(simulator.url))
    path = "/wxa/business/getuserphonenumber"
    with haoma.Client(settings) as client:
        tap = simulator.tap("wechat", "ok")
        session = client.log_in(tap.app, tap.body["login_code"])

        def guess(number: int) -> str:
            try:
                client.get_phone_number(tap.app, {"code": f"guess-{number}", "session": session.handle})
            except haoma.HaomaError as error:
                return error.code
            return ""

        guesses = [guess(number) for number in range(35)]
        assert set(guesses[:30]) == {"platform.code-rejected"}
        assert set(guesses[30:]) == {"caller.too-many-refused-codes"}
        sent = simulator.calls["wechat"][path]
        authorization = tap.body["authorization"]
        with pytest.raises(haoma.HaomaError) as caught:  # his own good code has to wait as well, and is not used up
            client.get_phone_number(tap.app, {"authorization": authorization, "session": session.handle})
        assert (caught.value.code, caught.value.retry) == ("caller.too-many-refused-codes", True)
        assert simulator.calls["wechat"][path] == sent
        other = simulator.tap("wechat", "ok")
        assert client.get_phone_number(other.app, other.body).e164 == other.phone_number


def test_honest_taps_use_no_budget(simulator):
    """A good code gives its try back."""
    settings = from_mapping(simulator.stage.settings(simulator.url))
    with haoma.Client(settings) as client:
        tap = simulator.tap("wechat", "ok")
        session = client.log_in(tap.app, tap.body["login_code"])
        memory = client._memory
        assert isinstance(memory, Memory)
        state = memory._state.get()
        assert client.get_phone_number(
            tap.app, {"authorization": tap.body["authorization"], "session": session.handle}
        ).subject
        assert [len(table) for (shelf, _), table in state.tries.items() if shelf == "budgets"] == [0]


# --- the same request again


@pytest.mark.parametrize(
    ("platform", "scene"), [("wechat", "ok"), ("kuaishou", "ok"), ("baidu", "ok"), ("xiaohongshu", "ok")]
)
def test_a_request_from_a_log_gives_no_number(simulator, platform, scene):
    """After `repeat_seconds` a request that was captured is refused, whoever sends it; the code is used."""
    values = simulator.stage.settings(simulator.url)
    values["apps"] = {platform: {**values["apps"][platform], "repeat_seconds": 0}}
    with haoma.Client(from_mapping(values)) as client:
        tap = simulator.tap(platform, scene)
        assert client.get_phone_number(tap.app, tap.body).e164 == tap.phone_number
        for caller in ("", "another"):
            with pytest.raises(haoma.AlreadyUsed):
                client.get_phone_number(tap.app, tap.body, caller=caller)


@pytest.mark.parametrize("seconds", [-1, 601, "soon", True])
def test_how_long_an_answer_may_be_repeated(seconds):
    """Between nothing and ten minutes."""
    with pytest.raises(haoma.ConfigFaults, match="repeat_seconds"):
        haoma.configure("wechat", **APP, repeat_seconds=seconds)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_the_first_calls_come_at_once() -> None:
    """Many threads are the first to use a client: each gets what is the process's own, and nobody sees a fork."""
    befores: list[object] = []

    def make(before: object) -> object:
        befores.append(before)
        return object()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(800):
            values = PerProcess(make)
            everybody = threading.Barrier(8)
            asked = [pool.submit(lambda each=values, all_=everybody: (all_.wait(), each.get())[1]) for _ in range(8)]  # type: ignore[misc]
            assert len({each.result() for each in asked}) == 1
    assert set(befores) == {None}


@pytest.mark.usefixtures("hurried")
def test_apps_that_a_client_does_not_know_yet() -> None:
    """Threads bring apps of their own to one client at once: none of them stumbles over another's."""
    apps = [haoma.configure("wechat", name=f"w{n}", app_id=f"wx{n:016}", app_secret="0" * 32) for n in range(160)]

    def log_in(client: Client, app: App) -> str:
        try:
            client.log_in(app, "")
        except HaomaError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            client = Client(apps[0])
            found = set(pool.map(lambda app, client=client: log_in(client, app), apps))
            assert found == {"envelope.missing-field"}
