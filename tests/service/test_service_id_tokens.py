"""The service as an issuer: from a tap on a simulated phone to a token that others believe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conftest import ROOT, node_modules
from haoma import id_tokens
from haoma.platforms.base.mirroring import Person
from haoma.simulator import Simulator
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Answer, Service, tables

OLD, NEW = (generate_private_key(65537, 2048) for _ in range(2))
ED = Ed25519PrivateKey.generate()
ALLAUTH = Path(__file__).with_name("allauth_site.py")


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    apps = simulator.stage.settings(simulator.url)["apps"]
    folder = tmp_path_factory.mktemp("issuer")
    service = Service(folder, "")
    issuer = f"""
[issuer]
url = "http://127.0.0.1:{service.port}"
keys = {json.dumps([pem(NEW), pem(OLD), pem(ED)])}
subject_key = "{"s" * 40}"
[audiences.web]
[audiences.partner]
aud = "https://partner.example.com"
phone = "full"
alg = "EdDSA"
apps = ["wechat"]
[audiences.quiet]
phone = "none"
"""
    service.config.write_text(service.config.read_text() + tables(apps) + issuer)
    with service:
        yield service


def url(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def tap(simulator: Simulator, platform: str = "wechat", user: str = "", **consent: str) -> dict[str, Any]:
    body = simulator.stage.tap(platform, "ok", person=Person(user)).body or {}
    return {**body, "consent": {"policy": "1", "scene": "login", **consent}}


def exchange(service: Service, key: str = PUBLISHABLE_KEY, app: str = "wechat", **sent: Any) -> Answer:
    return service.post(app, sent, route="id-token", key=key)


def check(service: Service, key: str = SERVER_KEY, **sent: Any) -> Answer:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return service.request("POST", "/v1/id-tokens/check", json.dumps(sent).encode(), headers)


def logged(service: Service, got: Answer) -> str:
    """Return the code of a refusal, which a mini program is not told."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for line in service.log:
            if line.get("request_id") == got.headers["x-request-id"]:
                return str(line["code"])
        time.sleep(0.02)
    raise AssertionError("no line")


def believed(service: Service, token: str, audience: str, nonce: str | None = None) -> dict[str, Any]:
    jwks = service.request("GET", "/.well-known/jwks.json").body
    return id_tokens.verify(token, jwks, issuer=url(service), audience=audience, nonce=nonce).claims


def test_a_session_token_is_exchanged(service: Service, simulator: Simulator) -> None:
    """By the mini program's own key, for the audience that the user has agreed to."""
    session = service.post("wechat", tap(simulator, audience="web"), key=PUBLISHABLE_KEY).json
    got = exchange(service, token=session["token"], audience="web", nonce="n-1")
    assert (got.status, got.json["expires_in"]) == (200, 300)
    said = believed(service, got.json["id_token"], "web", "n-1")
    assert said["phone_number_masked"] == session["masked"]
    assert "phone_number" not in said
    first = believed(service, session["id_token"], "web")
    assert first["sub"] == said["sub"]


def test_the_audience_in_the_phone_request(service: Service, simulator: Simulator) -> None:
    """A back end gets both at once. Each user has a subject of its own at each audience."""
    body = tap(simulator, audience="partner", nonce="n-2")
    got = service.post("wechat", body).json
    said = believed(service, got["id_token"], "https://partner.example.com", "n-2")
    assert (said["phone_number"], said["phone_number_verified"]) == (got["phone_number"], True)
    assert said["sub"] != got["subject"]["openid"]


def test_an_envelope_with_a_login_is_not_verified(service: Service, simulator: Simulator) -> None:
    """Its number may be somebody else's: the audience must not link by it."""
    got = service.post("alipay", tap(simulator, "alipay", audience="quiet")).json
    assert "phone_number" not in believed(service, got["id_token"], "quiet")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"audience": "partner"}, "caller.server-key-needed"),  # full numbers are not for a mini program
        ({"audience": "quiet"}, "envelope.bad-field"),  # the user has agreed to another one
        ({"audience": "nobody"}, "envelope.bad-field"),
        ({"audience": 1}, "envelope.bad-field"),
        ({}, "envelope.missing-field"),
        ({"audience": "web", "nonce": "x" * 257}, "envelope.bad-field"),
        ({"audience": "web", "token": "a.b.c"}, "caller.token-unusable"),
    ],
)
def test_what_is_refused(service: Service, simulator: Simulator, sent: dict[str, Any], code: str) -> None:
    """And nothing is told of the user."""
    session = service.post("wechat", tap(simulator, audience="web"), key=PUBLISHABLE_KEY).json
    got = exchange(service, **{"token": session["token"], **sent})
    assert got.status >= 400
    assert logged(service, got) == code


def test_nothing_is_spent_for_an_unknown_audience(service: Service, simulator: Simulator) -> None:
    """The code is still good afterwards."""
    body = tap(simulator, audience="partner")
    assert service.post("wechat", body, key=PUBLISHABLE_KEY).status == 403
    assert service.post("wechat", body).status == 200


def test_introspection(service: Service, simulator: Simulator) -> None:
    """Good once, for its audience and nonce alone, and for server keys alone."""
    got = service.post("wechat", tap(simulator, audience="web", nonce="n-3")).json
    token = got["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    forged = {
        "another key": jwt.encode(claims, generate_private_key(65537, 2048), "RS256", {"kid": kid}),
        "none": jwt.encode(claims, "", "none", {"kid": kid}),
        "HS256": jwt.encode(claims, kid * 2, "HS256", {"kid": kid}),
        "expired": jwt.encode({**claims, "exp": claims["iat"]}, NEW, "RS256", {"kid": kid}),
    }
    for name, each in forged.items():
        assert check(service, token=each, audience="web").json == {"active": False}, name
    assert check(service, token=token, audience="quiet").json == {"active": False}
    assert check(service, token=token, audience="web", nonce="n-4").json == {"active": False}
    assert check(service, PUBLISHABLE_KEY, token=token, audience="web").status == 403
    assert check(service, token=token, audience="web", nonce="n-3").json == {"active": True, "claims": claims}
    assert check(service, token=token, audience="web", nonce="n-3").json == {"active": False}  # replayed


def test_an_old_key_is_still_published(service: Service) -> None:
    """The first key of each algorithm signs; tokens of the others are good until they expire."""
    jwks = json.loads(service.request("GET", "/.well-known/jwks.json").body)["keys"]
    assert sorted(key["alg"] for key in jwks) == ["EdDSA", "EdDSA", "RS256", "RS256"]  # one is for session tokens
    assert len({key["kid"] for key in jwks}) == 4
    assert not any(key.keys() & {"d", "p", "q"} for key in jwks)


def test_jose_and_openid_client(service: Service, simulator: Simulator) -> None:
    """They find the keys by discovery, verify both algorithms, and refuse another audience."""
    node_modules()
    web = service.post("wechat", tap(simulator, audience="web", nonce="n-5")).json["id_token"]
    partner = service.post("wechat", tap(simulator, audience="partner")).json["id_token"]
    asked = [
        {"token": web, "audience": "web"},
        {"token": partner, "audience": "https://partner.example.com"},
        {"token": web, "audience": "other"},
    ]
    done = subprocess.run(
        ["node", ROOT / "bench" / "node" / "verify-id-token.mjs"],
        input=json.dumps({"issuer": url(service), "tokens": asked}),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["metadata"]["issuer"] == url(service)
    assert found["metadata"]["id_token_signing_alg_values_supported"] == ["RS256", "EdDSA"]
    first, second, third = found["answers"]
    assert (first["nonce"], "sub" in second) == ("n-5", True)
    assert third == {"error": "ERR_JWT_CLAIM_VALIDATION_FAILED"}


def test_django_allauth_logs_the_user_in(service: Service, simulator: Simulator) -> None:
    """Its stock openid_connect provider, over its headless API. One person is one user, however often; a forger is none."""
    users = [
        service.post("wechat", tap(simulator, audience="web", user=person)).json["id_token"]
        for person in ("o-one", "o-one", "o-two")
    ]
    done = subprocess.run(
        [sys.executable, ALLAUTH],
        input=json.dumps({"issuer": url(service), "tokens": users}),
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert [each["status"] for each in answers] == [200, 200, 200, 400]
    first, again, other = (each["body"]["data"]["user"]["id"] for each in answers[:3])
    assert first == again != other
