"""What is kept belongs to one app and one user: the same values of two of them, in one process, never meet.

Tokens, logins, sessions, session_keys, used codes and ciphertexts, and what a broken request leaves behind. The two
apps are asked with the very same codes, and get the very same openid, so that nothing but their own ids tells them
apart.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest

from haoma.authorize import log_in
from haoma.crypto.forging import forge_cbc, forge_rsa, forge_signature
from haoma.crypto.keys import parse_private_key
from haoma.errors import AlreadyUsed, CannotOpen, SessionUnknown, TimedOut
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.registry import PLATFORMS
from support.stage import Stage
from support.vector_cases import cases
from support.wire import Bench, configured

pytest_plugins = ["support.stage_fixtures"]

SECRET = "0123456789abcdef0123456789abcdef"
OPENID = "the-user"
CODE, LOGIN_CODE = "QUJDREVGR0hJSktMTU5PUA==", "the-login-code"
Answers = dict[str, Callable[[str], Any]]


def number_of(app_id: str) -> str:
    """Return a number that is this app's alone."""
    return "138" + f"{random.Random(app_id).randrange(10**8):08}"


def token_of(app_id: str) -> str:
    return f"token-of-{app_id}"


def union_of(app_id: str) -> str:
    return f"union-of-{app_id}"


def key_of(app_id: str, size: int = 16) -> str:
    """Return a session_key that is this app's alone."""
    return base64.b64encode(random.Random(app_id).randbytes(size)).decode()


@dataclass(frozen=True)
class Way:
    """A way in of a platform, over two apps that differ in their ids alone.

    Attributes:
        ids: The two ids.
        settings: What an app of an id is configured with.
        answers: What the platform replies to an app of an id, by path.
        sent: The authorization that the front end of an id sends.
        breaks: The path whose first call of each app breaks off, after the login.
        unions: Whether the platform gives a unionid.
        login: Whether a login code is sent along.
    """

    platform: str
    ids: tuple[str, str]
    settings: Callable[[str], dict[str, Any]]
    answers: Answers
    sent: Callable[[str], dict[str, Any]]
    breaks: str
    unions: bool = True
    login: bool = True

    def app(self, app_id: str) -> App:
        app = configured(self.platform, **self.settings(app_id))
        object.__setattr__(app, "name", f"shop-{self.ids.index(app_id)}")  # frozen, and `configured` has one name
        return app

    def body(self, app_id: str) -> dict[str, Any]:
        return {"login_code": LOGIN_CODE if self.login else None, "authorization": self.sent(app_id)}


@dataclass
class Platform:
    """The platform's side of both apps. Whose call it is, the call says: by an id, or by a token with the id in it."""

    way: Way
    broken: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, call: Call, _now: float) -> Answer:
        said = f"{call.query} {call.headers} {call.body!r}"
        named = [each for each in self.way.ids if each in said]
        assert len(named) == 1, f"a call that names {named}"
        self.calls.append((named[0], call.path))
        if call.path == self.way.breaks and named[0] in self.broken:
            self.broken.remove(named[0])
            raise TimedOut
        body = self.way.answers[call.path](named[0])
        return Answer(headers={"content-type": "application/json"}, body=json.dumps(body).encode())


def _alipay() -> Way:
    mirror = AlipayMirror(random.Random(1).randbytes)
    usual = mirror.settings("https://gateway.example")["alipay"]

    def aes(app_id: str) -> bytes:
        return random.Random(app_id).randbytes(16)

    def login(app_id: str) -> Any:
        node = {"access_token": "t", "open_id": OPENID, "union_id": union_of(app_id)}
        text = json.dumps(node)  # as `Platform` writes it
        return {"alipay_system_oauth_token_response": node, "sign": forge_signature(mirror.alipay_key, text)}

    @cache
    def envelope(app_id: str) -> dict[str, str]:
        plain = {"code": "10000", "msg": "Success", "mobile": number_of(app_id)}
        sealed = forge_cbc(aes(app_id), bytes(16), json.dumps(plain).encode())
        return {"response": sealed, "sign": forge_signature(mirror.alipay_key, f'"{sealed}"')}

    return Way(
        "alipay",
        ("2021000000000011", "2021000000000012"),
        lambda app_id: {
            **{name: text for name, text in usual.items() if name != "platform"},
            "app_id": app_id,
            "aes_key": base64.b64encode(aes(app_id)).decode(),
        },
        {"/gateway.do": login},
        envelope,
        breaks="/gateway.do",
    )


def _payload(app_id: str) -> dict[str, Any]:
    number = number_of(app_id)
    mark = {"appid": app_id, "timestamp": 1_800_000_000}
    return {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": mark}


def _sealed(app_id: str) -> dict[str, str]:
    key, iv = base64.b64decode(key_of(app_id)), b"i" * 16
    ciphertext = forge_cbc(key, iv, json.dumps(_payload(app_id)).encode())
    return {"encryptedData": ciphertext, "iv": base64.b64encode(iv).decode()}


def _wechat(*, accept_encrypted_data: bool) -> Way:
    return Way(
        "wechat",
        ("wx0000000000000001", "wx0000000000000002"),
        lambda app_id: {"app_id": app_id, "app_secret": SECRET, "accept_encrypted_data": accept_encrypted_data},
        {
            "/cgi-bin/stable_token": lambda app_id: {"access_token": token_of(app_id), "expires_in": 7200},
            "/wxa/business/getuserphonenumber": lambda app_id: {"errcode": 0, "phone_info": _payload(app_id)},
            "/sns/jscode2session": lambda app_id: {
                "openid": OPENID, "unionid": union_of(app_id), "session_key": key_of(app_id),
            },
        },
        _sealed if accept_encrypted_data else lambda _app_id: {"code": CODE},
        breaks="" if accept_encrypted_data else "/wxa/business/getuserphonenumber",
    )  # fmt: skip


def _douyin(*, accept_encrypted_data: bool) -> Way:
    key = next(case for case in cases("douyin") if case.name == "douyin/code-mainland").app["app_private_key"]

    def found(app_id: str) -> dict[str, Any]:
        raw = json.dumps(_payload(app_id), separators=(",", ":")).encode()
        data = forge_rsa(parse_private_key(key).public_key(), raw, lambda count: bytes(range(1, count + 1)))
        return {"err_no": 0, "err_msg": "", "log_id": "1", "data": data}

    def session(app_id: str) -> dict[str, Any]:
        ids = {"openid": OPENID, "anonymous_openid": "", "unionid": union_of(app_id)}
        return {"err_no": 0, "err_tips": "success", "log_id": "1", "data": {"session_key": key_of(app_id), **ids}}

    def token(app_id: str) -> dict[str, Any]:
        given = {"access_token": token_of(app_id), "description": "", "error_code": 0, "expires_in": 7200}
        return {"data": given, "message": "success"}

    return Way(
        "douyin",
        ("tt0000000000000001", "tt0000000000000002"),
        lambda app_id: {
            "app_id": app_id,
            "app_secret": "a" * 40,
            "app_private_key": key,
            "accept_encrypted_data": accept_encrypted_data,
        },
        {
            "/oauth/stable_client_token/": token,
            "/api/apps/v1/get_phonenumber_info/": found,
            "/api/apps/v2/jscode2session": session,
        },
        _sealed if accept_encrypted_data else lambda _app_id: {"code": CODE},
        breaks="" if accept_encrypted_data else "/api/apps/v1/get_phonenumber_info/",
    )


def _baidu(login: str) -> Way:
    def sealed(app_id: str) -> dict[str, str]:
        content = json.dumps({"mobile": number_of(app_id)}).encode()
        frame = bytes(16) + len(content).to_bytes(4) + content + app_id.encode()
        key = base64.b64decode(key_of(app_id, 24))
        return {"encryptedData": forge_cbc(key, bytes(16), frame, block=32), "iv": "A" * 22 + "=="}

    return Way(
        "baidu",
        ("a" * 32, "b" * 32),
        lambda app_id: {"app_key": app_id, "app_secret": SECRET, "login": login},
        {
            "/oauth/2.0/token": lambda app_id: {"access_token": token_of(app_id), "expires_in": 2592000},
            "/oauth/jscode2sessionkey": lambda app_id: {"openid": OPENID, "session_key": key_of(app_id, 24)},
            "/rest/2.0/smartapp/getsessionkey": lambda app_id: {
                "errno": 0, "data": {"open_id": OPENID, "session_key": key_of(app_id, 24)},
            },
        },
        sealed,
        breaks="",
        unions=False,
    )  # fmt: skip


def _kuaishou() -> Way:
    return Way(
        "kuaishou",
        ("ks0000000000000001", "ks0000000000000002"),
        lambda app_id: {"app_id": app_id, "app_secret": "a-secret-of-22-charact"},
        {
            "/oauth2/mp/code2session": lambda app_id: {
                "result": 1, "open_id": OPENID, "session_key": key_of(app_id),
            }
        },
        lambda app_id: {
            "encryptedData": forge_cbc(
                base64.b64decode(key_of(app_id)), bytes(16),
                json.dumps({"countryCode": "86", "phoneNumber": number_of(app_id)}).encode(),
            ),
            "iv": "A" * 22 + "==",
        },
        breaks="",
        unions=False,
    )  # fmt: skip


def _xiaohongshu() -> Way:
    def said(**data: Any) -> dict[str, Any]:
        return {"data": data, "success": True, "msg": "success", "code": 0}

    def sealed(app_id: str) -> dict[str, str]:
        content = {**_payload(app_id), "watermark": {"appId": app_id, "timestamp": 1_800_000_000}}
        key = base64.b64decode(key_of(app_id))
        return {"encryptedData": forge_cbc(key, bytes(16), json.dumps(content).encode()), "iv": "A" * 22 + "=="}

    return Way(
        "xiaohongshu",
        ("6" * 23 + "1", "6" * 23 + "2"),
        lambda app_id: {"app_id": app_id, "app_secret": SECRET},
        {
            "/api/rmp/token": lambda app_id: said(access_token=token_of(app_id), expire_in=7200),
            "/api/rmp/session": lambda app_id: said(openid=OPENID, session_key=key_of(app_id)),
        },
        sealed,
        breaks="",
        unions=False,
    )


def _huawei() -> Way:
    def found(app_id: str) -> dict[str, Any]:
        number = number_of(app_id)
        return {
            "openId": OPENID, "unionId": union_of(app_id), "phoneNumber": f"0086{number}", "phoneNumberValid": 1,
            "purePhoneNumber": number, "phoneCountryCode": "0086",
        }  # fmt: skip

    path = "/oauth2/v6/quickLogin/getPhoneNumber"
    return Way(
        "huawei",
        ("100000000000000001", "100000000000000002"),
        lambda app_id: {"client_id": app_id, "client_secret": SECRET},
        {path: found},
        lambda _app_id: {"code": CODE},
        breaks=path,
        login=False,
    )


def _huawei_by_scope() -> Way:
    user = "/rest.php"
    return Way(
        "huawei",
        ("100000000000000001", "100000000000000002"),
        lambda app_id: {"flow": "scope-phone", "client_id": app_id, "client_secret": SECRET},
        {
            "/oauth2/v3/token": lambda app_id: {
                "access_token": token_of(app_id), "refresh_token": "another", "expires_in": 3600,
            },
            user: lambda app_id: {
                "openID": OPENID, "unionID": union_of(app_id), "mobileNumber": number_of(app_id),
            },
        },
        lambda _app_id: {"code": CODE},
        breaks=user,
        login=False,
    )  # fmt: skip


def _dingtalk() -> Way:
    me = "/v1.0/contact/users/me"
    return Way(
        "dingtalk",
        ("ding0000000000000001", "ding0000000000000002"),
        lambda app_id: {"client_id": app_id, "client_secret": SECRET},
        {
            "/v1.0/oauth2/userAccessToken": lambda app_id: {
                "accessToken": token_of(app_id), "refreshToken": "another", "expireIn": 7200,
            },
            me: lambda app_id: {
                "mobile": number_of(app_id), "stateCode": "86", "openId": OPENID, "unionId": union_of(app_id),
            },
        },
        lambda _app_id: {"authCode": CODE.rstrip("=")},
        breaks=me,
        login=False,
    )  # fmt: skip


WAYS = {
    "alipay": _alipay(),
    "baidu": _baidu("v1"),
    "baidu by v2": _baidu("v2"),
    "dingtalk": _dingtalk(),
    "douyin": _douyin(accept_encrypted_data=False),
    "douyin, session_key flow": _douyin(accept_encrypted_data=True),
    "huawei": _huawei(),
    "huawei by scope": _huawei_by_scope(),
    "kuaishou": _kuaishou(),
    "wechat": _wechat(accept_encrypted_data=False),
    "wechat, session_key flow": _wechat(accept_encrypted_data=True),
    "xiaohongshu": _xiaohongshu(),
}
LOGGED_IN = [name for name, way in WAYS.items() if way.login]
SEALED = ["baidu", "baidu by v2", "douyin, session_key flow", "kuaishou", "wechat, session_key flow", "xiaohongshu"]


def test_every_platform_is_here() -> None:
    """A new platform needs a way in this file; one with session_keys, a sealed one."""
    assert {way.platform for way in WAYS.values()} == set(PLATFORMS)
    sealed = {name for name, platform in PLATFORMS.items() if platform.find_under_key}
    assert {WAYS[name].platform for name in SEALED} == sealed


# --- two apps


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("broken", [False, True], ids=["at once", "after a broken try"])
def test_two_apps_with_the_same_values(name: str, broken: bool) -> None:
    """The same codes, sent to two apps of one process: each gets its own number and user, with its own token.

    Also if the first try of each breaks off, and what it had got so far is taken up again.
    """
    way = WAYS[name]
    platform = Platform(way, set(way.ids) if broken else set())
    bench = Bench(platform)
    apps = {app_id: way.app(app_id) for app_id in way.ids}
    bodies = {app_id: way.body(app_id) for app_id in way.ids}
    if way.breaks and broken:
        for app_id, app in apps.items():
            assert bench.refused(app, bodies[app_id]).retry
        assert not platform.broken
    for _ in range(2):  # the second time it is a repeated request
        for app_id, app in apps.items():
            phone = bench.find(app, bodies[app_id])
            assert phone.e164 == f"+86{number_of(app_id)}"
            assert (phone.app, phone.subject and phone.subject.openid) == (app.name, OPENID)
            assert phone.subject is not None
            assert phone.subject.unionid == (union_of(app_id) if way.unions else "")
    assert {app_id for app_id, _ in platform.calls} == set(way.ids)


@pytest.mark.parametrize("name", WAYS)
def test_one_app_with_two_names(name: str) -> None:
    """What was used under one name of a platform's app is used under its other; no answer of one is the other's."""
    way = WAYS[name]
    app_id = way.ids[0]
    bench = Bench(Platform(way))
    one, other = way.app(app_id), replace(way.app(app_id), name="another-name")
    sent = way.body(app_id)
    assert bench.find(one, sent).app == one.name
    assert isinstance(bench.refused(other, sent), AlreadyUsed)
    sent = {**sent, "login_code": "another-login-code"} if way.login else sent
    if way.platform == "alipay":  # its envelope is the same for every grant
        assert bench.find(other, sent).app == other.name
    else:
        assert isinstance(bench.refused(other, sent), AlreadyUsed)


@pytest.mark.parametrize("name", WAYS)
def test_two_apps_of_one_name(name: str) -> None:
    """Two clients that share a memory each have an app that is called by its platform: neither has what the other has."""
    way = WAYS[name]
    bench = Bench(Platform(way))
    apps = {app_id: replace(way.app(app_id), name="shop") for app_id in way.ids}
    if way.login:
        handle, _ = bench.run(log_in(apps[way.ids[0]], {"login_code": LOGIN_CODE}, now=bench.now))
        sent = {"session": handle, "authorization": way.sent(way.ids[1])}
        assert isinstance(bench.refused(apps[way.ids[1]], sent), SessionUnknown)
    for app_id, app in apps.items():
        assert bench.find(app, way.body(app_id)).e164 == f"+86{number_of(app_id)}"


def test_one_ciphertext_under_one_session_key_of_two_apps() -> None:
    """Kuaishou's ciphertext names no app: that it was used by one app says nothing about another."""
    way = WAYS["kuaishou"]
    one, other = way.ids
    [(path, answer)] = way.answers.items()
    bench = Bench(Platform(replace(way, answers={path: lambda _app_id: answer(one)})))
    for app in (way.app(one), way.app(other)):
        assert bench.find(app, way.body(one)).e164 == f"+86{number_of(one)}"
        assert isinstance(bench.refused(app, way.body(one), "another caller"), AlreadyUsed)


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_a_code_and_a_ciphertext_of_one_text(platform: str) -> None:
    """They are two things: the one that was used does not use up the other."""
    way = WAYS[f"{platform}, session_key flow"]
    app_id = way.ids[0]
    app, sealed = way.app(app_id), way.sent(app_id)
    text = sealed["encryptedData"]
    for bodies in (({"code": text}, sealed), (sealed, {"code": text})):
        bench = Bench(Platform(way))
        for number, authorization in enumerate(bodies):
            body = {"login_code": f"login-{number}", "authorization": authorization}
            assert bench.find(app, body).e164 == f"+86{number_of(app_id)}"
            assert isinstance(bench.refused(app, body, "another caller"), AlreadyUsed)


@pytest.mark.parametrize("name", LOGGED_IN)
def test_a_session_of_another_app(name: str) -> None:
    """The handle that one app gave is unknown to every other, and good for its own."""
    way = WAYS[name]
    bench = Bench(Platform(way))
    one, other = (way.app(app_id) for app_id in way.ids)
    handle, _ = bench.run(log_in(one, {"login_code": LOGIN_CODE}, now=bench.now))
    bench.run(log_in(other, {"login_code": LOGIN_CODE}, now=bench.now))  # the other one knows the same user
    sent = {"session": handle, "authorization": way.sent(way.ids[1])}
    assert isinstance(bench.refused(other, sent), SessionUnknown)
    found = bench.find(one, {"session": handle, "authorization": way.sent(way.ids[0])})
    assert found.subject is not None
    assert found.subject.openid == OPENID


def test_a_session_key_of_another_app() -> None:
    """One openid in two apps: neither's session_key opens anything for the other. Kuaishou's ciphertext names no app."""
    way = WAYS["kuaishou"]
    bench = Bench(Platform(way))
    apps = {app_id: way.app(app_id) for app_id in way.ids}
    handles = {
        app_id: bench.run(log_in(app, {"login_code": LOGIN_CODE}, now=bench.now))[0] for app_id, app in apps.items()
    }
    for app_id, other in (way.ids, way.ids[::-1]):
        sent = {"session": handles[app_id], "authorization": way.sent(other)}
        assert isinstance(bench.refused(apps[app_id], sent), CannotOpen)


# --- two users


def _with_login(stage: Stage, platform: str) -> list[str]:
    """Return the scenes of a platform in which a login code is sent along, and all is well."""
    good = [scene.name for scene in stage.mirrors[platform].scenes if scene.expect == "ok"]
    return [name for name in good if "login_code" in (stage.tap(platform, name).body or {})]


def _subject(stage: Stage, app: str, body: Any) -> Any:
    found = stage.authorize(app, body)
    assert found.subject is not None
    return found.e164, found.subject


@pytest.mark.parametrize("platform", sorted({WAYS[name].platform for name in LOGGED_IN}))
def test_two_users_with_login_codes(stage: Stage, platform: str) -> None:
    """In one process no user's login answers for the request of another, neither at once nor in a repeated request."""
    scenes = _with_login(stage, platform)
    assert scenes
    for scene in scenes:
        stage.forget()
        taps = [stage.tap(platform, scene) for _ in range(3)]
        found = [_subject(stage, tap.app, tap.body) for tap in taps]
        assert [number for number, _ in found] == [tap.phone_number for tap in taps]
        assert len({subject for _, subject in found}) == 3, scene
        assert [_subject(stage, tap.app, tap.body) for tap in taps] == found


@pytest.mark.parametrize("name", [name for name in LOGGED_IN if WAYS[name].breaks and name != "alipay"])
def test_two_users_after_a_broken_try(name: str) -> None:
    """The login that a broken try leaves behind is for the same request alone."""
    way = WAYS[name]
    app_id = way.ids[0]
    app = way.app(app_id)
    platform = Platform(way, {app_id})
    login = next(path for path in way.answers if "jscode2session" in path)
    bench = Bench(platform)
    body = way.body(app_id)
    assert bench.refused(app, body).retry
    logins = platform.calls.count((app_id, login))
    other = {"login_code": "another-login-code", "authorization": {"code": "another-code"}}
    bench.find(app, other)
    assert platform.calls.count((app_id, login)) == logins + 1  # asked, not remembered
    bench.find(app, body)
    assert platform.calls.count((app_id, login)) == logins + 1  # remembered


@pytest.mark.parametrize("name", SEALED)
def test_a_users_session_key_opens_nothing_for_another(name: str) -> None:
    """What was sealed for one user is refused for every other of the same app, before and after it was opened."""
    way = WAYS[name]
    app_id = way.ids[0]
    app = way.app(app_id)
    users = {"one": app_id, "other": way.ids[1]}  # the other's session_key is another one

    @dataclass
    class Users(Platform):
        """Gives each login the user that the login code names."""

        user: str = "one"

        def answer(self, call: Call, now: float) -> Answer:
            answer = super().answer(call, now)
            changed = answer.body.replace(OPENID.encode(), f"user-{self.user}".encode())
            key, new = (key_of(each, 24 if way.platform == "baidu" else 16) for each in (app_id, users[self.user]))
            return Answer(headers=answer.headers, body=changed.replace(key.encode(), new.encode()))

    platform = Users(way)
    bench = Bench(platform)
    handles = {}
    for platform.user in users:
        handles[platform.user], login = bench.run(log_in(app, {"login_code": platform.user}, now=bench.now))
        assert login.subject.openid == f"user-{platform.user}"
    sealed = way.sent(app_id)
    assert isinstance(bench.refused(app, {"session": handles["other"], "authorization": sealed}), CannotOpen)
    assert bench.find(app, {"session": handles["one"], "authorization": sealed}).subject is not None
    refused = bench.refused(app, {"session": handles["other"], "authorization": sealed})
    assert isinstance(refused, AlreadyUsed | CannotOpen)
