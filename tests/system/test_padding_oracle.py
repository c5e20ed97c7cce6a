"""The padding-oracle attack on the session_key flow, over HTTP: nothing is learnt, and three decryptions are all there is.

An endpoint that decrypts a ciphertext and an IV of the client's choice, and shows whether the padding was right, gives
away ``AES_dec`` of any block in some two thousand requests, and with it lets anybody write any phone number.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from haoma.simulator import Simulator
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Service, tables

pytest_plugins = ["support.whole_system"]

APP = "wechat-sealed"
BLOCK = 16

Ask = Callable[[bytes, bytes], object]
"""Sends IV and ciphertext; returns whatever can be seen of the answer."""


def recover(ask: Ask, block: bytes) -> bytes:
    """Return the last bytes of ``AES_dec(block)``, as many as the answers give away."""
    known = b""
    for position in reversed(range(BLOCK)):
        padding = BLOCK - position
        tail = bytes(byte ^ padding for byte in known)
        seen = {guess: ask(bytes(position) + bytes([guess]) + tail, block) for guess in range(256)}
        usual, _ = Counter(seen.values()).most_common(1)[0]
        # What stands out may be another padding by chance (…02 02); then the byte before it matters.
        stands_out = [
            guess
            for guess, answer in seen.items()
            if answer != usual
            and (position == 0 or ask(bytes(position - 1) + b"\x01" + bytes([guess]) + tail, block) != usual)
        ]
        if not stands_out:
            return known
        known = bytes([stands_out[0] ^ padding]) + known
    return known


def leaky(key: bytes) -> Ask:
    """Answer as most tutorials do: a wrong padding and wrong JSON are told apart."""

    def ask(iv: bytes, ciphertext: bytes) -> str:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        plain = decryptor.update(ciphertext) + decryptor.finalize()
        size = plain[-1]
        return "json" if 1 <= size <= BLOCK and plain.endswith(bytes([size]) * size) else "padding"

    return ask


def encrypted(key: bytes, iv: bytes, padded: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def test_the_attack_works_on_a_leaky_endpoint() -> None:
    """The same attack reads a whole block where the answers differ, so that it means something when it does not."""
    key, plain = os.urandom(BLOCK), os.urandom(BLOCK)
    assert recover(leaky(key), encrypted(key, bytes(BLOCK), plain)) == plain


@dataclass(frozen=True)
class Attacker:
    """A user with a session of his own, who sends what he likes."""

    service: Service
    client: httpx.Client
    session: str
    key: str = PUBLISHABLE_KEY

    def send(self, iv: bytes, ciphertext: bytes) -> tuple[int, str, bytes]:
        """Return everything of the answer that he did not choose himself and that is not the time of day."""
        body = {"session": self.session, "authorization": {"encryptedData": b64(ciphertext), "iv": b64(iv)}}
        headers = {"authorization": f"Bearer {self.key}", "x-request-id": "attack"}
        answer = self.client.post(f"{self.service.url}/v1/apps/{APP}/phone-number", json=body, headers=headers)
        shown = sorted((name, value) for name, value in answer.headers.items() if name != "date")
        return answer.status_code, repr(shown), answer.content


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of their own, with its usual limit: an attacker is not refused for what others have tried."""
    apps = {APP: simulator.stage.settings(simulator.url)["apps"][APP]}
    with Service(tmp_path_factory.mktemp("service"), tables(apps), log_level="debug") as service:
        yield service


def log_in(service: Service, login_code: str) -> str:
    answer = service.post(APP, {"login_code": login_code}, route="login", key=PUBLISHABLE_KEY)
    assert answer.status == 200
    return str(answer.json["session"])


@pytest.mark.parametrize("key", [PUBLISHABLE_KEY, SERVER_KEY], ids=["publishable", "server"])
def test_the_attack_learns_nothing(simulator: Simulator, service: Service, key: str) -> None:
    """All answers are the same to the byte, so that no byte is recovered, whichever key the attacker has."""
    tap = simulator.tap("wechat", "sealed-ok")
    assert tap.body is not None
    ciphertext = base64.b64decode(tap.body["authorization"]["encryptedData"])
    seen = set()
    with httpx.Client(trust_env=False) as client:
        attacker = Attacker(service, client, log_in(service, tap.login_code), key)

        def ask(iv: bytes, block: bytes) -> object:
            answer = attacker.send(iv, block)
            seen.add(answer)
            return answer

        for block in (ciphertext[:BLOCK], ciphertext[-BLOCK:]):
            assert recover(ask, block) == b""
    assert len(seen) == 1
    status, _, body = seen.pop()
    assert status == 422
    assert json.loads(body)["code"] == ("not-verified" if key == PUBLISHABLE_KEY else "trust.cannot-open")


@pytest.mark.parametrize("failures", [2, 3])
def test_three_failures_burn_a_session_key(simulator: Simulator, service: Service, failures: int) -> None:
    """After two failures the user's own data is opened; after three it is refused as well."""
    tap = simulator.tap("wechat", "sealed-ok")
    assert tap.body is not None
    session = log_in(service, tap.login_code)
    for _ in range(failures):
        junk = {"encryptedData": b64(os.urandom(64)), "iv": b64(os.urandom(BLOCK))}
        assert service.post(APP, {"session": session, "authorization": junk}).code == "trust.cannot-open"
    answer = service.post(APP, {"session": session, "authorization": tap.body["authorization"]})
    if failures == 2:
        assert answer.number == tap.phone_number
    else:
        assert answer.code == "trust.cannot-open"


def test_many_connections_get_no_more_tries(simulator: Simulator, service: Service) -> None:
    """Sixty forged ciphertexts at once: by the operator's log, three of them were decrypted."""
    tap = simulator.tap("wechat", "sealed-ok")
    assert tap.body is not None
    session = log_in(service, tap.login_code)
    ids = [f"many-{number}" for number in range(60)]

    async def send(client: httpx.AsyncClient, request_id: str) -> int:
        junk = {"encryptedData": b64(os.urandom(64)), "iv": b64(os.urandom(BLOCK))}
        headers = {"authorization": f"Bearer {PUBLISHABLE_KEY}", "x-request-id": request_id}
        body = {"session": session, "authorization": junk}
        answer = await client.post(f"{service.url}/v1/apps/{APP}/phone-number", json=body, headers=headers)
        return answer.status_code

    async def send_all() -> list[int]:
        async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=60)) as client:
            return await asyncio.gather(*(send(client, each) for each in ids))

    assert set(asyncio.run(send_all())) == {422}
    lines = [line for line in service.log if line.get("request_id") in ids]
    assert len(lines) == 60
    assert sum(line["diagnosis"] != "tries" for line in lines) == 3
    assert service.post(APP, {"session": session, "authorization": tap.body["authorization"]}).code


def padded(plain: bytes) -> bytes:
    size = BLOCK - len(plain) % BLOCK
    return plain + bytes([size]) * size


def payload(app_id: str, now: float, **changed: Any) -> bytes:
    number = {"phoneNumber": "13900000000", "purePhoneNumber": "13900000000", "countryCode": "86"}
    watermark = {"timestamp": int(now), "appid": app_id, **changed.pop("watermark", {})}
    return json.dumps({**number, "watermark": watermark, **changed}).encode()


FORGERIES: dict[str, Callable[[str, float], bytes]] = {
    "padding-zero": lambda app_id, now: padded(payload(app_id, now))[:-1] + b"\0",
    "padding-uneven": lambda app_id, now: padded(payload(app_id, now) + b" " * 8)[:-2] + b"\1\7",
    "padding-alone": lambda _app_id, _now: bytes([BLOCK]) * BLOCK,
    "not-utf8": lambda _app_id, _now: padded(b'{"phoneNumber":"\xff"}'),
    "not-json": lambda app_id, now: padded(payload(app_id, now)[:-1]),
    "array": lambda _app_id, _now: padded(b"[]"),
    "no-fields": lambda _app_id, _now: padded(b"{}"),
    "foreign-watermark": lambda app_id, now: padded(payload(app_id, now, watermark={"appid": "wx0000000000000000"})),
    "old-watermark": lambda app_id, now: padded(payload(app_id, now - 3600)),
    "future-watermark": lambda app_id, now: padded(payload(app_id, now + 3600)),
    "no-watermark": lambda app_id, now: padded(payload(app_id, now, watermark={"timestamp": None})),
    "number-mismatch": lambda app_id, now: padded(payload(app_id, now, purePhoneNumber="13900000001")),
    "unlisted": lambda app_id, now: padded(payload(app_id, now, nickName="somebody")),
    "unlisted-in-watermark": lambda app_id, now: padded(payload(app_id, now, watermark={"sign": "1"})),
    "number-full-width": lambda app_id, now: padded(payload(app_id, now, purePhoneNumber="１３９００００００００")),
}


@pytest.mark.parametrize("key", [PUBLISHABLE_KEY, SERVER_KEY], ids=["publishable", "server"])
def test_every_failure_has_one_face(simulator: Simulator, service: Service, key: str) -> None:
    """With a fresh session_key each, everything that can be wrong inside gives one answer, to the byte."""
    app_id = simulator.stage.settings(simulator.url)["apps"][APP]["app_id"]
    faces: dict[object, list[str]] = {}
    with httpx.Client(trust_env=False) as client:
        for name, forge in FORGERIES.items():
            iv = os.urandom(BLOCK)
            attacker, session_key = fresh(simulator, service, client, key)
            answer = attacker.send(iv, encrypted(session_key, iv, forge(app_id, simulator.stage._now())))
            faces.setdefault(answer, []).append(name)
        for size in (0, 1, 15, 17, 64):
            attacker, _ = fresh(simulator, service, client, key)
            faces.setdefault(attacker.send(os.urandom(BLOCK), os.urandom(size) or b"\0"), []).append(f"{size} bytes")
        attacker, session_key = fresh(simulator, service, client, key)
        good = attacker.send(
            bytes(BLOCK), encrypted(session_key, bytes(BLOCK), padded(payload(app_id, simulator.stage._now())))
        )
    assert len(faces) == 1, faces.values()
    assert good[0] == 200  # what differs from the forgeries in nothing but its fault is opened
    assert good not in faces


def test_unlisted_members_are_named_to_the_operator_alone(simulator: Simulator, service: Service) -> None:
    """The log names them, where they look like names, and a counter counts the message; the answer shows nothing."""
    app_id = simulator.stage.settings(simulator.url)["apps"][APP]["app_id"]
    others = {"carrier": 1, "13900000000": 1, "a13900000000": 1, "a b": 1, "x" * 41: 1, "\u540d": 1}
    text = payload(app_id, simulator.stage._now(), watermark={"sign": "1"}, **others)
    counted = f'haoma_unlisted_members_total{{app="{APP}",platform="wechat"}} '
    with httpx.Client(trust_env=False) as client:

        def count() -> float:
            lines = client.get(f"{service.url}/metrics").text.splitlines()
            return sum(float(line.removeprefix(counted)) for line in lines if line.startswith(counted))

        before = count()
        iv = os.urandom(BLOCK)
        attacker, session_key = fresh(simulator, service, client, SERVER_KEY)
        known = len(service.log)
        status, headers, body = attacker.send(iv, encrypted(session_key, iv, padded(text)))
        assert status == 422
        for shown in ("carrier", "unlisted", "sign"):
            assert shown not in headers + body.decode().replace("trust.cannot-open", "").replace("signature", "")
        lines = refusals(service, known)
        assert [line["diagnosis"] for line in lines] == ["members"]
        assert lines[0]["unlisted"] == "carrier,***,***,***,***,***,watermark.sign"
        assert count() == before + 1
        # A message that is wrong for another reason counts nothing.
        known = len(service.log)
        attacker, session_key = fresh(simulator, service, client, SERVER_KEY)
        attacker.send(iv, encrypted(session_key, iv, FORGERIES["foreign-watermark"](app_id, simulator.stage._now())))
        assert [line["diagnosis"] for line in refusals(service, known)] == ["watermark-app"]
        assert count() == before + 1


def refusals(service: Service, known: int) -> list[dict[str, Any]]:
    """Return the lines of refused requests after so many others, as soon as there is one: they are written together."""
    for _ in range(500):
        if lines := [line for line in service.log[known:] if line.get("request_id") == "attack"]:
            return lines
        time.sleep(0.02)
    return []


def fresh(simulator: Simulator, service: Service, client: httpx.Client, key: str) -> tuple[Attacker, bytes]:
    tap = simulator.tap("wechat", "sealed-ok")
    session_key = base64.b64decode(simulator.stage.mirrors["wechat"]._codes[tap.login_code].session_key)  # type: ignore[attr-defined]
    return Attacker(service, client, log_in(service, tap.login_code), key), session_key
