"""Certificates: the chain to the root, the change of Alipay's certificate, the sandbox, and SM2."""

from __future__ import annotations

import base64
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from haoma.authorize import verify_offline
from haoma.crypto import keys
from haoma.crypto.chain import ChainBroken, check_chain
from haoma.crypto.forging import forge_signature
from haoma.errors import (
    CertificateNotTrusted,
    ConfigFaults,
    ConnectFailed,
    HaomaError,
    ReplySignatureMismatch,
    SignatureMismatch,
    Spent,
)
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.alipay.app import AlipayApp, configure
from haoma.platforms.alipay.login import log_in
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.contract import Login
from haoma.platforms.base.mirroring import Call
from haoma.platforms.base.table import Table
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from haoma.steps import Reply, Send

PUBLISHED = Path(__file__).parent / "published"
NOW = 1_800_000_000.0
MIRROR = AlipayMirror(os.urandom)
PLAIN = MIRROR.settings("")["alipay"]["alipay_public_key"]
CERT = "alipay-cert"
ROOTS = keys.parse_certificates((PUBLISHED / "root-bundle.pem").read_text("ascii"))
REAL = keys.parse_certificates((PUBLISHED / "alipay-certificates.pem").read_text("ascii"))
APP = keys.parse_certificates((PUBLISHED / "app-certificate.pem").read_text("ascii"))


def table(**changed: Any) -> Table:
    values = {**MIRROR.settings("https://gateway.example")[CERT], **changed}
    return Table(CERT, {name: value for name, value in values.items() if value}, now=NOW)


def configured(**changed: Any) -> AlipayApp:
    app = configure(table(**changed))
    assert app is not None
    return app


def found(**changed: Any) -> list[tuple[str, bool, object]]:
    one = table(**changed)
    configure(one)
    return [(fault.code, fault.warning, fault.because.get("reason")) for fault in one.faults]


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in certificates)


# --- the chain


def test_real_chain() -> None:
    """Alipay's own files, of its own SDK: leaf, Class 2, root R1, which stands behind an SM2 root in the bundle."""
    check_chain(keys.leaf(REAL), REAL, ROOTS, NOW)
    check_chain(keys.leaf(REAL), REAL[::-1], ROOTS, NOW)


@pytest.mark.parametrize(
    ("leaf", "others", "roots", "now", "reason"),
    [
        (REAL[0], [], ROOTS, NOW, "no-issuer"),
        (APP[0], REAL, ROOTS, NOW, "no-issuer"),  # Class 1 issues for apps, and is not at hand
        (REAL[0], REAL, ROOTS[:1], NOW, "no-root"),  # the SM2 root alone
        (REAL[0], REAL, ROOTS[2:], NOW, "no-root"),
        (REAL[0], REAL, REAL, NOW, "no-root"),  # an intermediate is no root
        (REAL[0], REAL, [], NOW, "no-root"),
        (REAL[0], REAL, ROOTS, 2_300_000_000.0, "dates"),
        (ROOTS[1], [], ROOTS[:1], NOW, "no-root"),
    ],
)
def test_chain_that_does_not_hold(
    leaf: x509.Certificate, others: list[x509.Certificate], roots: list[x509.Certificate], now: float, reason: str
) -> None:
    """What is missing, foreign, or out of its dates breaks the chain, each with its reason."""
    with pytest.raises(ChainBroken) as caught:
        check_chain(leaf, others, roots, now)
    assert caught.value.reason == reason


@pytest.mark.parametrize("issuer", [REAL[1], ROOTS[1]], ids=["intermediate", "root"])
def test_what_issues_certificates_signs_no_envelopes(issuer: x509.Certificate) -> None:
    """A file with the intermediate alone, or with the root, is not Alipay's certificate."""
    assert ("config.certificate-is-root", False, None) in found(alipay_cert=pem(issuer))
    assert "config.certificate-is-root" not in [code for code, _, _ in found(alipay_cert=pem(*REAL))]


@pytest.mark.parametrize("setting", ["alipay_cert", "app_cert"])
def test_a_short_key_in_a_certificate(setting: str) -> None:
    """1024 bits are as little in a certificate as in a bare key: a fault, with the size that is needed."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Short")])
    starts, ends = (datetime.fromtimestamp(NOW + days * 86400, UTC) for days in (-1, 400))
    builder = x509.CertificateBuilder(name, ROOTS[1].subject, short.public_key(), 9, starts, ends)
    certificate = pem(builder.sign(MIRROR.alipay_key, SHA256()))
    values = {**MIRROR.settings("https://gateway.example")[CERT], setting: certificate}
    with pytest.raises(ConfigFaults) as caught:
        from_mapping({"apps": {"shop": {**values, "alipay_root_cert": pem(*ROOTS)}}}, now=NOW)
    faults = [(fault.code, fault.where, fault.because.get("bits")) for fault in caught.value.faults]
    assert ("config.key-too-short", f"apps.shop.{setting}", 1024) in faults


def test_who_may_not_issue() -> None:
    """An app's certificate, good in itself, cannot certify another."""
    files = MIRROR.settings("")[CERT]
    alipay = keys.parse_certificates(files["alipay_cert"])
    roots = keys.parse_certificates(files["alipay_root_cert"])
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Forged")]))
        .issuer_name(alipay[0].subject)
        .serial_number(8)
        .public_key(MIRROR.another_key.public_key())
        .not_valid_before(alipay[0].not_valid_before_utc)
        .not_valid_after(alipay[0].not_valid_after_utc)
        .sign(MIRROR.alipay_key, SHA256())
    )
    with pytest.raises(ChainBroken) as caught:
        check_chain(forged, alipay, roots, NOW)
    assert caught.value.reason == "may-not-issue"


def test_configuration_checks_the_chain() -> None:
    """A root of elsewhere is a fault; a leaf without its intermediate, and an expired chain, are warnings."""
    files = MIRROR.settings("")[CERT]
    alipay = keys.parse_certificates(files["alipay_cert"])
    assert found() == []
    real_root = pem(*ROOTS[1:])
    assert ("config.certificate-chain-broken", False, "no-root") in found(alipay_root_cert=real_root)
    assert found(alipay_cert=pem(alipay[0])) == [("config.certificate-chain-broken", True, "no-issuer")]
    another = AlipayMirror(os.urandom).settings("")[CERT]["alipay_root_cert"]
    # the same names, other keys
    assert ("config.certificate-chain-broken", False, "no-root") in found(alipay_root_cert=another) or (
        "config.certificate-chain-broken", False, "signature",
    ) in found(alipay_root_cert=another)  # fmt: skip


# --- Alipay changes its certificate


class Gateway:
    """The mirror's gateway, without a socket; counts the calls of each method."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.fails_download = False

    def send(self, step: Send) -> Reply:
        body = step.request.body
        self.methods.append("download" if b"alipaycert.download" in body else "login")
        if self.fails_download and self.methods[-1] == "download":
            raise ConnectFailed
        answer = MIRROR.answer(Call("POST", "/gateway.do", {}, {}, body), NOW)
        assert answer is not None
        return Reply(answer.status, answer.headers, answer.body)


def logged_in(scene: str, gateway: Gateway, memory: Memory, **changed: Any) -> Login:
    tap = MIRROR.tap(scene, allow=True, now=NOW)
    return run(log_in(configured(**changed), Secret(tap.login_code), NOW), World(gateway, memory))  # type: ignore[arg-type]


def test_the_new_certificate_is_fetched_once() -> None:
    """A reply under a new certificate is verified with it; it is fetched for the first login and kept for the next."""
    gateway, memory = Gateway(), Memory()
    for _ in range(2):
        assert logged_in("cert-rotated", gateway, memory).subject.openid
    assert gateway.methods == ["login", "download", "login"]


def test_a_certificate_is_kept_for_a_day() -> None:
    """Then it is fetched and followed anew."""
    gateway, moment = Gateway(), [0.0]
    memory = Memory(now=lambda: moment[0], wall=lambda: NOW)
    for moment[0] in (0.0, 86_399.5, 86_400.5, 86_401.0):
        assert logged_in("cert-rotated", gateway, memory).subject.openid
    assert gateway.methods == ["login", "download", "login", "login", "download", "login"]


def test_nothing_is_fetched_as_long_as_the_configured_certificate_signs() -> None:
    """The way without a change makes no further call."""
    gateway = Gateway()
    assert logged_in("cert-ok", gateway, Memory()).subject.openid
    assert gateway.methods == ["login"]


@pytest.mark.parametrize(
    ("scene", "reason"),
    [("cert-rotated-untrusted", "signature"), ("cert-rotated-to-another-company", "another-holder")],
)
def test_a_certificate_that_is_not_trusted(scene: str, reason: str) -> None:
    """A certificate of another issuer or another holder verifies nothing, and is not kept."""
    gateway, memory = Gateway(), Memory()
    for _ in range(2):
        with pytest.raises(CertificateNotTrusted) as caught:
            logged_in(scene, gateway, memory)
        assert caught.value.because == {"reason": reason, "alipay_cert_sn": caught.value.because["alipay_cert_sn"]}
        assert (caught.value.step, caught.value.spent) == (4, Spent.UNKNOWN)
    assert gateway.methods == ["login", "download"] * 2


def test_without_a_root_it_says_what_is_missing() -> None:
    """Without a root nothing is fetched, and the setting that is missing is named."""
    app = configured(alipay_root_cert="", app_cert="")
    tap = MIRROR.tap("cert-rotated", allow=True, now=NOW)
    flow = log_in(configured(), Secret(tap.login_code), NOW)
    step = next(flow)
    assert isinstance(step, Send)
    answer = MIRROR.answer(Call("POST", "/gateway.do", {}, {}, step.request.body), NOW)
    assert answer is not None
    flow = log_in(app, Secret(tap.login_code), NOW)
    next(flow)
    with pytest.raises(CertificateNotTrusted) as caught:
        flow.send(Reply(200, {}, answer.body))
    assert caught.value.because["needed"] == "alipay_root_cert"
    assert "alipay_root_cert" in str(caught.value)


def test_the_download_fails() -> None:
    """If the certificate cannot be fetched, the login code counts as perhaps spent: the gateway has seen it."""
    gateway = Gateway()
    gateway.fails_download = True
    with pytest.raises(ConnectFailed) as caught:
        logged_in("cert-rotated", gateway, Memory())
    assert caught.value.spent is Spent.UNKNOWN


def login_reply(app: AlipayApp, sn: str, download: str, asked: list[bytes] | None = None) -> Login:
    """Answer a login with a reply of an unknown certificate, and its download with ``download``."""

    class Answers:
        def send(self, step: Send) -> Reply:
            if asked is not None:
                asked.append(step.request.body)
            if b"alipaycert.download" in step.request.body:
                return Reply(200, {}, download.encode())
            node = '{"access_token":"t","open_id":"o"}'
            sign = forge_signature(MIRROR.next_key, node)
            text = f'{{"alipay_system_oauth_token_response":{node},"alipay_cert_sn":"{sn}","sign":"{sign}"}}'
            return Reply(200, {}, text.encode())

    return run(log_in(app, Secret("a-code"), NOW), World(Answers(), Memory()))  # type: ignore[arg-type]


def downloaded(content: object) -> str:
    return json.dumps(
        {"alipay_open_app_alipaycert_download_response": {"code": "10000", "alipay_cert_content": content}}
    )


@pytest.mark.parametrize(
    ("sn", "download", "refusal", "reason"),
    [
        ("0" * 32, downloaded(base64.b64encode(pem(*REAL).encode()).decode()), CertificateNotTrusted, "another-certificate"),
        (keys.serial_name(REAL[0]), downloaded(base64.b64encode(pem(*REAL).encode()).decode()), CertificateNotTrusted,
         "another-holder"),
        ("0" * 32, downloaded("!"), CertificateNotTrusted, "unreadable"),
        ("0" * 32, downloaded(""), CertificateNotTrusted, "unreadable"),
        ("0" * 32, downloaded(1), CertificateNotTrusted, "not given"),
        ("0" * 32, '{"error_response":{"code":"40002","sub_code":"isv.x"}}', CertificateNotTrusted, "not given"),
        ("0" * 32, '{"error_response":{"code":"40002","sub_code":"%s"}}' % ("x" * 70), CertificateNotTrusted, "not given"),
        ("0" * 32, '{"error_response":{}}', CertificateNotTrusted, "not given"),
        ("0" * 32, "{}", HaomaError, "no response node"),
        ("../../x", "{}", ReplySignatureMismatch, None),
    ],
)  # fmt: skip
def test_downloads_that_are_refused(sn: str, download: str, refusal: type[HaomaError], reason: str | None) -> None:
    """What is not the certificate that was asked for, of the holder that was configured, is refused."""
    with pytest.raises(refusal) as caught:
        login_reply(configured(), sn, download)
    assert caught.value.because.get("reason") == reason
    if refusal is CertificateNotTrusted:
        assert (caught.value.step, caught.value.because["alipay_cert_sn"], caught.value.spent) == (4, sn, Spent.UNKNOWN)
        codes = re.findall(r'"sub_code":"([\w.]+)"', download)
        answer = {"answer": codes[0][:60] if codes else "None"} if reason == "not given" else {}
        assert caught.value.because == {"reason": reason, "alipay_cert_sn": sn, **answer}


def test_a_download_is_no_call_for_a_merchant() -> None:
    """The merchant's grant goes with the login alone; a certificate is the application's affair."""
    bodies: list[bytes] = []
    app = configured(isv_app_id="2021000000000009", app_auth_token="the-merchants-grant")
    with pytest.raises(CertificateNotTrusted):
        login_reply(app, "0" * 32, downloaded(1), bodies)
    login, download = bodies
    assert b"app_auth_token=the-merchants-grant" in login
    assert b"app_auth_token" not in download
    assert b"app_id=2021000000000009" in login
    assert b"app_id=2021000000000009" in download


def test_a_certificate_is_fetched_in_its_own_mode_alone() -> None:
    """Without a certificate of Alipay's the configured key is all that counts; a name is whole, or none."""
    for app, sn in (
        (configured(alipay_cert="", alipay_root_cert="", app_cert="", alipay_public_key=PLAIN), "0" * 32),
        (configured(), keys.serial_name(configured().leaves[0])),
        (configured(), "0" * 33),
        (configured(), "0" * 32 + "\\n"),
    ):
        bodies: list[bytes] = []
        with pytest.raises(ReplySignatureMismatch) as caught:
            login_reply(app, sn, downloaded(1), bodies)
        assert (len(bodies), caught.value.because) == (1, {"keys_tried": 1})


def test_a_successor_is_good_for_the_gateway_alone() -> None:
    """After a login has fetched the new certificate, an envelope under the new key is refused as before."""
    gateway, memory = Gateway(), Memory()
    assert logged_in("cert-rotated", gateway, memory).subject.openid
    envelope = json.loads(MIRROR.envelope("ok", app=CERT))
    envelope["sign"] = forge_signature(MIRROR.next_key, f'"{envelope["response"]}"')
    with pytest.raises(SignatureMismatch):
        verify_offline(configured(), envelope)


# --- sandbox and SM2


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (True, "https://openapi-sandbox.dl.alipaydev.com/gateway.do"),
        ("true", "https://openapi-sandbox.dl.alipaydev.com/gateway.do"),
        ("old", "https://openapi.alipaydev.com/gateway.do"),
    ],
)
def test_sandbox(value: object, url: str) -> None:
    """The sandbox's gateway is asked, and that is said at every start."""
    one = table(sandbox=value, gateway_url="")
    app = configure(one)
    assert app is not None
    assert app.gateway_url == url
    assert app.upstreams == (url.removesuffix("/gateway.do"),)
    assert [fault.code for fault in one.faults] == ["config.sandbox"]


def test_sandbox_that_is_none() -> None:
    """Any other word is a fault that names those that there are; false is production."""
    wrong = table(sandbox="new")
    configure(wrong)
    fault = wrong.faults[0]
    assert (fault.code, fault.warning, fault.because["needed"]) == ("config.wrong-type", False, "true | false | old")
    one = Table(CERT, {**MIRROR.settings("https://gateway.example")[CERT], "sandbox": False}, now=NOW)
    assert configure(one) is not None
    assert one.faults == []


def test_sm2_is_named() -> None:
    """An SM2 key or certificate is called what it is, not unreadable."""
    # SubjectPublicKeyInfo of an EC key on the curve 1.2.156.10197.1.301; the point itself does not matter
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + b"\x04" + bytes(64)
    with pytest.raises(keys.KeyProblem) as caught:
        keys.parse_public_key(base64.b64encode(spki).decode("ascii"))
    assert (caught.value.code, caught.value.because) == ("config.key-not-rsa", {"algorithm": "SM2"})
    with pytest.raises(keys.KeyProblem) as caught:
        keys.parse_private_key(base64.b64encode(spki).decode("ascii"))
    assert caught.value.code == "config.key-not-rsa"
    with pytest.raises(keys.KeyProblem) as caught:
        keys.certificate_key(ROOTS[0])
    assert caught.value.because == {"algorithm": "SM2"}
    assert found(alipay_cert=pem(ROOTS[0]))[0][:2] == ("config.key-not-rsa", False)
