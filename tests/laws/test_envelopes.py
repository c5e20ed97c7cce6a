"""Laws of authorizations over damaged and random input, for every platform of the registry."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from haoma import App
from haoma.authorize import verify_offline, verify_with_session_key
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.errors import BadBase64, CannotOpen, HaomaError, NoOfflineWay, SignatureMismatch
from haoma.platforms.base.mirroring import Tap
from haoma.platforms.registry import PLATFORMS
from haoma.problem import problem
from haoma.verified import CheckName, VerifiedPhone
from support.stage import BASE, Stage

pytest_plugins = ["support.stage_fixtures"]

BODIES = 105_000
RENEWED = 1000  # bodies after which every scene is played again: most codes are used up by then
SEALED = [name for name, platform in PLATFORMS.items() if platform.find_under_key]


every_platform = pytest.mark.parametrize("platform", PLATFORMS)


def _flips(text: str) -> list[str]:
    """Return the text with every single bit of its characters flipped."""
    return [raw.decode("latin-1") for raw in _flipped(text.encode("ascii"))]


def _flipped(raw: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def _face(error: HaomaError, *but: str) -> str:
    """Return everything by which a caller with a server key could tell one refusal from another."""
    shown = problem(error).items()
    return json.dumps({name: value for name, value in shown if name not in ("platform_request_id", *but)})


def _body(tap: Tap) -> dict[str, Any]:
    assert tap.body is not None
    return tap.body


# --- flipped bits ---


@pytest.mark.parametrize("field", ["response", "sign"])
def test_alipay_any_flipped_bit_is_refused(stage: Stage, field: str) -> None:
    """Every single bit of ciphertext and signature, flipped, makes a refusal: verified first, so never an AES error."""
    app = stage.apps["alipay"]
    envelope = json.loads(stage.mirrors["alipay"].envelope("ok"))  # type: ignore[attr-defined]
    assert isinstance(verify_offline(app, json.dumps(envelope)), VerifiedPhone)
    for damaged in _flips(envelope[field]):
        if damaged.replace(" ", "+") == envelope[field]:
            continue  # the one damage that is repaired
        # A line break where a character was, or a space for another: refused like any other text.
        with pytest.raises((SignatureMismatch, BadBase64, HaomaError)) as caught:
            verify_offline(app, json.dumps(envelope | {field: damaged}))
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
        assert verify_offline(app, {"response": text, "sign": sign}).e164 == "+8613811112222"


def _sealed_scenes(stage: Stage, platform: str) -> list[str]:
    """Return the scenes in which a ciphertext of the front end opens."""
    good = [scene.name for scene in stage.mirrors[platform].scenes if scene.expect == "ok"]
    return [name for name in good if set(_body(stage.tap(platform, name))["authorization"]) <= {"encryptedData", "iv"}]


def _at_hand(stage: Stage, platform: str, scene: str) -> tuple[App, dict[str, str], str, str]:
    """Return the app, what was sent, the session_key and the number, once the simulator has taken part in it."""
    stage.forget()
    tap = stage.tap(platform, scene)
    number = stage.authorize(tap.app, tap.body).e164
    given = re.findall(rb'"session_key":"([^"]+)"', b"".join(stage.replies))
    sealed = {name: _body(tap)["authorization"][name] for name in ("encryptedData", "iv")}
    return stage.apps[tap.app], sealed, given[-1].decode(), number


@pytest.mark.parametrize("platform", SEALED)
def test_no_flipped_bit_names_another_number(stage: Stage, platform: str) -> None:
    """Every bit of ciphertext and IV, flipped under the right key: one and the same refusal, or the very same number.

    CBC without a MAC cannot promise more: bits that nobody looks at (Baidu's random prefix, a watermark's seconds) may
    change. A number may not.
    """
    accepted = refused = 0
    faces = set()
    for scene in _sealed_scenes(stage, platform):
        app, sealed, session_key, number = _at_hand(stage, platform, scene)
        assert verify_with_session_key(app, sealed, session_key, now=stage.now).e164 == number
        for name, text in sealed.items():
            for damaged in _flipped(base64.b64decode(text)):
                changed = sealed | {name: base64.b64encode(damaged).decode()}
                try:
                    assert verify_with_session_key(app, changed, session_key, now=stage.now).e164 == number
                    accepted += 1
                except CannotOpen as error:
                    refused += 1
                    faces.add(_face(error, "app", "step"))  # the desk, whose key it is, may see the step
    assert refused > 2 * accepted
    assert len(faces) == 1


@pytest.mark.parametrize("platform", SEALED)
def test_no_spelling_of_a_body_changes_what_it_says(stage: Stage, platform: str) -> None:
    """A body in its shortest form is read by another reader than the same one with a space in front."""
    source = random.Random(3)
    app, sealed, session_key, number = _at_hand(stage, platform, _sealed_scenes(stage, platform)[0])
    shortest = json.dumps(sealed, separators=(",", ":"))

    def said(body: str | bytes) -> str:
        try:
            return verify_with_session_key(app, body, session_key, now=stage.now).e164
        except HaomaError as error:
            return error.code

    twice = f'{shortest[:-1]},"iv":"{sealed["iv"]}"}}'
    others = [
        shortest, twice, shortest.replace("/", "\\/"), shortest.replace("=", ""), shortest.replace("+", " "),
        json.dumps(sealed), json.dumps(dict(reversed(sealed.items()))), json.dumps(sealed | {"more": 1}),
        shortest.replace('"iv":"', '"iv":"AAAA'), json.dumps({"encryptedData": "", "iv": sealed["iv"]}),
        json.dumps(sealed | {"encryptedData": sealed["encryptedData"] * 400}, separators=(",", ":")), "", "{}", "[]",
    ]  # fmt: skip
    for _ in range(3000):
        at = source.randrange(len(shortest))
        others.append(
            shortest[:at] + chr(source.choice((9, 32, 34, 43, 47, 61, 65, 92, 0xE9, 0xD800))) + shortest[at + 1 :]
        )
        others.append(shortest[:at] + shortest[at + source.randrange(5) :])
    seen = set()
    for body in others:
        found = said(body)
        seen.add(found)
        assert found == said(f" {body}")
        with suppress(UnicodeEncodeError):
            assert found == said(body.encode())
    assert {number, "trust.cannot-open", "envelope.not-json", "envelope.too-large", "envelope.missing-field"} <= seen
    assert said(twice) == "envelope.not-json"


@pytest.mark.parametrize("platform", SEALED)
def test_flipped_bits_of_what_was_sent_are_refused_alike(stage: Stage, platform: str) -> None:
    """The same from the front end on, over the text and all steps: every refusal looks like every other."""
    source = random.Random(2)
    scene = _sealed_scenes(stage, platform)[0]
    faces = set()
    for field in ("encryptedData", "iv"):
        length = len(_body(stage.tap(platform, scene))["authorization"][field])
        for bit in source.sample(range(8 * length), 90):
            stage.forget()
            tap = stage.tap(platform, scene)
            authorization = _body(tap)["authorization"]
            authorization[field] = _flips(authorization[field])[bit]
            try:
                assert stage.authorize(tap.app, tap.body).e164 == tap.phone_number
            except HaomaError as error:
                faces.add(_face(error))
    assert len(faces) == 1
    assert "trust.cannot-open" in faces.pop()


@every_platform
def test_flipped_bits_of_a_sealed_reply_are_refused_alike(stage: Stage, platform: str) -> None:
    """Where a platform seals or signs its replies, any bit of ciphertext or signature, flipped, is one refusal."""
    source = random.Random(3)
    sealed = re.compile(rb'(?<=:")[A-Za-z0-9+/]{200,400}={0,2}(?=")')
    tried: dict[str, set[str]] = {}
    for scene in stage.mirrors[platform].scenes:
        if scene.expect != "ok":
            continue
        for _ in range(40):
            changed = False

            def flip(body: bytes) -> bytes:
                nonlocal changed
                found = sealed.search(body)
                if found is None:
                    return body
                changed = True
                raw = bytearray(base64.b64decode(found[0]))
                bit = source.randrange(8 * len(raw))
                raw[bit // 8] ^= 1 << bit % 8
                return body[: found.start()] + base64.b64encode(raw) + body[found.end() :]

            stage.forget()
            tap = stage.tap(platform, scene.name)
            stage.on_the_way = flip
            try:
                phone = stage.authorize(tap.app, tap.body)
            except HaomaError as error:
                assert changed
                tried.setdefault(f"{scene.name} {error.platform_code}", set()).add(_face(error))
            else:
                assert not changed, phone
                break
    assert all(len(faces) == 1 for faces in tried.values()), tried
    assert bool(tried) == (platform in {"alipay", "douyin", "wechat"})


# --- damaged and random bodies ---


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


def _twisted(source: random.Random, body: bytes) -> bytes:
    """Return JSON in which one value, at any depth, is another one or gone."""
    found = inner = json.loads(body)
    while True:
        name = source.choice(list(inner))
        if not isinstance(inner[name], dict) or not inner[name] or source.random() < 0.2:
            break
        inner = inner[name]
    inner[name] = source.choice(_JUNK)
    if inner[name] == "gone":
        del inner[name]
    return json.dumps(found).encode()


_JUNK: list[Any] = [
    "gone",
    None,
    True,
    0,
    1,
    -1,
    40029,
    10**40,
    0.5,
    "",
    "0",
    "1",
    "x",
    "86",
    "13800138000",
    "\ud800",
    [],
    ["x"],
    {},
]
_PIECES = [
    b'"', b"{", b"}", b"[", b"null", b"\\u0000", b"\\ud800", b'{"response":', b'"sign":null,', b'"code":1,',
    b'"code":"10000","mobile":"13900000000"', b"NaN", b"1e999", b"\xff", b"\xef\xbb\xbf", b"%7B", b"a=b&", b'"detail":{',
    b'"authorization":"', b'"login_code":"x",', b'"session":"x",', b" ", b"\n", b'"encryptedData":{},', b"9" * 400,
    b'"session_key":"AAAAAAAAAAAAAAAAAAAAAA==",', b'"errMsg":"getPhoneNumber:ok",', b'"iv":"AAAAAAAAAAAAAAAAAAAAAA==",',
]  # fmt: skip


def _texts(found: object) -> Iterator[str]:
    """Yield every text inside a mirror's memory."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for value in found.values():
            yield from _texts(value)
    elif is_dataclass(found):
        for each in fields(found):
            yield from _texts(getattr(found, each.name))


def _given(stage: Stage, platform: str, taps: list[Tap]) -> set[str]:
    """Return every number that may come out, also of scenes that fail for a reason that damage can remove."""
    found = {tap.phone_number for tap in taps}
    numbers = {text for text in _texts(vars(stage.mirrors[platform])) if re.fullmatch(r"\d{8,11}", text)}
    found |= {f"+{country_code}{number}" for number in numbers for country_code in ("86", "852")}
    if PLATFORMS[platform].find_offline:
        for tap in taps:
            with suppress(HaomaError):
                found.add(verify_offline(stage.apps[tap.app], _body(tap)["authorization"]).e164)
    return found


def _played(stage: Stage, platform: str) -> list[Tap]:
    taps = [stage.tap(platform, scene.name) for scene in stage.mirrors[platform].scenes]
    return [tap for tap in taps if tap.body]


@every_platform
def test_only_our_errors(stage: Stage, platform: str) -> None:
    """A hundred thousand damaged bodies (over all platforms) end in our errors, or in a number that was really sent."""
    source = random.Random(20261121)
    numbers: set[str] = set()
    outcomes: dict[str, int] = {}
    for turn in range(BODIES // len(PLATFORMS)):
        if turn % RENEWED == 0:
            stage.forget()
            taps = _played(stage, platform)
            apps = sorted({tap.app for tap in taps})
            numbers |= {tap.phone_number for tap in taps}
            seeds = [json.dumps(tap.body, ensure_ascii=False).encode() for tap in taps]
            seeds += [json.dumps(tap.event, ensure_ascii=False).encode() for tap in taps]
        body: Any = _damaged(source, seeds)
        try:
            phone = stage.authorize(source.choice(apps), body)
        except HaomaError as error:
            outcomes[error.code] = outcomes.get(error.code, 0) + 1
            continue
        if phone.e164 not in numbers:  # of a scene that fails: to look for it in all that was given takes long
            numbers |= _given(stage, platform, taps)
        assert phone.e164 in numbers, phone
        assert len(phone.checks) == len(CheckName)
        outcomes["ok"] = outcomes.get("ok", 0) + 1
    assert outcomes["ok"]
    assert len(outcomes) > 8, outcomes  # the damage reaches deep, not only the JSON parser


@every_platform
def test_damaged_replies(stage: Stage, platform: str) -> None:
    """Whatever becomes of a platform's replies on their way, what comes of it is a number or our error."""
    source = random.Random(8)
    good = [scene for scene in stage.mirrors[platform].scenes if scene.expect == "ok"]
    outcomes: dict[str, int] = {}
    stage.on_the_way = lambda body: source.choice((_damaged(source, [body]), _twisted(source, body), body))
    for _ in range(400):
        scene = source.choice(good)
        stage.forget()
        tap = stage.tap(platform, scene.name)
        try:
            stage.authorize(tap.app, tap.body)
        except HaomaError as error:
            outcomes[error.code] = outcomes.get(error.code, 0) + 1
    assert len(outcomes) > 1, outcomes  # some of it is still JSON


@every_platform
def test_random_bytes(stage: Stage, platform: str) -> None:
    """Bytes without any shape end in our errors on every platform."""
    source = random.Random(7)
    app = next(name for name, app in stage.apps.items() if app.platform == platform)
    for size in (*range(64), 1000, 40_000):
        with pytest.raises(HaomaError):
            stage.authorize(app, source.randbytes(size))


@pytest.mark.parametrize("junk", [None, 1, 1.5, [], [1], (), object(), {1: 2}, {"a": object()}, {"a": {1}}, b"", ""])
def test_wrong_types(stage: Stage, junk: Any) -> None:
    """Python objects that no front end can send end in our errors as well."""
    for app in stage.apps:
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


@every_platform
def test_the_desk_of_every_platform(stage: Stage, platform: str) -> None:
    """Whoever pastes a session_key where there is none, or an envelope where it is none, is told so, in our words."""
    sealed = {"encryptedData": "QUJD" * 16, "iv": "A" * 22 + "=="}
    envelope = json.loads(stage.mirrors["alipay"].envelope("ok"))  # type: ignore[attr-defined]
    for app in (app for app in stage.apps.values() if app.platform == platform):
        with pytest.raises(HaomaError) as caught:
            verify_with_session_key(app, sealed, "QUJDREVGR0hJSktMTU5PUA==", now=stage.now)
        assert caught.value.code == ("trust.cannot-open" if platform in SEALED else "config.no-offline-way")
        if PLATFORMS[platform].find_offline is None:
            with pytest.raises(NoOfflineWay):
                verify_offline(app, envelope)
