"""Many requests at once, through the service and through both clients."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from haoma import AsyncClient, Client, HaomaError, load
from haoma.io.http import Limits
from haoma.platforms.base.mirroring import Tap
from haoma.simulator import Simulator
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Asked, Reply, Service, platform, tables

pytest_plugins = ["support.whole_system"]

PHONE = "/wxa/business/getuserphonenumber"
STABLE = "/cgi-bin/stable_token"
PLAIN = "/cgi-bin/token"
LOGIN = "/sns/jscode2session"


@contextmanager
def counted(simulator: Simulator) -> Iterator[dict[str, int]]:
    """Yield a dict that afterwards has the calls of the block, by address."""
    before = simulator.calls["wechat"]
    found: dict[str, int] = {}
    yield found
    after = simulator.calls["wechat"]
    found.update({path: count - before.get(path, 0) for path, count in after.items() if count != before.get(path, 0)})


def at_once(service: Service, requests: list[tuple[str, object]], key: str = SERVER_KEY) -> list[httpx.Response]:
    """Send all requests at the same time."""

    async def send_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=len(requests))
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(trust_env=False, limits=limits, headers=headers, timeout=30) as client:
            asked = (client.post(f"{service.url}/v1/apps/{app}/phone-number", json=body) for app, body in requests)
            return await asyncio.gather(*asked)

    return asyncio.run(send_all())


@pytest.mark.parametrize("key", [SERVER_KEY, PUBLISHABLE_KEY], ids=["server", "publishable"])
def test_the_same_request_forty_times(simulator: Simulator, service: Service, key: str) -> None:
    """Forty identical requests at once are one login, one exchange, and forty identical answers."""
    tap = simulator.tap("wechat", "ok")
    with counted(simulator) as calls:
        answers = at_once(service, [(tap.app, tap.body)] * 40, key)
    assert (calls[PHONE], calls[LOGIN]) == (1, 1)
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["repeated"] for answer in answers) == [False] + [True] * 39
    found = [{**answer.json(), "token": "", "repeated": None} for answer in answers]
    assert all(each == found[0] for each in found)
    if key == SERVER_KEY:
        assert found[0]["phone_number"] == tap.phone_number
    else:
        assert tap.phone_number[-11:] not in "".join(answer.text for answer in answers)


def test_the_same_sealed_message_forty_times(simulator: Simulator, service: Service) -> None:
    """In the session_key flow too: one login, forty identical answers."""
    tap = simulator.tap("wechat", "sealed-ok")
    with counted(simulator) as calls:
        answers = at_once(service, [(tap.app, tap.body)] * 40)
    assert calls == {LOGIN: 1}
    assert sorted(answer.json()["repeated"] for answer in answers) == [False] + [True] * 39
    assert all({**answer.json(), "repeated": True} == {**answers[0].json(), "repeated": True} for answer in answers)
    assert answers[0].json()["phone_number"] == tap.phone_number


def test_the_same_code_from_others(simulator: Simulator, service: Service) -> None:
    """A code that is used is refused to another key and to another login, before and after, without asking WeChat."""
    tap, other = simulator.tap("wechat", "ok"), simulator.tap("wechat", "ok")
    assert tap.body is not None
    assert service.post(tap.app, tap.body).status == 200
    with counted(simulator) as calls:
        assert service.post(tap.app, tap.body, key=PUBLISHABLE_KEY).status == 409
        mixed = service.post(tap.app, {**tap.body, "login_code": other.login_code})
        assert (mixed.status, mixed.code) == (409, "trust.already-used")
        assert service.post(tap.app, {"authorization": tap.body["authorization"]}).status == 409
        assert service.post(tap.app, tap.body).number == tap.phone_number
    assert calls == {}


def test_two_keys_race_for_a_code(simulator: Simulator, service: Service) -> None:
    """Of two logins with one code at the same moment one wins, and the code is sent once."""
    tap = simulator.tap("wechat", "ok")
    assert tap.body is not None
    with counted(simulator) as calls:
        bodies = [tap.body, {"authorization": tap.body["authorization"]}] * 10
        answers = at_once(service, [(tap.app, body) for body in bodies])
    assert calls[PHONE] == 1
    by_body = [{answer.status_code for answer in answers[turn::2]} for turn in (0, 1)]
    assert sorted(by_body, key=repr) == [{200}, {409}]


def test_unknown_stays_unknown(simulator: Simulator, service: Service) -> None:
    """After a reset that used the code up, the same request ends as outcome unknown again, never as a bad code."""
    tap = simulator.tap("wechat", "reset-after-consumed")
    with counted(simulator) as calls:
        found = [service.post(tap.app, tap.body) for _ in range(3)]
    assert {answer.code for answer in found} == {"outside.outcome-unknown"}
    assert found[1].json["platform_code"] == "40029"
    assert calls[PHONE] == 2  # the 40029 settled it: the third answer is remembered
    assert calls[LOGIN] == 1


def test_many_codes_share_one_token(simulator: Simulator, service: Service) -> None:
    """Two hundred codes at once, with no token yet: it is fetched once, and every code is exchanged once."""
    taps = [simulator.tap("wechat", "ok") for _ in range(200)]
    with counted(simulator) as calls:
        answers = at_once(service, [("herd", tap.body) for tap in taps])
    assert [answer.json().get("phone_number") for answer in answers] == [tap.phone_number for tap in taps]
    assert (calls[STABLE], calls[PHONE]) == (1, 200)


def test_a_token_that_never_works(simulator: Simulator, service: Service) -> None:
    """A persistent 40001 costs at most one more token fetch and one more call."""
    tap = simulator.tap("wechat", "token-war")
    service.post(tap.app, tap.body)  # now a token is kept
    tap = simulator.tap("wechat", "token-war")
    with counted(simulator) as calls:
        assert service.post(tap.app, tap.body).code == tap.expect
    assert calls == {PHONE: 2, PLAIN: 1, LOGIN: 1}


def wechat_answers(phone: Any) -> Any:
    """Return a stand-in that answers tokens at once and codes with ``phone(code)``."""

    def answer(asked: Asked) -> Reply:
        if asked.path == STABLE:
            found: dict[str, Any] = {"access_token": "57_token", "expires_in": 7200}
        else:
            number = phone(json.loads(asked.body)["code"])
            parts = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86"}
            found = {
                "errcode": 0,
                "phone_info": {**parts, "watermark": {"timestamp": 1, "appid": "wx0123456789abcdef"}},
            }
        return 200, {"content-type": "application/json"}, json.dumps(found).encode()

    return answer


def test_a_stop_lets_requests_finish(tmp_path: Path) -> None:
    """SIGTERM while thirty requests wait for the platform: all get their numbers, and the process ends with 0."""
    arrived = threading.Semaphore(0)
    stopping = threading.Event()

    def phone(code: str) -> str:
        arrived.release()
        assert stopping.wait(20)
        time.sleep(1.2)  # longer than readiness is withdrawn before the port is closed
        return f"139{code:0>8}"

    with platform(wechat_answers(phone)) as url:
        apps = {
            "shop": {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0" * 32, "api_base_url": url}
        }
        with Service(tmp_path, tables(apps), drain_seconds=10) as service, ThreadPoolExecutor(30) as pool:
            waiting = [pool.submit(service.post, "shop", {"code": str(number)}) for number in range(30)]
            for _ in waiting:
                assert arrived.acquire(timeout=20)
            service.process.send_signal(signal.SIGTERM)
            stopping.set()
            answers = [each.result(30) for each in waiting]
            assert [answer.number for answer in answers] == [f"+86139{number:08}" for number in range(30)]
            assert service.process.wait(20) == 0


def test_threads_and_tasks_agree(simulator: Simulator, tmp_path: Path) -> None:
    """One client in sixteen threads and one in a hundred tasks: every scene ends as it should, in both."""
    settings = load(simulator.write_config(tmp_path / "haoma.toml"))
    patient = Limits(connect=60, read=60, total=120)  # the simulator and both clients are one process
    # Scenes that take seconds or spoil a token for the others have their own tests.
    apart = {
        "slow",
        "scope-slow",
        "busy",
        "stale-token",
        "token-war",
        "v2-stale-token",
        "v2-expired-token",
        "v2-dead-token",
    }
    names = [(platform, scene.name) for platform, scene in simulator.stage.scenes() if scene.name not in apart]

    def taps() -> list[Tap]:
        played = (simulator.tap(*name) for name in names * 2)
        return [tap for tap in played if not tap.pushes]  # which are posted to a service, and here is none

    with Client(settings, limits=patient) as client, ThreadPoolExecutor(16) as pool:

        def ask(tap: Tap) -> str:
            try:
                return client.get_phone_number(tap.app, tap.body or {}).e164
            except HaomaError as error:
                return error.code

        played = taps()
        assert list(pool.map(ask, played)) == [tap.phone_number or tap.expect for tap in played]

    async def ask_all(played: list[Tap]) -> list[str]:
        free = asyncio.Semaphore(100)
        async with AsyncClient(settings, limits=patient) as client:

            async def ask(tap: Tap) -> str:
                async with free:
                    try:
                        return (await client.get_phone_number(tap.app, tap.body or {})).e164
                    except HaomaError as error:
                        return error.code

            return await asyncio.gather(*map(ask, played))

    played = taps()
    assert asyncio.run(ask_all(played)) == [tap.phone_number or tap.expect for tap in played]
