"""Laws of authorizations over damaged and random input, for every platform."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress
from typing import Any

import pytest

from haoma.authorize import open_envelope
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.errors import BadBase64, CannotOpen, HaomaError, SignatureMismatch
from haoma.mirroring import Tap
from haoma.verified import CheckName, VerifiedPhone
from stage import BASE, Stage

BODIES = 100_000


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def _flips(text: str) -> list[str]:
    raw = text.encode("ascii")
    flipped = []
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        flipped.append(changed.decode("latin-1"))
    return flipped


@pytest.mark.parametrize("field", ["response", "sign"])
def test_alipay_any_flipped_bit_is_refused(stage: Stage, field: str) -> None:
    """Every single bit of ciphertext and signature, flipped, makes a refusal: verified first, so never an AES error."""
    app = stage.apps["alipay"]
    envelope = json.loads(stage.mirrors["alipay"].envelope("ok"))  # type: ignore[attr-defined]
    assert isinstance(open_envelope(app, json.dumps(envelope)), VerifiedPhone)
    for damaged in _flips(envelope[field]):
        if damaged.replace(" ", "+") == envelope[field]:
            continue  # the one damage that is repaired
        # A line break where a character was, or a space for another: refused like any other text.
        with pytest.raises((SignatureMismatch, BadBase64, HaomaError)) as caught:
            open_envelope(app, json.dumps(envelope | {field: damaged}))
        assert not isinstance(caught.value, CannotOpen)


def test_a_plus_may_stand_at_the_front(stage: Stage) -> None:
    """A plus that became a space is repaired where it is the first character too, and looks like space to be cut off."""
    plain = b'{"code":"10000","msg":"Success","mobile":"13811112222"}'
    keys = (random.Random(seed).randbytes(16) for seed in range(10_000))
    key = next(key for key in keys if forge_cbc(key, bytes(16), plain).startswith("+"))
    values = stage.mirrors["alipay"].settings(BASE)["alipay"] | {"aes_key": base64.b64encode(key).decode()}
    sealed = forge_cbc(key, bytes(16), plain)
    sign = forge_signature(stage.mirrors["alipay"].alipay_key, f'"{sealed}"')  # type: ignore[attr-defined]
    app = stage.configure("shop", values)
    for text in (sealed, sealed.replace("+", " "), sealed.replace("+", " ") + "\r\n"):
        assert open_envelope(app, {"response": text, "sign": sign}).phone_number == "+8613811112222"


def test_wechat_old_way_flipped_bits_never_name_another_number(stage: Stage) -> None:
    """Bits flipped in a MAC-less ciphertext or its IV are refused, all with the same words, and no number comes out."""
    seen = set()
    for field in ("encryptedData", "iv"):
        sealed = stage.tap("wechat", "old-ok")
        assert sealed.body is not None
        for damaged in random.Random(2).sample(_flips(sealed.body["authorization"][field]), 120):
            tap = stage.tap("wechat", "old-ok")
            assert tap.body is not None
            tap.body["authorization"][field] = damaged
            with pytest.raises(HaomaError) as caught:
                stage.authorize(tap.app, tap.body)
            seen.add((caught.value.code, caught.value.status, str(caught.value).split("[")[0]))
    assert {code for code, _, _ in seen} == {"trust.cannot-open"}
    assert len(seen) == 1


def _damaged(source: random.Random, seeds: list[bytes]) -> bytes:
    raw = bytearray(source.choice(seeds))
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(raw) + 1)
        match source.randrange(7):
            case 0 if raw:
                raw[at % len(raw)] ^= 1 << source.randrange(8)
            case 1:
                del raw[at:]
            case 2:
                raw[at:at] = source.randbytes(source.randint(1, 8))
            case 3:
                raw[at:at] = source.choice(_PIECES)
            case 4:
                del raw[at : at + source.randint(1, 40)]
            case 5:
                other = source.choice(seeds)
                raw[at:] = other[source.randrange(len(other)) :]
            case 6:
                raw = bytearray(source.choice(_PIECES) + raw)
        if not raw:
            raw = bytearray(b"{")
    return bytes(raw)


def _given(stage: Stage, platform: str, scenes: list[Tap]) -> set[str]:
    """Return every number that the platform gave out, also in scenes that fail for a reason that damage can remove."""
    if platform == "wechat":
        codes = stage.mirrors["wechat"]._codes.values()  # type: ignore[attr-defined]
        return {f"+{code.country_code}{code.national_number}" for code in codes}
    found = {tap.phone_number for tap in scenes}
    for tap in scenes:
        with suppress(HaomaError):
            assert tap.body is not None
            found.add(open_envelope(stage.apps[tap.app], tap.body["authorization"]).phone_number)
    return found


_PIECES = [
    b'"', b"{", b"}", b"[", b"null", b"\\u0000", b"\\ud800", b'{"response":', b'"sign":null,', b'"code":1,',
    b'"code":"10000","mobile":"13900000000"', b"NaN", b"1e999", b"\xff", b"\xef\xbb\xbf", b"%7B", b"a=b&", b'"detail":{',
    b'"authorization":"', b'"login_code":"x",', b'"session":"x",', b" ", b"\n", b'"encryptedData":{},', b"9" * 400,
]  # fmt: skip


@pytest.mark.parametrize("platform", ["alipay", "wechat"])
def test_only_our_errors(stage: Stage, platform: str) -> None:
    """A hundred thousand damaged bodies (over both platforms) end in our errors, or in a number that was really sent."""
    source = random.Random(20261121)
    scenes = [tap for scene in stage.mirrors[platform].scenes if (tap := stage.tap(platform, scene.name)).body]
    numbers = _given(stage, platform, scenes)
    seeds = [json.dumps(tap.body, ensure_ascii=False).encode() for tap in scenes]
    seeds += [json.dumps(tap.event, ensure_ascii=False).encode() for tap in scenes]
    apps = sorted({tap.app for tap in scenes})
    outcomes: dict[str, int] = {}
    for _ in range(BODIES // 2):
        body: Any = _damaged(source, seeds)
        try:
            phone = stage.authorize(source.choice(apps), body)
        except HaomaError as error:
            outcomes[error.code] = outcomes.get(error.code, 0) + 1
            continue
        assert phone.phone_number in numbers, phone
        assert len(phone.checks) == len(CheckName)
    assert len(outcomes) > 8, outcomes  # the damage reaches deep, not only the JSON parser


def test_random_bytes(stage: Stage) -> None:
    """Bytes without any shape end in our errors on every platform."""
    source = random.Random(7)
    for size in (*range(64), 1000, 40_000):
        for app in ("alipay", "wechat"):
            with pytest.raises(HaomaError):
                stage.authorize(app, source.randbytes(size))


@pytest.mark.parametrize("junk", [None, 1, 1.5, [], [1], (), object(), {1: 2}, {"a": object()}, {"a": {1}}, b"", ""])
def test_wrong_types(stage: Stage, junk: Any) -> None:
    """Python objects that no front end can send end in our errors as well."""
    for app in ("alipay", "wechat"):
        with pytest.raises(HaomaError):
            stage.authorize(app, junk)


def test_every_pair_of_apps(stage: Stage) -> None:
    """No app accepts what was made for another, over all ordered pairs of apps with keys of their own."""
    accepted = []
    for platform, mirror in stage.mirrors.items():
        scenes = {scene.app: scene.name for scene in mirror.scenes if scene.expect == "ok"}
        ids = {app: stage.apps[app].app_id for app in scenes}
        for made_for, scene in scenes.items():
            for sent_to, app in stage.apps.items():
                if app.platform == platform and app.app_id == ids[made_for]:
                    continue
                tap = stage.tap(platform, scene)
                with pytest.raises(HaomaError) as caught:
                    accepted.append((made_for, sent_to, stage.authorize(sent_to, tap.body)))
                assert caught.value.code
    assert accepted == []
