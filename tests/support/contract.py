"""What every integration has to do alike: the requests of the contract. Each is sent to a running server.

`REQUESTS` are single requests with the answer that they must get. `SCENES` are what platforms say. `STORIES` are
functions that send several requests.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from haoma.errors import BY_CODE
from haoma.platforms.base.mirroring import Person
from haoma.platforms.base.mirroring import Tap as _Tap
from haoma.problem import problem
from support.service_process import Answer
from support.web_servers import Web

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PHONE, LOGIN = "/v1/apps/wechat/phone-number", "/v1/apps/wechat/login"
LIMIT = 32 * 1024
_HUGE = 1_000_000


def check(answer: Answer, status: int, code: str, *, lang: str = "en") -> None:
    """Check a refusal: its status, its public code, and that nothing else is told."""
    said = answer.json
    assert (answer.status, said.get("code")) == (status, code), (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == lang
    assert said.keys() <= {"type", "title", "status", "code", "next", "retry", "request_id", "dispute"}, said
    assert (said["type"], said["status"]) == ("about:blank", status)
    assert said["request_id"]


def masked(answer: Answer, tap: _Tap) -> dict[str, Any]:
    """Check an answer with a masked number, and return it."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json
    assert found["masked"][-4:] == tap.phone_number[-4:]
    assert tap.phone_number.removeprefix("+86").encode() not in answer.body
    assert not found.keys() & {"phone_number", "national_number", "country_code"}
    return found


# --- single requests


@dataclass(frozen=True)
class Request:
    """One request that is refused, and how."""

    name: str
    body: bytes = field(repr=False)
    status: int = 400
    code: str = "malformed"
    path: str = PHONE
    headers: dict[str, str] = field(default_factory=lambda: JSON)

    def run(self, web: Web) -> None:
        try:
            answer = web.request("POST", self.path, self.body, self.headers)
        except ConnectionError:  # a server may close before it has read all of a body that is refused
            if len(self.body) < _HUGE:
                raise
            return
        check(answer, self.status, self.code)


_WRONG: tuple[tuple[str, Any], ...] = (
    ("null", None),
    ("true", True),
    ("a number", 1),
    ("a float", 1.5),
    ("a list", []),
    ("a list of texts", ["0a1b2c"]),
    ("an object", {"a": 1}),
    ("an empty text", ""),
    ("a long text", "x" * 5000),
    ("a control character", "a\x00b"),
)
_ODD: tuple[tuple[str, bytes], ...] = (
    ("nothing", b""),
    ("blanks", b" \r\n\t"),
    ("null", b"null"),
    ("true", b"true"),
    ("a number", b"1"),
    ("a list", b"[]"),
    ("a list of objects", b'[{"code":"a"}]'),
    ("a text", b'"abc"'),
    ("an empty object", b"{}"),
    ("half an object", b'{"code":'),
    ("two objects", b'{"code":"a"}{"code":"b"}'),
    ("a comma too many", b'{"code":"a",}'),
    ("a name twice", b'{"code":"a","code":"b"}'),
    ("NaN", b'{"code":NaN}'),
    ("a byte order mark", b'\xef\xbb\xbf{"code":"a"}'),
    ("not UTF-8", b'{"code":"\xff\xfe"}'),
    ("UTF-16", '{"code":"a"}'.encode("utf-16")),
    ("half a surrogate", rb'{"code":"\ud800"}'),
    ("XML", b"<xml><code>a</code></xml>"),
    ("a form with a field twice", b"code=a&code=b"),
    ("a form with two logins", b"code=a&login_code=b&session=c"),
    ("two logins", b'{"code":"a","login_code":"b","session":"c"}'),
)

REQUESTS: tuple[Request, ...] = (
    *(
        Request(f"{name} in the address", b'{"code":"a"}', path=f"{path}?from=share&{name}=0a1b2c")
        for name in ("login_code", "js_code", "code", "session", "iv")
        for path in (PHONE, LOGIN)
    ),
    *(Request(f"the body is {name}", body) for name, body in _ODD),
    *(Request(f"authorization is {name}", json.dumps({"authorization": value}).encode()) for name, value in _WRONG),
    *(Request(f"code is {name}", json.dumps({"authorization": {"code": value}}).encode()) for name, value in _WRONG),
    *(
        Request(f"login_code is {name}", json.dumps({"code": "a", "login_code": value}).encode())
        for name, value in _WRONG[1:]
        if value != ""  # which is none
    ),
    *(
        Request(f"session is {name}", json.dumps({"code": "a", "session": value}).encode())
        for name, value in _WRONG[1:]
        if value != ""
    ),
    *(
        Request(f"consent is {name}", json.dumps({"code": "a", "consent": value}).encode())
        for name, value in _WRONG[1:6]
    ),
    *(Request(f"login: {name}", json.dumps({"login_code": value}).encode(), path=LOGIN) for name, value in _WRONG),
    Request("a multipart form", b'--x\r\nContent-Disposition: form-data; name="code"\r\n\r\na\r\n--x--\r\n',
            headers={"Content-Type": "multipart/form-data; boundary=x"}),
    Request("deep lists", b"[" * 2000 + b"]" * 2000, 413),
    Request("deep objects", b'{"a":' * 2000 + b"1" + b"}" * 2000, 413),
    Request("32 KiB and a byte", b'{"code":"' + b"a" * (LIMIT - 10) + b'"}', 413),
    Request("a megabyte", b"a" * _HUGE, 413),
    Request("an unknown app", b'{"code":"a"}', 404, "not-allowed", "/v1/apps/nobody/phone-number"),
    Request("an app of other letters", b'{"code":"a"}', 404, "not-allowed", f"/v1/apps/{quote('微信')}/phone-number"),
    Request("login of an unknown app", b'{"login_code":"a"}', 404, "not-allowed", "/v1/apps/nobody/login"),
    Request("a session that nobody has", b'{"code":"one-of-a-session","session":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}', 422,
            "expired"),
    Request("a dispute that nobody has", b'{"proofs":[]}', 404, "not-allowed", "/v1/disputes/nobody/join"),
    Request("join without proofs", b"{}", path="/v1/disputes/nobody/join"),
    Request("join with proofs that are none", b'{"proofs":[1]}', path="/v1/disputes/nobody/join"),
    Request("join with more", b'{"proofs":[],"more":1}', path="/v1/disputes/nobody/join"),
    Request("join with an unknown app", b'{"proofs":[{"app":"nobody","session":"a"}]}', 404, "not-allowed",
            "/v1/disputes/nobody/join"),
)  # fmt: skip

SCENES = (
    ("wechat", "denied"),
    ("wechat", "expired-code"),
    ("wechat", "used-code"),
    ("wechat", "other-apps-code"),
    ("wechat", "rate-limit"),
    ("wechat", "garbage-reply"),
    ("wechat", "reset-after-consumed"),
    ("wechat", "sealed-data-off"),
    ("wechat", "sealed-bit-flips"),
    ("wechat", "sealed-foreign-watermark"),
    ("kuaishou", "denied"),
    ("kuaishou", "without-login"),
    ("kuaishou", "bit-flips"),
    ("baidu", "own-session-key"),
    ("alipay", "tampered"),
    ("alipay", "no-sign"),
    ("alipay", "no-phone-bound"),
    ("alipay", "20000"),
    ("huawei", "no-phone"),
    ("huawei", "scope-not-granted"),
    ("huawei", "region"),
)
"""Platform and scene: one that is refused, for each public code and kind of refusal."""


def play(web: Web, platform: str, scene: str) -> None:
    """Play a scene, and check that its refusal is answered as its error says."""
    tap = web.tap(platform, scene)
    body = tap.body if tap.body is not None else tap.event
    answer = web.request("POST", f"/v1/apps/{tap.app}/phone-number", json.dumps(body), JSON)
    kind = BY_CODE[tap.expect]
    check(answer, kind.status, str(kind.public_code))
    assert answer.json["title"] == problem(kind(), anonymous=True)["title"]


# --- stories


def _post(web: Web, path: str, body: object, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes | str) else json.dumps(body)
    return web.request("POST", path, sent, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})


def every_platform(web: Web) -> None:
    """A number of every platform, masked for a mini program and in full for a back end."""
    for platform, scene in (
        ("wechat", "ok"), ("wechat", "sealed-ok"), ("kuaishou", "ok"), ("baidu", "ok"), ("alipay", "ok"),
        ("alipay", "without-login"), ("huawei", "ok"), ("huawei", "scope-ok"),
    ):  # fmt: skip
        tap = web.tap(platform, scene)
        found = masked(_post(web, f"/v1/apps/{tap.app}/phone-number", tap.body), tap)
        assert (found["platform"], found["app"], found["repeated"]) == (platform, tap.app, False)
        tap = web.tap(platform, scene)
        assert _post(web, f"/back/v1/apps/{tap.app}/phone-number", tap.body).number == tap.phone_number


def every_encoding(web: Web) -> None:
    """What front ends send, under whatever content type."""

    def fields(tap: _Tap) -> dict[str, str]:
        assert tap.body is not None
        return {"code": tap.body["authorization"]["code"], "login_code": tap.login_code}

    def as_json(tap: _Tap) -> str:
        return json.dumps(tap.body)

    encodings: tuple[tuple[Callable[[_Tap], str | bytes], str], ...] = (
        (as_json, "application/json"),
        (as_json, "application/json; charset=utf-8"),
        (as_json, "text/plain;charset=UTF-8"),
        (as_json, "application/x-www-form-urlencoded"),
        (as_json, "application/octet-stream"),
        (as_json, ""),
        (lambda tap: json.dumps(json.dumps(tap.body)), "application/json"),
        (lambda tap: quote(json.dumps(tap.body)), "application/x-www-form-urlencoded"),
        (lambda tap: urlencode(fields(tap)), "application/x-www-form-urlencoded"),
        (lambda tap: urlencode(fields(tap)), "application/json"),
        (lambda tap: json.dumps(fields(tap)), "application/json"),
        (lambda tap: json.dumps({"detail": tap.event, "loginCode": tap.login_code}), "application/json"),
    )
    for encode, kind in encodings:
        tap = web.tap()
        masked(web.request("POST", PHONE, encode(tap), {"Content-Type": kind} if kind else {}), tap)


def chunked(web: Web) -> None:
    """A body without a length, in pieces; one that is too large; and one with a login in the address."""
    tap = web.tap()
    body = json.dumps(tap.body).encode()
    head = f"POST {PHONE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    pieces = [b"%x\r\n%s\r\n" % (len(each), each) for each in (body[:1], body[1:40], body[40:])]
    got = web.raw(head, *pieces, b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200"), got
    assert tap.phone_number[-4:].encode() in got
    piece = b"%x\r\n%s\r\n" % (8192, b"a" * 8192)
    got = web.raw(head, piece * 6, b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 413"), got
    got = web.raw(head.replace(PHONE.encode(), f"{PHONE}?login_code=0a1b2c".encode()), *pieces, b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400"), got


def methods(web: Web) -> None:
    """Only POST; the framework answers the others, and paths that are none of ours."""
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert web.request(method, PHONE).status == 405
    for path in ("/v1/apps/wechat", "/v1/apps//phone-number", "/v1/apps/a/b/phone-number", "/v2/apps/wechat/login"):
        assert web.request("POST", path, b"{}").status == 404


def languages(web: Web) -> None:
    """The title is in the reader's language, and the id of the request is that of the proxy."""
    check(_post(web, PHONE, b"[]", Accept_Language="zh-CN,zh;q=0.9,en;q=0.5"), 400, "malformed", lang="zh")
    check(_post(web, PHONE, b"[]", Accept_Language="de;q=1,en;q=0.1,zh;q=0.05"), 400, "malformed")
    answer = _post(web, "/verified", b"[]", Accept_Language="zh", X_Request_ID="proxy-4711")
    check(answer, 400, "malformed", lang="zh")
    assert answer.json["request_id"] == "proxy-4711"
    for odd in ("a b", "x" * 65, "13800138000", "a,b"):
        assert _post(web, PHONE, b"[]", X_Request_ID=odd).json["request_id"] != odd


def back_end(web: Web) -> None:
    """A back end reads the precise code and the remedy."""
    answer = _post(web, "/back/v1/apps/wechat/phone-number", web.tap("wechat", "expired-code").body)
    assert (answer.status, answer.json["code"]) == (422, "platform.code-rejected")
    assert {"remedy", "platform_code", "detail"} <= answer.json.keys()
    tap = web.tap()
    found = _post(web, "/back/v1/apps/wechat/login", {"login_code": tap.login_code}).json
    assert found["subject"]["openid"]


def habit(web: Web) -> None:
    """Everything is {code, msg, data} with status 200, if a team wants it so."""
    tap = web.tap()
    answer = _post(web, "/habit/v1/apps/wechat/phone-number", tap.body)
    assert (answer.status, answer.json["code"], answer.json["msg"]) == (200, 0, "ok")
    assert answer.json["data"]["masked"][-4:] == tap.phone_number[-4:]
    for path, body, code in (
        ("wechat/phone-number", b"[]", 400), ("nobody/phone-number", b"{}", 404), ("wechat/login", b"{}", 400),
        ("wechat/phone-number", b"a" * (LIMIT + 1), 413),
    ):  # fmt: skip
        answer = _post(web, f"/habit/v1/apps/{path}", body)
        assert (answer.status, answer.json["code"], answer.json["data"]["status"]) == (200, code, code)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["msg"] == answer.json["data"]["title"]


def sessions(web: Web) -> None:
    """Log in first, and send the session with the authorization."""
    tap = web.tap("wechat", "sealed-ok")
    assert tap.body is not None
    found = _post(web, f"/v1/apps/{tap.app}/login", {"login_code": tap.login_code}).json
    assert found.keys() == {"session", "expires_in"}
    body = {"session": found["session"], "authorization": tap.body["authorization"]}
    phone = masked(_post(web, f"/v1/apps/{tap.app}/phone-number", body), tap)
    assert phone["account"]
    check(_post(web, f"/v1/apps/{tap.app}/login", {"login_code": tap.login_code}), 422, "expired")


def own_routes(web: Web) -> None:
    """The number as a dependency of the application's own route, whose mistakes stay its own."""
    tap = web.tap()
    assert _post(web, "/verified", tap.body).json["masked"][-4:] == tap.phone_number[-4:]
    check(_post(web, "/verified", b"[]"), 400, "malformed")
    check(_post(web, "/verified", b"a" * (LIMIT + 1)), 413, "malformed")
    check(_post(web, "/verified", web.tap("wechat", "expired-code").body), 422, "expired")
    answer = _post(web, "/boom", web.tap().body)
    assert answer.status == 500
    assert "problem" not in answer.headers["content-type"]
    check(_post(web, "/boom", b"[]"), 400, "malformed")


def forms(web: Web) -> None:
    """The application has read the form before; a field twice is refused, whichever one would count."""
    if not web.server.has_form:
        return
    tap = web.tap()
    assert tap.body is not None
    code = tap.body["authorization"]["code"]
    answer = web.request("POST", "/form", urlencode({"code": code, "login_code": tap.login_code}), FORM)
    assert answer.json["masked"][-4:] == tap.phone_number[-4:], answer.body
    assert answer.json["characters"] == len(code)
    check(web.request("POST", "/form", f"code={code}&code=other", FORM), 400, "malformed")


def double_tap(web: Web) -> None:
    """One number for two taps, one after the other and both at once; the platform is asked once."""
    tap = web.tap()
    before = web.calls()
    first, second = (masked(_post(web, PHONE, tap.body), tap) for _ in range(2))
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["account"] == second["account"]
    tap = web.tap()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: masked(_post(web, PHONE, tap.body), tap), range(8)))
    assert len({each["account"] for each in answers}) == 1
    assert sorted(each["repeated"] for each in answers) == [False] + [True] * 7
    assert web.calls() == before + 2


def callers(web: Web) -> None:
    """A request of a user is answered once more to that user alone, whatever address they have by then."""
    tap = web.tap()
    assert not masked(_post(web, PHONE, tap.body, X_User="anna"), tap)["repeated"]
    assert masked(_post(web, PHONE, tap.body, X_User="anna"), tap)["repeated"]
    for somebody_else in ({"X_User": "bella"}, {}):
        check(_post(web, PHONE, tap.body, **somebody_else), 409, "already-used")


def budgets(web: Web) -> None:
    """Who tries codes has to wait, and the platform is not asked; nobody else waits, and no header helps."""

    def guess(address: str, path: str = PHONE) -> Answer:
        code = "login_code" if path == LOGIN else "code"
        return _post(web, path, {code: secrets.token_hex(32)}, X_Forwarded_For=address)

    address = f"203.0.113.{secrets.randbelow(200)}"
    for path in (PHONE, LOGIN):
        for _ in range(60):  # each process counts alone
            if (answer := guess(address, path)).status == 429:
                break
            check(answer, 422, "expired")
        else:
            raise AssertionError("never refused")
    check(answer, 429, "try-later")
    assert answer.json["next"] == "retry-later"
    assert 1 <= int(answer.headers["retry-after"]) <= 600
    tap = web.tap()
    masked(_post(web, PHONE, tap.body), tap)
    # Who writes another address in front is not believed.
    found = {guess(f"198.51.100.{number}, {address}").status for number in range(5)}
    assert 429 in found


def crowd(web: Web) -> None:
    """Sixteen users at once; everybody gets their own number."""
    taps = [web.tap() for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for tap, answer in zip(taps, pool.map(lambda tap: _post(web, PHONE, tap.body), taps), strict=True):
            masked(answer, tap)


def users(web: Web) -> None:
    """The application's own user is found or created, once for a person, and logged in."""
    tap = web.tap()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _post(web, "/team/v1/apps/wechat/phone-number", tap.body), range(4)))
    assert {each.status for each in answers} == {200}, answers
    assert len({each.json["token"] for each in answers}) == 1
    assert answers[0].json["token"].startswith("token of u-")
    check(_post(web, "/team/v1/apps/wechat/phone-number", b"[]"), 400, "malformed")
    check(_post(web, "/team/v1/apps/nobody/phone-number", tap.body), 404, "not-allowed")
    assert _post(web, "/team/v1/apps/wechat/login", {"login_code": web.tap().login_code}).json["session"]


def takeover(web: Web) -> None:
    """A number joins accounts only where both platforms tie it to the login; else both sides have to be proven."""
    anna = Person(user="anna", number="13900139001")
    route = "/team/v1/apps/{}/phone-number"
    tap = web.tap("wechat", person=anna)
    first = _post(web, route.format(tap.app), tap.body).json
    assert first["link"] == "new"
    tap = web.tap("kuaishou", person=anna)
    second = _post(web, route.format(tap.app), tap.body).json
    assert second == {"token": first["token"], "link": "joined"}
    tap = web.tap("alipay", person=anna)
    answer = _post(web, route.format(tap.app), tap.body)
    check(answer, 409, "conflict")
    assert answer.json["next"] == "stop"
    dispute = answer.json["dispute"]
    join = f"/team/v1/disputes/{dispute}/join"
    thief, owner = web.tap("alipay"), web.tap("wechat", person=anna)
    stolen, proven = (
        _post(web, f"/v1/apps/{each.app}/login", {"login_code": each.login_code}).json["session"]
        for each in (thief, owner)
    )
    check(_post(web, join, {"proofs": [{"app": "wechat", "session": proven}]}), 403, "not-allowed")
    both = [{"app": "alipay", "session": stolen}, {"app": "wechat", "session": proven}]
    check(_post(web, join, {"proofs": both}), 403, "not-allowed")
    owned = web.tap("alipay", person=anna)
    session = _post(web, "/v1/apps/alipay/login", {"login_code": owned.login_code}).json["session"]
    joined = _post(web, join, {"proofs": [{"app": "alipay", "session": session}, both[1]]})
    assert joined.status == 200, joined.body
    assert first["token"] == f"token of u-{joined.json['account']}"
    again = web.tap("alipay", person=anna)
    assert _post(web, route.format(again.app), again.body).json == {"token": first["token"], "link": "linked"}
    check(_post(web, join, {"proofs": both}), 404, "not-allowed")


def hang_ups(web: Web) -> None:
    """Whoever leaves in the middle of a body harms nobody; whoever leaves before the answer gets it when they return."""
    tap = web.tap()
    body = json.dumps(tap.body).encode()
    head = f"POST {PHONE} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    web.raw(head, body[:20], answer=False)
    web.raw(head[:30], answer=False)
    before = web.calls()
    web.raw(head, body, answer=False)
    deadline = time.monotonic() + 5
    while web.calls() == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert masked(_post(web, PHONE, tap.body), tap)["account"]
    assert web.calls() == before + 1


def slow_senders(web: Web) -> None:
    """Somebody who sends a byte now and then keeps nobody else waiting."""
    with socket.create_connection(("127.0.0.1", web.port), 5) as connection:
        connection.sendall(f"POST {PHONE} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{{".encode())
        tap = web.tap()
        masked(_post(web, PHONE, tap.body), tap)


STORIES: tuple[Callable[[Web], None], ...] = (
    every_platform, every_encoding, chunked, methods, languages, back_end, habit, sessions, own_routes, forms,
    double_tap, callers, budgets, crowd, users, takeover, hang_ups, slow_senders,
)  # fmt: skip


def canaries(web: Web) -> None:
    """Nothing that the server wrote has a number, a code or a session of those that were sent."""
    written = web.printed
    assert len(web.secrets) > 20
    assert [secret for secret in web.secrets if secret.encode() in written] == []
