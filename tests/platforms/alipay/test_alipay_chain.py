"""Chains at their limits, and what is kept of a certificate that was followed: for which app, and under which name."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from haoma.authorize import log_in
from haoma.crypto.chain import ChainBroken, check_chain
from haoma.crypto.forging import forge_signature
from haoma.crypto.keys import KeyProblem, parse_certificates, parse_public_key, serial_name
from haoma.errors import CertificateNotTrusted, ConfigFaults, HaomaError, ReplySignatureMismatch
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.alipay.app import configure
from haoma.platforms.alipay.mirror import CERT, AlipayMirror
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Call
from haoma.platforms.base.table import Table
from haoma.settings.reader import from_mapping
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

NOW = 1_800_000_000.0
DAY = 86_400.0
MIRROR = AlipayMirror(random.Random(1).randbytes)


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """A key for each name; it takes longer to make one than to run a test."""
    assert name
    return rsa.generate_private_key(65537, 2048)


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def certificate(
    subject: str,
    issuer: str,
    *,
    ca: bool,
    serial: int = 1,
    of: Any = None,
    by: CertificateIssuerPrivateKeyTypes | None = None,
    days: tuple[float, float] = (-1, 1),
) -> x509.Certificate:
    """A certificate whose dates are counted in days from now."""
    starts, ends = (datetime.fromtimestamp(NOW + each * DAY, UTC) for each in days)
    public = (of or key("authority")).public_key()
    builder = x509.CertificateBuilder(name_of(issuer), name_of(subject), public, serial, starts, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(by or key("authority"), SHA256())


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in certificates)


def ladder(rungs: int) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """A leaf under so many intermediates, of which the last names ``Root`` as its issuer."""
    names = [f"Middle {rung}" for rung in range(rungs)]
    issuers = [*names, "Root"][1:] if names else []
    middle = [certificate(subject, issuer, ca=True) for subject, issuer in zip(names, issuers, strict=True)]
    return certificate("Alipay", names[0] if names else "Root", ca=False, of=key("leaf")), middle


def broken(leaf: x509.Certificate, others: list[x509.Certificate], roots: list[x509.Certificate]) -> str:
    with pytest.raises(ChainBroken) as caught:
        check_chain(leaf, others, roots, NOW)
    return caught.value.reason


ROOT = certificate("Root", "Root", ca=True)


# --- how long a chain may be


@pytest.mark.parametrize("rungs", [0, 1, 2, 3])
def test_a_chain_up_to_the_longest(rungs: int) -> None:
    """Four steps from the leaf to the root hold: three intermediates and the root."""
    leaf, middle = ladder(rungs)
    check_chain(leaf, middle, [ROOT], NOW)
    check_chain(leaf, middle[::-1], [ROOT], NOW)


@pytest.mark.parametrize("rungs", [4, 5, 6])
def test_a_chain_that_is_too_long(rungs: int) -> None:
    """One more is no chain any more, although it would end in the root."""
    leaf, middle = ladder(rungs)
    assert broken(leaf, middle, [ROOT]) == "no-root"


@pytest.mark.parametrize("rungs", range(1, 9))
def test_a_ladder_that_leans_on_nothing(rungs: int) -> None:
    """However many authorities somebody makes for himself: without one of our roots nothing is believed."""
    leaf, middle = ladder(rungs)
    elsewhere = certificate("Elsewhere", "Elsewhere", ca=True, of=key("elsewhere"), by=key("elsewhere"))
    assert broken(leaf, middle, [elsewhere]) == "no-root"
    assert broken(leaf, middle, []) == "no-root"
    assert broken(leaf, [*middle, ROOT], [elsewhere]) == "no-root"


def test_a_root_with_another_kind_of_signature() -> None:
    """A root without an RSA signature anchors nothing, although it is in the bundle and the signatures fit."""
    private = ec.generate_private_key(ec.SECP256R1())
    root = certificate("Root", "Root", ca=True, of=private, by=private)
    leaf = certificate("Alipay", "Root", ca=False, of=key("leaf"), by=private)
    assert broken(leaf, [], [root]) == "no-issuer"
    assert broken(leaf, [root], [root, ROOT]) == "signature"


def test_a_root_that_came_along() -> None:
    """A root beside the leaf is none of ours, and no intermediate: it is as if it were not there."""
    leaf, _ = ladder(0)
    assert broken(leaf, [ROOT], []) == "no-issuer"


def test_a_ring_ends() -> None:
    """Authorities that vouch for one another are followed no further than any other chain."""
    ring = [certificate("One", "Two", ca=True), certificate("Two", "One", ca=True)]
    assert broken(certificate("Alipay", "One", ca=False, of=key("leaf")), ring, [ROOT]) == "no-root"


# --- the root and the intermediates are looked at like each other


@pytest.mark.parametrize("rungs", [0, 1, 2])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"days": (-2, -1)}, "dates"),
        ({"days": (1, 2)}, "dates"),
        ({"ca": False}, "may-not-issue"),
    ],
)
def test_a_root_that_does_not_count(rungs: int, change: dict[str, Any], reason: str) -> None:
    """A root that has run out, has not begun, or is no authority, anchors nothing, whatever is below it."""
    leaf, middle = ladder(rungs)
    root = certificate("Root", "Root", **{"ca": True, **change})
    assert broken(leaf, middle, [root]) == reason


@pytest.mark.parametrize("rung", [0, 1])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"days": (-2, -1)}, "dates"),
        ({"days": (1, 2)}, "dates"),
        ({"ca": False}, "may-not-issue"),
    ],
)
def test_an_intermediate_that_does_not_count(rung: int, change: dict[str, Any], reason: str) -> None:
    """The same for each intermediate."""
    leaf, middle = ladder(2)
    issuer = "Middle 1" if rung == 0 else "Root"
    middle[rung] = certificate(f"Middle {rung}", issuer, **{"ca": True, **change})
    assert broken(leaf, middle, [ROOT]) == reason


@pytest.mark.parametrize("moment", [-1, 1])
def test_the_last_moment_of_a_root(moment: int) -> None:
    """Its dates include both ends."""
    root = certificate("Root", "Root", ca=True, days=(-1, 0) if moment < 0 else (0, 1))
    leaf, middle = ladder(1)
    check_chain(leaf, middle, [root], NOW)
    with pytest.raises(ChainBroken, match="dates"):
        check_chain(leaf, middle, [root], NOW - moment)


def test_the_right_one_of_two_with_one_name() -> None:
    """An authority that changed its key has two certificates of one name; that which signed is found."""
    older = certificate("Root", "Root", ca=True, of=key("older"), by=key("older"))
    leaf, middle = ladder(1)
    check_chain(leaf, middle, [older, ROOT], NOW)
    assert broken(leaf, middle, [older]) == "signature"


# --- what is kept: of which app, and of which certificate


class Gateway:
    """The gateway of one mirror, without a socket; counts the calls of each method."""

    def __init__(self, mirror: AlipayMirror) -> None:
        self.mirror = mirror
        self.methods: list[str] = []

    def send(self, step: Send) -> Reply:
        body = step.request.body
        self.methods.append("download" if b"alipaycert.download" in body else "login")
        answer = self.mirror.answer(Call("POST", "/gateway.do", {}, {}, body), NOW)
        assert answer is not None
        return Reply(answer.status, answer.headers, answer.body)


def app_of(name: str, settings: dict[str, Any]) -> App:
    table = Table(name, {each: value for each, value in settings.items() if value}, now=NOW)
    app = configure(table)
    assert app is not None, table.faults
    return app


def logged_in(app: App, mirror: AlipayMirror, gateway: object, memory: Memory) -> str:
    code = mirror.tap("cert-rotated", allow=True, now=NOW).login_code
    world = World(cast("Any", gateway), memory)
    return run(log_in(app, {"login_code": code}, now=NOW), world)[1].subject.openid


def test_no_root_vouches_for_another_app() -> None:
    """Two apps of one process, sandbox and production: same names and serial numbers, roots and keys of their own.

    Each follows the new certificate to its own root, in either order, and a reply of the one is none of the other.
    """
    sandbox, production = MIRROR, AlipayMirror(random.Random(2).randbytes)
    apps = {
        "sandbox": app_of("sandbox", sandbox.settings("https://gateway.example")[CERT]),
        "production": app_of("production", production.settings("https://gateway.example")[CERT]),
    }
    memory = Memory()
    one, other = Gateway(sandbox), Gateway(production)
    for _ in range(2):
        assert logged_in(apps["sandbox"], sandbox, one, memory)
        assert logged_in(apps["production"], production, other, memory)
    assert one.methods == other.methods == ["login", "download", "login"]

    class Crossed(Gateway):
        """Production's app is answered in the sandbox's name, as whoever holds the sandbox's key could."""

        def send(self, step: Send) -> Reply:
            if b"alipaycert.download" in step.request.body:
                return super().send(step)
            node = '{"access_token":"t","open_id":"victim"}'
            text = '{"alipay_system_oauth_token_response":%s,"alipay_cert_sn":"%s","sign":"%s"}'
            sign = forge_signature(sandbox.next_key, node)
            return Reply(200, {}, (text % (node, SUCCESSOR_SN, sign)).encode())

    with pytest.raises(ReplySignatureMismatch):
        logged_in(apps["production"], production, Crossed(production), memory)
    with pytest.raises(ReplySignatureMismatch):
        logged_in(apps["production"], production, Crossed(production), Memory())


SUCCESSOR_SN = MIRROR._successors["cert-rotated"][0]


@dataclass
class Changing:
    """A gateway that signs with the key of a certificate of its choice, and hands out all of them."""

    chain: dict[str, str]
    serial: str
    signer: rsa.RSAPrivateKey
    downloads: int = 0

    def send(self, step: Send) -> Reply:
        if b"alipaycert.download" in step.request.body:
            asked = next(each for each in self.chain if each.encode() in step.request.body)
            self.downloads += 1
            content = base64.b64encode(self.chain[asked].encode()).decode()
            node = {"code": "10000", "alipay_cert_content": content}
            return Reply(200, {}, json.dumps({"alipay_open_app_alipaycert_download_response": node}).encode())
        text = f'{{"access_token":"t","open_id":"{self.serial}"}}'
        sign = forge_signature(self.signer, text)
        whole = f'{{"alipay_system_oauth_token_response":{text},"alipay_cert_sn":"{self.serial}","sign":"{sign}"}}'
        return Reply(200, {}, whole.encode())


def settings(**changed: Any) -> dict[str, Any]:
    alipay = certificate("Alipay", "Middle 0", ca=False, of=MIRROR.alipay_key)
    _, middle = ladder(1)
    values = MIRROR.settings("https://gateway.example")[CERT]
    return {**values, "alipay_cert": pem(alipay, *middle), "alipay_root_cert": pem(ROOT), **changed}


def test_two_changes_of_certificate_in_one_day() -> None:
    """Each is fetched once, and replies of either verify, under its own key and no other."""
    _, middle = ladder(1)
    app, memory = app_of("shop", settings()), Memory()
    signers = {"Alipay": MIRROR.next_key, "Alipay again": MIRROR.another_key}
    found = [
        certificate("Alipay", "Middle 0", ca=False, serial=serial, of=signer)
        for serial, signer in enumerate(signers.values(), 2)
    ]
    chain = {serial_name(each): pem(each, *middle) for each in found}
    gateway = Changing(chain, "", MIRROR.next_key)
    for _ in range(2):
        for gateway.serial, gateway.signer in zip(chain, signers.values(), strict=True):
            assert logged_in(app, MIRROR, gateway, memory) == gateway.serial
    assert gateway.downloads == 2
    gateway.serial = next(iter(chain))
    with pytest.raises(ReplySignatureMismatch) as caught:
        logged_in(app, MIRROR, gateway, memory)
    assert caught.value.because == {"keys_tried": 2}


def test_what_one_app_has_followed_is_nothing_to_another() -> None:
    """Under one root Alipay has a key for each company: what is kept of the one does not open the other's login."""
    _, middle = ladder(1)
    following = certificate("Alipay", "Middle 0", ca=False, serial=2, of=MIRROR.next_key)
    gateway = Changing({serial_name(following): pem(following, *middle)}, serial_name(following), MIRROR.next_key)
    memory = Memory()
    assert logged_in(app_of("shop", settings()), MIRROR, gateway, memory)
    company = certificate("Alipay of a company", "Middle 0", ca=False, of=MIRROR.alipay_key)
    other = app_of("other", settings(app_id="2021000000000077", alipay_cert=pem(company, *middle)))
    with pytest.raises(CertificateNotTrusted) as caught:
        logged_in(other, MIRROR, gateway, memory)
    assert caught.value.because["reason"] == "another-holder"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param({"of": ec.generate_private_key(ec.SECP256R1())}, "unreadable", id="an EC key"),
        pytest.param({"of": ed25519.Ed25519PrivateKey.generate()}, "unreadable", id="an Ed25519 key"),
        pytest.param({"days": (-2, -1)}, "dates", id="out of date"),
        pytest.param({"days": (1, 2)}, "dates", id="not yet valid"),
    ],
)
def test_a_download_with_a_rightly_signed_wrong_inside(content: dict[str, Any], reason: str) -> None:
    """Issued under our root, to the right holder, with the right serial number, and yet no key of RSA, or not now."""
    _, middle = ladder(1)
    wrong = certificate("Alipay", "Middle 0", **{"ca": False, "serial": 2, "of": MIRROR.next_key, **content})
    gateway = Changing({serial_name(wrong): pem(wrong, *middle)}, serial_name(wrong), MIRROR.next_key)
    with pytest.raises(CertificateNotTrusted) as caught:
        logged_in(app_of("shop", settings()), MIRROR, gateway, Memory())
    assert caught.value.because["reason"] == reason


class Sealed(Changing):
    """Answers the download with a sealed node, that is with a text."""

    def send(self, step: Send) -> Reply:
        if b"alipaycert.download" in step.request.body:
            return Reply(200, {}, b'{"alipay_open_app_alipaycert_download_response":"AAAA"}')
        return super().send(step)


def test_a_download_that_is_sealed() -> None:
    """A certificate is not secret, and its download never a text: refused, like one that was not given."""
    gateway = Sealed({}, "0" * 32, MIRROR.next_key)
    with pytest.raises(CertificateNotTrusted) as caught:
        logged_in(app_of("shop", settings()), MIRROR, gateway, Memory())
    assert caught.value.because["reason"] == "not given"


# --- certificates whose key is not RSA


@pytest.mark.parametrize(
    "private", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()], ids=["ec", "ed25519"]
)
def test_a_certificate_with_another_kind_of_key(private: Any) -> None:
    """It is named as what it is, wherever it is pasted."""
    other = pem(certificate("Alipay", "Middle 0", ca=False, of=private))
    assert len(parse_certificates(other)) == 1
    with pytest.raises(KeyProblem) as problem:
        parse_public_key(other)
    assert problem.value.code == "config.key-not-rsa"
    for setting in ("alipay_cert", "app_cert"):
        with pytest.raises(ConfigFaults) as caught:
            from_mapping({"apps": {"shop": settings(**{setting: other})}}, now=NOW)
        assert ("config.key-not-rsa", f"apps.shop.{setting}") in [
            (each.code, each.where) for each in caught.value.faults
        ]


def test_a_certificate_of_an_algorithm_that_nobody_knows() -> None:
    """A key of an unknown algorithm is called no RSA key; it does not crash the reading of the settings."""
    der = bytearray(certificate("Alipay", "Middle 0", ca=False, of=key("leaf")).public_bytes(Encoding.DER))
    rsa_key = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1; the last byte makes it an unassigned one
    assert der.count(rsa_key) == 1
    der[der.index(rsa_key) + len(rsa_key) - 1] = 0x63
    with pytest.raises(KeyProblem) as problem:
        parse_public_key(base64.b64encode(der).decode())
    assert problem.value.code == "config.key-not-rsa"


def test_every_refusal_of_the_chain_is_ours() -> None:
    """A chain without any certificate of an authority ends in one of our errors, through the login as well."""
    lonely = certificate("Alipay", "Middle 0", ca=False, serial=2, of=MIRROR.next_key)
    gateway = Changing({serial_name(lonely): pem(lonely)}, serial_name(lonely), MIRROR.next_key)
    assert logged_in(app_of("shop", settings()), MIRROR, gateway, Memory()) == serial_name(lonely)  # ours is at hand
    bare = settings(alipay_cert=pem(certificate("Alipay", "Middle 0", ca=False, of=MIRROR.alipay_key)))
    with pytest.raises(HaomaError) as caught:
        logged_in(app_of("shop", bare), MIRROR, gateway, Memory())
    assert caught.value.because["reason"] == "no-issuer"


def test_a_name_under_another_authority_is_another_holder() -> None:
    """Whoever is called like Alipay, but by another intermediate of our root, is not whom the operator configured."""
    _, middle = ladder(2)
    namesake = certificate("Alipay", "Middle 1", ca=False, serial=2, of=MIRROR.next_key)
    gateway = Changing({serial_name(namesake): pem(namesake, *middle)}, serial_name(namesake), MIRROR.next_key)
    with pytest.raises(CertificateNotTrusted) as caught:
        logged_in(app_of("shop", settings()), MIRROR, gateway, Memory())
    assert caught.value.because["reason"] == "another-holder"
