"""The npm package alipay-sdk, which shares nothing with haoma, judges what haoma and its mirror write."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import haoma
from conftest import ROOT, node_modules
from haoma.authorize import log_in, verify_offline
from haoma.errors import HaomaError
from haoma.platforms.alipay.mirror import ALIPAY, CERT, AlipayMirror
from haoma.platforms.base.mirroring import Call
from haoma.steps import Mint, Reply, Send

if TYPE_CHECKING:
    from haoma.platforms.alipay.app import AlipayApp

NOW = 1_800_000_000.0
GATEWAY = "https://openapi.alipay.com"
MIRROR = AlipayMirror(os.urandom)
SETTINGS = MIRROR.settings(GATEWAY)
OPENS = ("ok", "overseas", "no-phone-bound", "40003", "40006", "20000", "unknown-code")
REFUSED = {
    "tampered": "trust.signature-mismatch",
    "signed-by-another-key": "trust.signature-mismatch",
    "wrong-aes-key": "trust.cannot-open",
    "other-apps-envelope": "trust.cannot-open",
}
MOBILES = ("13811112222", "852-51234567", "1-2025550123", "1064001234567")


def judge(settings: dict[str, Any], *questions: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask alipay-sdk, configured like the app."""
    node_modules()
    asked = json.dumps({"settings": settings, "questions": questions})
    script = ROOT / "bench" / "node" / "judge.mjs"
    done = subprocess.run(["node", script], input=asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def configured(name: str) -> AlipayApp:
    return haoma.configure(**{"name": name, **SETTINGS[name]})  # type: ignore[return-value]


def parameters(name: str, code: str) -> dict[str, str]:
    """Return what haoma sends to exchange a login code."""
    step = next(log_in(configured(name), {"login_code": code}, now=NOW))
    assert isinstance(step, Send)
    return dict(parse_qsl(step.request.body.decode("ascii"), strict_parsing=True))


def outcome(app: AlipayApp, envelope: str) -> tuple[str, str]:
    """Return code and number as the payload has them."""
    try:
        number = verify_offline(app, envelope)
    except HaomaError as error:
        return error.platform_code, ""
    mainland = number.country_code == "86"
    return "10000", number.national_number if mainland else f"{number.country_code}-{number.national_number}"


@pytest.mark.parametrize("name, scenes", [(ALIPAY, OPENS), (CERT, ("ok",))])
def test_it_opens_what_the_mirror_seals(name: str, scenes: tuple[str, ...]) -> None:
    """The same numbers and refusals come out of both, in both modes."""
    app = configured(name)
    envelopes = [MIRROR.envelope(scene, mobile, app=name) for scene in scenes for mobile in MOBILES]
    answers = judge(SETTINGS[name], *({"ask": "open", "envelope": each} for each in envelopes))
    theirs = [(found["answer"]["code"], found["answer"].get("mobile", "")) for found in answers]
    assert theirs == [outcome(app, envelope) for envelope in envelopes]


def test_it_refuses_what_we_refuse() -> None:
    """A wrong signature and a wrong content key are wrong for both."""
    envelopes = {scene: MIRROR.envelope(scene) for scene in REFUSED}
    answers = judge(SETTINGS[ALIPAY], *({"ask": "open", "envelope": each} for each in envelopes.values()))
    for (scene, envelope), found in zip(envelopes.items(), answers, strict=True):
        assert "refused" in found, scene
        assert (found["refused"] == "signature") == (REFUSED[scene] == "trust.signature-mismatch")
        with pytest.raises(HaomaError) as caught:
            verify_offline(configured(ALIPAY), envelope)
        assert caught.value.code == REFUSED[scene]


@pytest.mark.parametrize("name", [ALIPAY, CERT])
def test_it_accepts_the_signature_of_our_login_request(name: str) -> None:
    """It puts the string to sign together by itself; a changed parameter makes the signature wrong."""
    sent = parameters(name, "a+/=&b")
    pem = MIRROR.app_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    as_alipay = SETTINGS[ALIPAY] | {"alipay_public_key": pem.decode("ascii")}
    changed = {**sent, "timestamp": "2027-01-15 16:00:01"}
    assert changed != sent
    answers = judge(as_alipay, *({"ask": "signed", "parameters": each} for each in (sent, changed)))
    assert answers == [{"answer": True}, {"answer": False}]


def test_serial_names_of_certificates_are_equal() -> None:
    """App and root serial names, an EC root in the bundle included, are those that haoma sends."""
    (found,) = judge(SETTINGS[CERT], {"ask": "serial_names"})
    sent = parameters(CERT, "abc")
    assert found["answer"]["app"] == sent["app_cert_sn"]
    assert found["answer"]["root"] == sent["alipay_root_cert_sn"]


@pytest.mark.parametrize(
    "scene, code",
    [
        ("ok", ""),
        ("cert-ok", ""),
        ("used-login-code", "platform.login-code-rejected"),
        ("login-forged", "trust.reply-signature-mismatch"),
    ],
)
def test_it_reads_the_gateways_replies_like_us(scene: str, code: str) -> None:
    """It cuts the signed slice out of a reply in its own way, and finds it right or wrong where haoma does."""
    tap = MIRROR.tap(scene, allow=True, now=NOW)
    flow = log_in(configured(tap.app), {"login_code": tap.login_code}, now=NOW)
    step = next(flow)
    assert isinstance(step, Send)
    answer = MIRROR.answer(Call("POST", "/gateway.do", {}, {}, step.request.body), NOW)
    assert answer is not None
    node = "error_response" if scene == "used-login-code" else "alipay_system_oauth_token_response"
    (found,) = judge(SETTINGS[tap.app], {"ask": "reply", "body": answer.body.decode("utf-8"), "node": node})
    assert ("refused" in found) == code.startswith("trust."), found
    try:
        assert isinstance(flow.send(Reply(answer.status, answer.headers, answer.body)), Mint)
        ours = ""
    except HaomaError as error:
        ours = error.code
    assert ours == code
