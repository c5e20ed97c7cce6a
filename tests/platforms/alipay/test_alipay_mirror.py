"""The mirror against the reader, the verifier and the opener: what it writes they take, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haoma.authorize import verify_offline
from haoma.errors import HaomaError
from haoma.platforms.alipay import mirror as mirror_module
from haoma.platforms.alipay.app import AlipayApp, configure
from haoma.platforms.alipay.mirror import SCENES, AlipayMirror
from haoma.platforms.base.mirroring import ANYBODY, Call
from haoma.platforms.base.table import Table

NOW = 1_800_000_000.0
MIRROR = AlipayMirror(os.urandom)


def configured(name: str) -> AlipayApp:
    table = Table(name, MIRROR.settings("https://gateway.example")[name], now=NOW)
    app = configure(table)
    assert app is not None
    assert table.faults == []
    return app


APPS = {name: configured(name) for name in MIRROR.settings("")}


@settings(max_examples=30)  # each is signed; the forms of a number have tables of their own
@given(mobile=st.from_regex(r"\A(1[3-9][0-9]{9}|852-[4-9][0-9]{7}|1-[2-9][0-9]{9})\Z"))
def test_round_trip(mobile: str) -> None:
    """Whatever number the mirror seals comes out."""
    found = verify_offline(APPS["alipay"], MIRROR.envelope("ok", mobile))
    assert found.e164 == ("+" + mobile.replace("-", "") if "-" in mobile else "+86" + mobile)


@pytest.mark.parametrize("name", APPS)
def test_an_envelope_opens_in_its_own_app_alone(name: str) -> None:
    """All apps share Alipay's key here, as an ISV's do, so that the content key alone tells them apart."""
    envelope = MIRROR.envelope("ok", app=name)
    for each, app in APPS.items():
        if each == name:
            assert verify_offline(app, envelope).e164 == "+8613811112222"
            continue
        with pytest.raises(HaomaError) as caught:
            verify_offline(app, envelope)
        assert caught.value.code == "trust.cannot-open"


def test_any_changed_character_is_refused() -> None:
    """Each character of the ciphertext and of the signature counts."""
    envelope = json.loads(MIRROR.envelope("ok"))
    for field in ("response", "sign"):
        text = envelope[field].rstrip("=")
        for at in range(0, len(text), 3):
            other = "A" if text[at] != "A" else "B"
            changed = {**envelope, field: text[:at] + other + envelope[field][at + 1 :]}
            with pytest.raises(HaomaError) as caught:
                verify_offline(APPS["alipay"], changed)
            assert caught.value.code in {"trust.signature-mismatch", "envelope.bad-base64"}


def test_the_same_phone_gives_the_same_bytes() -> None:
    """The platform's zero IV makes ciphertext and signature a function of the number; the mirror keeps that."""
    assert MIRROR.envelope("ok") == MIRROR.envelope("ok")


@pytest.mark.parametrize("query", [{}, {"method": "alipay.system.oauth.token"}])
@pytest.mark.parametrize("body", [b"", b"\xff", b"a=b", b"app_id=2021000000000001&sign=!&method=x"])
def test_gateway_takes_anything(query: dict[str, str], body: bytes) -> None:
    """Whatever arrives, the gateway answers with 200 and a signed refusal in its own layout."""
    answer = MIRROR.answer(Call("POST", "/gateway.do", query, {}, body), NOW)
    assert answer is not None
    assert answer.status == 200
    reply = json.loads(answer.body)
    assert reply["error_response"]["code"] == "40001"
    assert reply["error_response"]["sub_code"].startswith("isv.missing-")
    assert reply["sign"]


def test_other_addresses_are_not_ours() -> None:
    """The mirror answers its own address alone."""
    assert MIRROR.answer(Call("GET", "/cgi-bin/token", {}, {}, b""), NOW) is None


def test_unknown_scene() -> None:
    """A scene that is none is a `KeyError`."""
    with pytest.raises(KeyError):
        MIRROR.tap("nope", allow=True, now=NOW)


def test_memory_of_codes_is_bounded() -> None:
    """Ten thousand login codes are kept; the oldest go."""
    small = AlipayMirror(os.urandom)
    for _ in range(10_050):
        small._issue(SCENES[0], NOW, ANYBODY)
    assert len(small._issued) == 10_000


def test_mirror_shares_no_code_with_what_it_tests() -> None:
    """The mirror imports neither readers nor openers, nor the strict parsers below them."""
    source = Path(mirror_module.__file__).read_text("utf-8")
    imports = {line.split()[1] for line in source.splitlines() if line.startswith("from haoma")}
    assert imports == {"haoma.crypto.forging", "haoma.platforms.base.mirroring"}


def test_the_steps_that_refuse_a_signature() -> None:
    """One that is missing and one that does not fit, with what the place of the first tells."""
    whole = json.loads(MIRROR.envelope("ok", "13800138000"))
    for sent, code, step, place in (
        ({"response": whole["response"]}, "trust.signature-missing", 2, "taken-apart"),
        ({"response": json.dumps({"response": whole["response"]})}, "trust.signature-missing", 2, "whole-string"),
        ({**whole, "response": whole["response"][4:]}, "trust.signature-mismatch", 4, ""),
    ):
        with pytest.raises(HaomaError) as refused:
            verify_offline(APPS["alipay"], sent)
        assert (refused.value.code, refused.value.step, refused.value.place) == (code, step, place)
