"""Laws of session_keys: over random logins, taps and replays, and where two apps or two users have the same key."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from haoma.authorize import log_in
from haoma.codecs import MOMENT
from haoma.crypto.forging import forge_cbc
from haoma.errors import AlreadyUsed, CannotOpen, HaomaError, NotProven, SessionUnknown
from haoma.io.blocking import World
from haoma.io.memory import Memory
from haoma.platforms.base.contract import App
from haoma.platforms.base.session_keys import newest_of, recall
from haoma.steps import Keep, Room, Shelf
from haoma.verified import CheckName
from support.wire import NOW, Bench, Given, configured

KEY = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
SETTINGS: dict[str, dict[str, Any]] = {
    "baidu": {"app_key": KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "xiaohongshu": {"app_id": "6" * 24, "app_secret": "a" * 32},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "accept_encrypted_data": True},
}
"""The platforms whose ciphertexts have no time in them that could be judged."""
ALL: dict[str, dict[str, Any]] = {
    **SETTINGS,
    "wechat": {"app_id": "wx0000000000000000", "app_secret": "a" * 32, "accept_encrypted_data": True},
}
OTHERS = {
    "baidu": {"app_key": KEY[::-1]},
    "kuaishou": {"app_id": "ks1111111111111111"},
    "douyin": {"app_id": "tt1111111111111111"},
    "xiaohongshu": {"app_id": "7" * 24},
    "wechat": {"app_id": "wx1111111111111111"},
}
"""What a second app has instead."""
PATHS = (
    "/oauth/jscode2sessionkey", "/oauth2/mp/code2session", "/api/apps/v2/jscode2session", "/sns/jscode2session",
    "/api/rmp/session",
)  # fmt: skip
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
SECONDS = 7200.0


@dataclass
class Used:
    """A ciphertext that was opened, and whether its session_key was forgotten since."""

    body: dict[str, str]
    key: bytes
    forgotten: bool = False


def _sealed(platform: str, key: bytes, source: random.Random, blanks: int = 0, app_id: str = "") -> dict[str, str]:
    app_id = app_id or ALL[platform].get("app_id", KEY)
    iv, mobile = source.randbytes(16), f"138{source.randrange(10**8):08}"
    members: dict[str, Any] = {"phoneNumber": mobile, "countryCode": "86"}
    if platform == "baidu":
        members = {"mobile": mobile}
    elif platform != "kuaishou":
        name = "appId" if platform == "xiaohongshu" else "appid"
        members |= {"purePhoneNumber": mobile, "watermark": {name: app_id, "timestamp": int(NOW)}}
    content = json.dumps(members).encode() + b" " * blanks
    if platform == "baidu":
        frame = source.randbytes(16) + len(content).to_bytes(4) + content + app_id.encode()
        ciphertext = forge_cbc(key, iv, frame, block=32)
    else:
        ciphertext = forge_cbc(key, iv, content)
    return {"encryptedData": ciphertext, "iv": base64.b64encode(iv).decode()}


def _logins(key: bytes, openid: str = "the-user") -> Given:
    """Answer every platform's login with this session_key."""
    found = {"openid": openid, "open_id": openid, "session_key": base64.b64encode(key).decode()}
    said = {"result": 1, "err_no": 0, "success": True, "code": 0}
    token = {"access_token": "a-token", "expire_in": 7200}
    return Given(
        {path: {**said, **found, "data": found} for path in PATHS} | {"/api/rmp/token": {**said, "data": token}}
    )


@pytest.mark.parametrize("platform", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_no_ciphertext_opens_twice_while_its_key_is_kept(platform: str, seed: int) -> None:
    """Whatever logins come between, with the same session_key or another, and however long it takes.

    And if the key was forgotten and a login has brought it again, nobody says that the ciphertext was used but once.
    """
    source = random.Random(seed)
    app = configured(platform, **SETTINGS[platform])
    keys = [source.randbytes(24 if platform == "baidu" else 16) for _ in range(3)]
    bench = Bench({})
    used: list[Used] = []
    session = ""
    refused = again = 0
    for _ in range(120):
        bench.now += source.random() * SECONDS / 2
        kept = [base64.b64decode(each.key.reveal()) for each in bench.run(recall(app, "the-user"))]
        for each in used:
            each.forgotten = each.forgotten or each.key not in kept
        if not kept or source.random() < 0.5:
            bench.side = _logins(source.choice(keys))
            session, login = bench.run(log_in(app, {"login_code": f"code-{bench.now}"}, now=bench.now))
            assert login.subject.openid == "the-user"
        else:
            key = source.choice(kept)
            body = _sealed(platform, key, source)
            bench.find(app, {"session": session, "authorization": body})
            used.append(Used(body, key))
        kept = [base64.b64decode(each.key.reveal()) for each in bench.run(recall(app, "the-user"))]
        for each in used:
            if not each.forgotten:
                error = bench.refused(app, {"session": session, "authorization": each.body}, "another caller")
                assert isinstance(error, AlreadyUsed)
                refused += 1
            elif each.key in kept:
                try:
                    phone = bench.find(app, {"session": session, "authorization": each.body}, "yet another")
                except AlreadyUsed:
                    continue
                assert not phone.proves(CheckName.ONE_TIME_USE)
                each.forgotten = False
                again += 1
    assert refused > 100
    assert again


@pytest.mark.parametrize("platform", SETTINGS)
def test_no_other_spelling_opens_what_was_used(platform: str) -> None:
    """The ciphertext is claimed as a text, so no second text may stand for the same bytes."""
    source = random.Random(7)
    app = configured(platform, **SETTINGS[platform])
    key = source.randbytes(24 if platform == "baidu" else 16)
    bench = Bench(_logins(key))
    session, _ = bench.run(log_in(app, {"login_code": "a-code"}, now=bench.now))
    lengths = set()
    for size in range(0, 192, 8):
        body = _sealed(platform, key, source, size)
        text = body["encryptedData"]
        bench.find(app, {"session": session, "authorization": body})
        lengths.add(text.count("="))
        bare = text.rstrip("=")
        others = [bare + "=" * more for more in range(5)]
        others += [text + "\n", text.replace("+", " "), text.replace("+", "-")]
        others += [bare[:-1] + last + text[len(bare) :] for last in ALPHABET]
        raw = base64.b64decode(text)
        for other in others:
            if base64.b64decode(other.replace("-", "+").replace(" ", "+").rstrip("=") + "==") != raw:
                continue  # other bytes: not another spelling
            sent = {"session": session, "authorization": body | {"encryptedData": other}}
            assert isinstance(bench.refused(app, sent, "another caller"), AlreadyUsed | CannotOpen), other
    assert lengths == {0, 1, 2}


def _bytes_of_a_key(platform: str, source: random.Random) -> bytes:
    return source.randbytes(24 if platform == "baidu" else 16)


def _two_apps(platform: str) -> tuple[App, App]:
    other = configured(platform, **{**ALL[platform], **OTHERS[platform]})
    return configured(platform, **ALL[platform]), replace(other, name="another")


def _log_in(bench: Bench, app: App, key: bytes, openid: str = "the-user") -> str:
    bench.side = _logins(key, openid)
    session, _ = bench.run(log_in(app, {"login_code": f"code-{app.name}-{openid}-{bench.now}"}, now=bench.now))
    return session


def _junk(source: random.Random) -> dict[str, str]:
    """Something that opens under no key, and is another thing each time."""
    parts = {"encryptedData": source.randbytes(96), "iv": source.randbytes(16)}
    return {name: base64.b64encode(each).decode() for name, each in parts.items()}


@pytest.mark.parametrize("platform", ALL)
def test_one_key_in_two_apps(platform: str) -> None:
    """Two apps, one memory, one session_key: tries are counted apart, and nothing of one is the other's."""
    source = random.Random(11)
    one, two = _two_apps(platform)
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    sessions = {app.name: _log_in(bench, app, key) for app in (one, two)}
    for app, other in ((one, two), (two, one)):
        sent = {"session": sessions[other.name], "authorization": _sealed(platform, key, source, app_id=app.app_id)}
        assert isinstance(bench.refused(app, sent), SessionUnknown)
    for _ in range(3):
        assert isinstance(
            bench.refused(one, {"session": sessions[one.name], "authorization": _junk(source)}), CannotOpen
        )
    burnt = bench.refused(one, {"session": sessions[one.name], "authorization": _sealed(platform, key, source)})
    assert burnt.diagnosis == "tries"
    sent = {"session": sessions[two.name], "authorization": _sealed(platform, key, source, app_id=two.app_id)}
    assert bench.find(two, sent).app == two.name


@pytest.mark.parametrize("platform", ALL)
def test_what_cannot_be_a_ciphertext_costs_no_try(platform: str) -> None:
    """Whoever sent it can count its bytes himself, so that he learns nothing; a front end that cuts them locks nobody out."""
    source = random.Random(27)
    app = configured(platform, **ALL[platform])
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    session = _log_in(bench, app, key)
    for ciphertext, iv in ((96, 15), (96, 17), (95, 16), (97, 16)) * 2:
        parts = {"encryptedData": source.randbytes(ciphertext), "iv": source.randbytes(iv)}
        wrong = {name: base64.b64encode(each).decode() for name, each in parts.items()}
        error = bench.refused(app, {"session": session, "authorization": wrong})
        assert isinstance(error, CannotOpen)
        assert (error.diagnosis, error.step) == ("length", 3)
    assert bench.find(app, {"session": session, "authorization": _sealed(platform, key, source)}).e164


@pytest.mark.parametrize("platform", [name for name in ALL if name != "kuaishou"])
def test_what_is_sealed_for_one_app_does_not_open_in_another(platform: str) -> None:
    """Not even under the same session_key. Kuaishou's message names no app; its checks say so."""
    source = random.Random(12)
    one, two = _two_apps(platform)
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    body = _sealed(platform, key, source, app_id=one.app_id)
    sent = {"session": _log_in(bench, two, key), "authorization": body}
    assert isinstance(bench.refused(two, sent), CannotOpen)
    assert bench.find(one, {"session": _log_in(bench, one, key), "authorization": body}).proves(CheckName.APP_BINDING)


@pytest.mark.parametrize("platform", ALL)
def test_one_key_of_two_users(platform: str) -> None:
    """Two users, one memory, one session_key: each result names who is logged in, and a ciphertext is used once."""
    source = random.Random(13)
    app = configured(platform, **ALL[platform])
    key, newer = _bytes_of_a_key(platform, source), _bytes_of_a_key(platform, source)
    bench = Bench({})
    sessions = {user: _log_in(bench, app, key, user) for user in ("first", "second")}
    for user, session in sessions.items():
        body = _sealed(platform, key, source)
        phone = bench.find(app, {"session": session, "authorization": body})
        assert phone.subject is not None
        assert phone.subject.openid == user
        for other in sessions.values():
            again = bench.refused(app, {"session": other, "authorization": body}, "another caller")
            assert isinstance(again, AlreadyUsed)
    # What one user's logins bring is not the other's.
    _log_in(bench, app, newer, "first")
    sent = {"session": sessions["second"], "authorization": _sealed(platform, newer, source)}
    assert isinstance(bench.refused(app, sent), CannotOpen)


@pytest.mark.parametrize("platform", SETTINGS)
def test_a_key_that_comes_again_proves_no_one_time_use(platform: str) -> None:
    """A login brings a session_key back when its ciphertexts are forgotten: the result says so, `require` refuses.

    At that very moment, too.
    """
    source = random.Random(14)
    app = configured(platform, **SETTINGS[platform])
    strict = replace(app, policy=replace(app.policy, require=frozenset({CheckName.ONE_TIME_USE})))
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    used = _sealed(platform, key, source)
    assert bench.find(strict, {"session": _log_in(bench, strict, key), "authorization": used}).e164
    bench.now += app.policy.code_seconds
    assert isinstance(bench.refused(app, {"session": "gone", "authorization": used}), SessionUnknown)
    for body in (used, _sealed(platform, key, source)):
        error = bench.refused(strict, {"session": _log_in(bench, strict, key), "authorization": body})
        assert isinstance(error, NotProven)
        assert error.because["not_proven"] == "one-time-use"
    phone = bench.find(app, {"session": _log_in(bench, app, key), "authorization": _sealed(platform, key, source)})
    check = next(each for each in phone.checks if each.name is CheckName.ONE_TIME_USE)
    assert not check.proven
    assert "older" in check.how
    # It is the key that is old: another one, and another user's same one, are not.
    newer = _bytes_of_a_key(platform, source)
    for user, brought in (("the-user", newer), ("another-user", key)):
        sent = {"session": _log_in(bench, strict, brought, user), "authorization": _sealed(platform, brought, source)}
        assert bench.find(strict, sent).proves(CheckName.ONE_TIME_USE)


@pytest.mark.parametrize("platform", ALL)
def test_a_login_whose_key_is_gone_asks_for_a_new_login(platform: str) -> None:
    """The session lives and its session_key does not: log in again, which is not what a failed opening says."""
    source = random.Random(15)
    app = configured(platform, **ALL[platform])
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    if platform == "wechat":  # logged in while encrypted data was not accepted, when no key is kept
        session = _log_in(bench, replace(app, accept_encrypted_data=False), key)  # type: ignore[call-arg]
    else:  # the same key for longer than any is kept
        for _ in range(3):
            session = _log_in(bench, app, key)
            bench.now += app.policy.session_seconds - 100
    sent = {"session": session, "authorization": _sealed(platform, key, source)}
    error: HaomaError = bench.refused(app, sent)
    assert isinstance(error, SessionUnknown)
    assert (error.step, dict(error.because)) == (2, {"expired": "session_key"})


@pytest.mark.parametrize("platform", ALL)
def test_the_newest_key_is_that_of_the_last_login(platform: str) -> None:
    """Of the two that are kept, the platform has the last one."""
    source = random.Random(16)
    app = configured(platform, **ALL[platform])
    bench = Bench({})
    for _ in range(3):
        key = _bytes_of_a_key(platform, source)
        _log_in(bench, app, key)
        assert base64.b64decode(bench.run(newest_of(app, "the-user")).reveal()) == key


@pytest.mark.parametrize("platform", ALL)
def test_two_keys_are_kept(platform: str) -> None:
    """The newest first; a login that brings the newest once more drops none."""
    source = random.Random(22)
    app = configured(platform, **ALL[platform])
    first, second, third = (_bytes_of_a_key(platform, source) for _ in range(3))
    bench = Bench({})
    for key in (first, second, third, third):
        _log_in(bench, app, key)
        bench.now += 1
    kept = bench.run(recall(app, "the-user"))
    assert [base64.b64decode(each.key.reveal()) for each in kept] == [third, second]


@pytest.mark.parametrize("platform", SETTINGS)
def test_where_no_key_can_be_remembered_nothing_is_proven_under_it(platform: str) -> None:
    """A login goes on when the shelf of proofs is full, and its ciphertexts are not called one-time."""
    source = random.Random(17)
    app = configured(platform, **ALL[platform])
    key = _bytes_of_a_key(platform, source)
    bench = Bench({})
    memory = Memory(cap=32, now=lambda: bench.now, wall=lambda: bench.now)
    bench.world = World(bench.world.http, memory)
    filler = Shelf("filler", Room.PROOFS, MOMENT)
    for number in range(5 * 32):
        memory.answer(Keep(filler.place(app.scope, str(number)), 1.0, 9e9))
    sent = {"session": _log_in(bench, app, key), "authorization": _sealed(platform, key, source)}
    assert not bench.find(app, sent).proves(CheckName.ONE_TIME_USE)


@pytest.mark.parametrize("platform", SETTINGS)
@pytest.mark.parametrize("away", [-1, 0])
def test_a_key_ends_with_its_time(platform: str, away: float) -> None:
    """To the moment, though the key of a later login keeps the two together."""
    source = random.Random(21)
    app = configured(platform, **ALL[platform])
    key, newer = _bytes_of_a_key(platform, source), _bytes_of_a_key(platform, source)
    bench = Bench({})
    _log_in(bench, app, key)
    bench.now += 100
    session = _log_in(bench, app, newer)
    bench.now = NOW + app.policy.session_seconds + away
    assert bench.find(app, {"session": session, "authorization": _sealed(platform, newer, source)}).e164
    sent = {"session": session, "authorization": _sealed(platform, key, source)}
    if away < 0:
        assert bench.find(app, sent).e164
    else:
        assert isinstance(bench.refused(app, sent), CannotOpen)


def test_a_key_whose_age_does_not_count_is_no_proof() -> None:
    """Where ciphertexts have their time in them, logins leave nothing on the shelf that forgets nothing."""
    app = configured("wechat", **ALL["wechat"])
    bench = Bench({})
    memory = Memory(cap=1, now=lambda: bench.now, wall=lambda: bench.now)  # there is room for five proofs
    bench.world = World(bench.world.http, memory)
    for number in range(5):
        _log_in(bench, app, bytes(15) + bytes([number]))
    memory.answer(Keep(Shelf("filler", Room.PROOFS, MOMENT).place(app.scope, "a proof"), 1.0, 60))


def test_three_failures_count_for_three_days() -> None:
    """To the second, however often the same key is brought by a login in between."""
    source = random.Random(18)
    app = configured("kuaishou", **ALL["kuaishou"])
    key = _bytes_of_a_key("kuaishou", source)
    bench = Bench({})
    session = _log_in(bench, app, key)
    for _ in range(3):
        wrong = _sealed("kuaishou", source.randbytes(16), source)
        assert bench.refused(app, {"session": session, "authorization": wrong}).diagnosis != "tries"
    bench.now += 3 * 86_400 - 1
    sent = {"session": _log_in(bench, app, key), "authorization": _sealed("kuaishou", key, source)}
    assert bench.refused(app, sent).diagnosis == "tries"
    bench.now += 1
    again = {"session": _log_in(bench, app, key), "authorization": _sealed("kuaishou", key, source)}
    assert bench.find(app, again).e164


@pytest.mark.parametrize(("away", "proven"), [(-1, False), (0, True)])
def test_that_a_key_was_seen_is_remembered_for_a_month(away: float, proven: bool) -> None:
    """For a month longer than what was used under it; after that it counts as new."""
    source = random.Random(19)
    app = configured("kuaishou", **ALL["kuaishou"])
    key = _bytes_of_a_key("kuaishou", source)
    bench = Bench({})
    _log_in(bench, app, key)
    bench.now += app.policy.code_seconds + 30 * 86_400 + away
    sent = {"session": _log_in(bench, app, key), "authorization": _sealed("kuaishou", key, source)}
    assert bench.find(app, sent).proves(CheckName.ONE_TIME_USE) is proven


@pytest.mark.parametrize("platform", ALL)
def test_a_new_key_has_its_own_time(platform: str) -> None:
    """It lives as long as any, whenever the one before it came."""
    source = random.Random(20)
    app = configured(platform, **ALL[platform])
    bench = Bench({})
    for _ in range(3):
        key = _bytes_of_a_key(platform, source)
        _log_in(bench, app, key)
        bench.now += app.policy.session_seconds - 1
        kept = bench.run(recall(app, "the-user"))
        assert base64.b64decode(kept[0].key.reveal()) == key
