"""Secrets and numbers, each one of a kind, go through everything; then everything that was written is searched.

The platforms here echo whatever they are sent, in refusals, in garbage and in addresses of redirects.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from haoma import AsyncClient, Client, ConfigFaults, HaomaError, authorization, load
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.platforms.base.mirroring import Answer as CallAnswer
from haoma.platforms.base.mirroring import Call, Scene, Tap
from haoma.problem import problem
from haoma.simulator import Simulator
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Asked, Reply, Service, platform, tables

pytest_plugins = ["support.whole_system"]

APP_ID = "wx0a1b2c3d4e5f6a7b"
OPENID = "oCanary000000000000000000001"


@dataclass(frozen=True)
class Canaries:
    """What must not be found, by name."""

    values: dict[str, str]

    def found_in(self, written: bytes | str) -> set[str]:
        """Return the names of those that occur, as they are or as a URL or JSON would hold them."""
        text = written.decode("utf-8", "replace") if isinstance(written, bytes) else written
        return {
            name
            for name, value in tuple(self.values.items())  # a service's thread may add to them
            if any(form in text for form in (value, quote(value, safe=""), value.replace("/", "\\/")))
        }


def random_text() -> str:
    return base64.b32encode(os.urandom(20)).decode().lower()


@dataclass(frozen=True)
class World:
    """Canaries, and platforms that know them."""

    canaries: Canaries
    apps: dict[str, dict[str, Any]]
    bodies: list[tuple[str, Any]] = field(repr=False)

    @property
    def config(self) -> str:
        return "allow_insecure_upstreams = true\n" + tables(self.apps)


MODES = ("fine", "refuses", "garbage", "redirect", "token-refuses", "token-garbage", "login-refuses", "login-garbage")


def echoing(values: dict[str, str]) -> Any:
    """Return WeChat as it must never be: all that it gets comes back, in the way that the path says."""

    def answer(asked: Asked) -> Reply:
        mode, address = asked.path.lstrip("/").split("/", 1)
        everything = f"{asked.path}?{asked.query} {asked.headers} {asked.body.decode()}"
        place = {"cgi-bin/stable_token": "token-", "sns/jscode2session": "login-"}.get(address, "")
        failing = mode.removeprefix(place) if mode.startswith(place or ("refuses", "garbage", "redirect")) else "fine"
        everything += "".join(f" {value}" for name, value in values.items() if name != "aes_key")
        match failing:
            case "refuses":
                sent = parse_qsl(asked.query) + (list(json.loads(asked.body).items()) if asked.body else [])
                longest = max((str(value) for _, value in sent), key=len)
                words = f"invalid {' '.join(f'{name}={value}' for name, value in sent)} rid: {longest}"
                return 200, {"content-type": "text/plain"}, json.dumps({"errcode": 40029, "errmsg": words}).encode()
            case "garbage":
                return 502, {"content-type": "text/html", "x-echo": quote(everything)}, f"<p>{everything}".encode()
            case "redirect":
                return 302, {"location": f"/{quote(everything)}"}, json.dumps({"errcode": everything}).encode()
        found: dict[str, dict[str, Any]] = {
            "token-": {"access_token": values["access_token"], "expires_in": 7200},
            "login-": {"openid": OPENID, "session_key": values["session_key"]},
            "": {"errcode": 0, "phone_info": phone_info(values["number"])},
        }
        return 200, {"content-type": "application/json"}, json.dumps(found[place]).encode()

    return answer


def phone_info(number: str) -> dict[str, Any]:
    return {
        "phoneNumber": number,
        "purePhoneNumber": number,
        "countryCode": "86",
        "watermark": {"timestamp": 1, "appid": APP_ID},
    }


def gateway(asked: Asked) -> Reply:
    """Echo everything from Alipay's side."""
    sent = dict(parse_qsl(asked.body.decode()))
    if asked.path.startswith("/alipay-garbage"):
        return 200, {"content-type": "text/html"}, f"<html>{sent}".encode()
    words = f"invalid {sent}"
    refused = {"code": "40002", "msg": words, "sub_code": f"isv.{sent['code']}", "sub_msg": words}
    return 200, {"content-type": "text/html"}, json.dumps({"error_response": refused, "sign": ""}).encode()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    alipay_key, app_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    pkcs8 = app_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spki = alipay_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    aes_key = os.urandom(16)
    values = {
        "app_secret": os.urandom(16).hex(),
        "aes_key": base64.b64encode(aes_key).decode(),
        "app_private_key": base64.b64encode(pkcs8).decode()[40:104],
        "access_token": f"57_{random_text()}",
        "session_key": base64.b64encode(os.urandom(16)).decode(),
        "login_code": f"login{random_text()}",
        "phone_code": f"phone{random_text()}",
        "server_key": f"server_{random_text()}",
        "publishable_key": f"publishable_{random_text()}",
        "number": f"139{int.from_bytes(os.urandom(4)) % 10**8:08}",
    }
    with ExitStack() as stack:
        url = stack.enter_context(platform(echoing(values)))
        gateway_url = stack.enter_context(platform(gateway))
        secret: dict[str, Any] = {"platform": "wechat", "app_id": APP_ID, "app_secret": values["app_secret"]}
        apps = {mode: {**secret, "api_base_url": f"{url}/{mode}"} for mode in MODES}
        apps["sealed"] = {**secret, "api_base_url": f"{url}/fine", "accept_encrypted_data": True}
        apps["checked"] = {**apps["sealed"], "check_encrypted_message": True, "api_base_url": f"{url}/refuses"}
        apps["unreachable"] = {**secret, "api_base_url": "http://127.0.0.1:9"}
        apps["alipay"] = {
            "platform": "alipay",
            "app_id": "2021000000000000",
            "alipay_public_key": base64.b64encode(spki).decode(),
            "aes_key": values["aes_key"],
            "app_private_key": base64.b64encode(pkcs8).decode(),
            "gateway_url": f"{gateway_url}/alipay-refuses",
        }
        yield World(Canaries(values), apps, list(bodies(values, aes_key, alipay_key)))


def bodies(values: dict[str, str], aes_key: bytes, alipay_key: rsa.RSAPrivateKey) -> Iterator[tuple[str, Any]]:
    """Yield what is sent, with the app that it is sent to."""
    code, login, number = {"code": values["phone_code"]}, {"login_code": values["login_code"]}, values["number"]
    iv = os.urandom(16)
    plain = json.dumps(phone_info(number)).encode()  # its watermark is old, so that it is opened and refused
    sealed = {
        "encryptedData": forge_cbc(base64.b64decode(values["session_key"]), iv, plain),
        "iv": base64.b64encode(iv).decode(),
    }
    for app in (*MODES, "unreachable"):
        code = {"code": f"{values['phone_code']}-{app}"}  # they are one app of WeChat: a code is good for one of them
        yield app, code
        yield app, {**login, "authorization": code}
        yield app, {**login, "authorization": {**sealed, "iv": values["session_key"]}}
    for app in ("sealed", "checked"):
        yield app, {**login, "authorization": sealed}
        yield app, {**login, "authorization": {**sealed, "iv": base64.b64encode(bytes(16)).decode()}}
    for text in (
        {"code": "10000", "msg": "Success", "mobile": number},
        {"code": "10000", "msg": number, "mobile": f"{number}0000000"},
        {"code": "40003", "msg": number, "subCode": "isv.invalid-auth-relations", "subMsg": f"user {number} revoked"},
        {"code": "49999", "msg": f"unknown {number}", "mobile": number},
        [number],
    ):
        response = forge_cbc(aes_key, bytes(16), json.dumps(text).encode())
        good = {"response": response, "sign": forge_signature(alipay_key, f'"{response}"')}
        yield "alipay", good
        yield "alipay", {**login, "authorization": good}
        yield "alipay", {**good, "sign": base64.b64encode(bytes(256)).decode()}
    yield "alipay", {"response": {"code": "10000", "msg": "Success", "mobile": number}}
    yield "alipay", {"response": {"code": "40003", "msg": number, "subMsg": f"the user {number} has revoked"}}
    yield "nowhere", {"authorization": code}
    # What no front end sends: secrets where names, types or other fields should be.
    for app in ("fine", "alipay"):
        yield app, json.dumps({**login, "authorization": code})[:-2].encode()
        yield app, {"login_code": [values["login_code"]], "authorization": code}
        yield app, {**code, "response": values["login_code"], "sign": number}


# --- the scanner ---


def test_the_scanner_finds() -> None:
    """A planted canary is found as it is, inside a URL and in escaped JSON; others are not."""
    canaries = Canaries({"key": "a+b/c==", "number": "13900001111"})
    assert canaries.found_in(b"x a+b/c== x") == {"key"}
    assert canaries.found_in("https://x/?key=a%2Bb%2Fc%3D%3D") == {"key"}
    assert canaries.found_in('{"key":"a+b\\/c=="}') == {"key"}
    assert canaries.found_in("+8613900001111") == {"number"}
    assert canaries.found_in("139****1111") == set()


def assert_clean(canaries: Canaries, written: Iterable[tuple[str, bytes | str]]) -> None:
    leaks = {where: found for where, text in written if (found := canaries.found_in(text))}
    assert leaks == {}


# --- the service ---


def opened_tokens(answer: bytes) -> str:
    """Return what anybody can read in the session token of an answer."""
    token = json.loads(answer).get("token", "..")
    return "".join(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace") for part in token.split(".")
    )


def test_service(world: World, tmp_path: Path) -> None:
    """No answer but a server key's 200, no log line at debug level and no metric holds any of them."""
    values = world.canaries.values
    written: list[tuple[str, bytes | str]] = []
    numbers = 0
    keys: dict[str, Any] = {"server_keys": [values["server_key"]], "publishable_keys": [values["publishable_key"]]}
    with Service(tmp_path, tables(world.apps), log_level="debug", **keys) as service:
        for key in (values["server_key"], values["publishable_key"], values["app_secret"]):
            for number, (app, body) in enumerate(world.bodies):
                for route in ("phone-number", "login"):
                    answer = service.post(app, body, route=route, key=key)
                    if answer.status == 200 and route == "phone-number" and key == values["server_key"]:
                        numbers += 1
                        assert answer.number == f"+86{values['number']}"
                        continue
                    where = f"{route} {app} {number} {answer.status}"
                    written += [
                        (where, answer.body),
                        (where, repr(answer.headers)),
                        (where, opened_tokens(answer.body)),
                    ]
        path = f"/v1/apps/{values['app_secret']}/phone-number?access_token={values['access_token']}"
        written.append(("path", service.request("POST", path, values["phone_code"].encode()).body))
        written.append(("metrics", service.request("GET", "/metrics").body))
    assert numbers >= 4
    assert len(service.log) > 2 * len(world.bodies)
    written.append(("stdout and stderr", service.printed))
    assert_clean(world.canaries, written)


SECRET = re.compile(r"secret|private_key|aes_key|symmetric|token|encoding")
GIVEN = re.compile(
    rb'"(session_key|[a-z_]*access_?token|[a-z_]*refresh_?token|authorizer_refresh_token)":"([^"]{8,})"', re.IGNORECASE
)
ONE_TIME = {"code", "authCode", "authorizationCode", "login_code"}


class Overheard:
    """What the platforms of the simulator gave out, and what the taps held: each of it is secret."""

    def __init__(self, simulator: Simulator) -> None:
        self.values = {
            f"{app} {name} {number}": each
            for app, table in simulator.stage.settings(simulator.url)["apps"].items()
            for name, value in table.items()
            if SECRET.search(name)
            for number, each in enumerate(value if isinstance(value, list) else [value])
            if isinstance(each, str) and len(each) > 12
        }
        self.stems: set[str] = set()
        self._answer = simulator.stage.answer

    def answer(self, call: Call) -> CallAnswer | None:
        """Answer as the platforms do, and keep the tokens and keys."""
        found = self._answer(call)
        for name, value in GIVEN.findall(found.body if found else b""):
            self.values[f"{name.decode()} {len(self.values)}"] = value.decode()
        return found

    def note(self, tap: Tap) -> None:
        """Keep codes and number of a tap, and how numbers of this platform begin."""
        authorization = (tap.body or {}).get("authorization")
        held = {"login_code": tap.login_code, **(authorization if isinstance(authorization, dict) else {})}
        held |= {"code sent as login": (tap.body or {}).get("login_code", "")}
        for name, value in held.items():
            if (name in ONE_TIME or "login" in name) and isinstance(value, str) and value:
                self.values[f"{tap.scene} {name} {len(self.values)}"] = value
        if tap.phone_number.startswith("+86"):
            self.values[f"{tap.scene} number {len(self.values)}"] = tap.phone_number.removeprefix("+86")
            self.stems.add(tap.phone_number[3:10])

    def found_in(self, written: bytes | str) -> set[str]:
        """Return the names of what occurs; numbers that only a ciphertext held are known by how they begin."""
        text = written.decode("utf-8", "replace") if isinstance(written, bytes) else written
        numbers = set(re.findall(rf"(?:{'|'.join(self.stems)})\d{{4}}", text)) - {"13800138000"}  # of documentation
        return Canaries(self.values).found_in(text) | numbers


def test_every_scene(simulator: Simulator, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for every scene of every platform, for both kinds of keys: no code, key, token or number is written."""
    overheard = Overheard(simulator)
    monkeypatch.setattr(simulator.stage, "answer", overheard.answer)
    by_app: dict[str, list[tuple[str, Scene]]] = {}
    for name, scene in simulator.stage.scenes():
        if scene.name not in {
            "slow",
            "scope-slow",
        }:  # seconds of waiting, for an answer without any words of the platform's
            by_app.setdefault(scene.app, []).append((name, scene))

    def play(scenes: list[tuple[str, Scene]]) -> list[tuple[str, bytes | str]]:
        written: list[tuple[str, bytes | str]] = []
        for name, scene in scenes:
            for key in (SERVER_KEY, PUBLISHABLE_KEY):
                tap = simulator.tap(name, scene.name, service=service.url)
                overheard.note(tap)
                answer = service.post(tap.app, tap.body, key=key)
                if key == SERVER_KEY:
                    assert (scene.name, answer.code or "ok") == (scene.name, tap.expect)
                if key == PUBLISHABLE_KEY or answer.status != 200:
                    written += [(scene.name, answer.body), (scene.name, opened_tokens(answer.body))]
        return written

    # Apps do not see each other, and some scenes wait between two tries.
    with ThreadPoolExecutor(6) as pool:
        written = [each for found in pool.map(play, by_app.values()) for each in found]
    written += [("printed", service.printed), ("metrics", service.request("GET", "/metrics").body)]
    kinds = {name.split()[0] for name in overheard.values} | {name.split()[1] for name in overheard.values}
    assert kinds >= {"session_key", "access_token", "accessToken", "login_code", "code", "app_secret", "client_secret"}
    assert len(overheard.values) > 800
    assert {"1380013", "1381111"} == overheard.stems
    everything = "\n".join(text if isinstance(text, str) else text.decode("utf-8", "replace") for _, text in written)
    # Thousands of values: where one of them is, is asked only when there is one.
    assert not overheard.found_in(everything), [(where, overheard.found_in(text)) for where, text in written]


# --- the library ---


def faces(error: HaomaError) -> Iterator[str]:
    """Yield everything that an error can be turned into."""
    yield from (str(error), repr(error), error.facts(), error.diagnosis, repr(error.args), repr(vars(error)))
    yield "".join(traceback.format_exception(error))
    yield repr(pickle.dumps(error))
    for lang in ("zh", "en"):
        yield json.dumps(problem(error, lang), ensure_ascii=False)
        yield json.dumps(problem(error, lang, anonymous=True), ensure_ascii=False)


def test_library(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Clients with every logger at debug level: neither log nor error nor ``repr`` holds any of them."""
    config = tmp_path / "haoma.toml"
    config.write_text(world.config, "utf-8")
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "httpcore2", "haoma"):
        caplog.set_level(logging.DEBUG, name)  # what an application may well do
    settings = load(config)
    written: list[tuple[str, bytes | str]] = [("settings", repr(settings))]
    written += [(name, repr(app) + str(app)) for name, app in settings.apps.items()]
    outcomes = {"number": 0, "refusal": 0}

    def note(where: str, ask: Any) -> None:
        try:
            phone = ask()
        except HaomaError as error:
            outcomes["refusal"] += 1
            written.extend((f"{where} {error.code}", face) for face in faces(error))
        else:
            outcomes["number"] += 1
            written.append((where, f"{phone} {phone!r} {phone.to_masked_dict()}"))

    with Client(settings) as client:
        for app, body in world.bodies:
            text = body if isinstance(body, bytes) else json.dumps(body)
            note(app, partial(client.get_phone_number, app, body))
            note(f"{app} as text", partial(client.get_phone_number, app, text))
        written.append(("client", repr(client) + str(client)))
        session = client.log_in("sealed", world.canaries.values["login_code"])
        written.append(("session", repr(session)))

    async def ask_all() -> None:
        async with AsyncClient(settings) as client:
            for app, body in world.bodies:
                try:
                    phone = await client.get_phone_number(app, body)
                    written.append((app, repr(phone)))
                except HaomaError as error:
                    written.extend((f"async {app}", face) for face in faces(error))

    asyncio.run(ask_all(), debug=True)
    for _app, body in world.bodies:
        try:
            written.append(("authorization", repr(authorization.read(body))))
        except HaomaError as error:
            written.extend(("authorization", face) for face in faces(error))
    assert min(outcomes.values()) > 4
    assert caplog.records  # asyncio at least has something to say
    written += [("log", f"{record.getMessage()} {vars(record)}") for record in caplog.records]
    assert_clean(world.canaries, written)


# --- the command line and the configuration ---


def told(*arguments: str, codes: set[int]) -> bytes:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "HAOMA_LOG": "debug"},
        check=False,
    )
    assert ended.returncode in codes, ended
    return ended.stdout + ended.stderr


IN_TURN = """\
import io, json, sys
from haoma.cli import app
for command, given in json.loads(sys.argv[1]):
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    try:
        app(command)
    except SystemExit as ended:
        print("ended with", ended.code)
"""


def test_command_line(world: World, tmp_path: Path) -> None:
    """``haoma open`` that is refused says nothing of them, with and without ``--json``."""
    config = tmp_path / "haoma.toml"
    config.write_text(world.config, "utf-8")
    commands = []
    for app in ("refuses", "token-refuses", "alipay"):
        body = next(body for name, body in world.bodies if name == app and "login_code" in body)
        command = ["open", "--config", str(config), "--app", app, "-"]
        commands += [([*command, "--lang", *more], json.dumps(body)) for more in (("zh", "--json"), ("en",))]
    # One process for all of them: to start one takes longer than a command.
    written = told("-c", IN_TURN, json.dumps(commands), codes={0})
    assert written.count(b"ended with 1") == len(commands)
    assert_clean(world.canaries, [("open", written)])


MISTAKES = (
    'app_secret = ["{app_secret}", 1]',
    'app_secret = {{ env = "{session_key}" }}',
    'app_secret = {{ file = "{session_key}" }}',
    'app_secret = {{ "{app_secret}" = 1 }}',
    'app_secret = "{app_secret}"\napi_base_url = "http://user:{app_secret}@127.0.0.1/?{access_token}"',
    'app_secret = "{app_secret}"\naccept_encrypted_data = "{app_secret}"',
    'app_secret = "{app_secret}\naccept_encrypted_data = true',
    'app_secret = "{app_secret}"\napp_secret = "{app_secret}"',
    'app_secret = "{app_secret}"\n[service]\nserver_keys = ["{server_key} {server_key}"]',
    'app_secret = "{app_secret}"\n[service]\nserver_keys = ["{server_key}"]\npublishable_keys = ["{server_key}"]\nsigning_keys = "{server_key}"',
    'app_secret = "{app_secret}"\n[apps.pay]\nplatform = "alipay"\napp_id = "2021000000000000"\naes_key = "{aes_key}{aes_key}"\nalipay_public_key = "{app_private_key}"',
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_configuration_faults(mistake: str, world: World, tmp_path: Path) -> None:
    """Faults of a configuration name the place, never the value."""
    config = tmp_path / "haoma.toml"
    table = f'[apps.shop]\nplatform = "wechat"\napp_id = "{APP_ID}"\n'
    config.write_text(table + mistake.format(**world.canaries.values), "utf-8")
    with pytest.raises(ConfigFaults) as caught:
        load(config, serving=True)
    written = [("error", face) for face in faces(caught.value)]
    written += [("fault", f"{fault!r} {fault}") for fault in caught.value.faults]
    assert_clean(world.canaries, written)


def test_configuration_faults_in_the_terminal(world: World, tmp_path: Path) -> None:
    """The same as ``haoma serve`` prints them."""
    config = tmp_path / "haoma.toml"
    table = f'[apps.shop]\nplatform = "wechat"\napp_id = "{APP_ID}"\n'
    config.write_text(table + MISTAKES[-1].format(**world.canaries.values), "utf-8")
    assert_clean(world.canaries, [("serve", told("-m", "haoma", "serve", "--config", str(config), codes={1, 2}))])
