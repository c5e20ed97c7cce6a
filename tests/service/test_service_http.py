"""The routes, spoken to over a socket; the platforms behind them are the simulator's."""

import html
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection

import jwt
import pytest
from typer.testing import CliRunner

from haoma.cli import app as commands
from haoma.errors import BY_CODE
from haoma.simulator import Simulator
from haoma.words import text
from support.serving import Got, Serving

APP = "/v1/apps/alipay"
OTHER_SERVER_KEY = "another-server-key-0123456789abcdef"
BODY_SECONDS = 1.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    toml = simulator.settings_toml()
    toml = toml.replace("server_keys = [", f'body_seconds = {BODY_SECONDS}\nserver_keys = ["{OTHER_SERVER_KEY}", ', 1)
    # The same mini program again, for a front end that wants {code, msg, data}: another key, or it would be refused.
    toml = toml.replace("[apps.alipay-cert]", '[apps.alipay-cert]\nreply = "code-msg-data"')
    with Serving(tmp_path_factory.mktemp("service"), toml) as serving:
        yield serving


def refused(got: Got, status: int, code: str) -> None:
    """The answer is the RFC 9457 object of this code."""
    assert (got.status, got.json["code"], got.json["status"]) == (status, code, status)
    assert got.headers["content-type"] == "application/problem+json"
    assert got.headers["content-language"] in ("zh", "en")
    assert got.headers["cache-control"] == "no-store"
    assert got.json["request_id"] == got.headers["x-request-id"]
    assert {"type", "title", "next", "retry"} <= got.json.keys()


# --- the main job ---------------------------------------------------------------------------------------------------


def test_a_server_key_gets_the_whole_number(service: Serving, simulator: Simulator) -> None:
    """Envelope and login code in; number, subject and five checks out."""
    tap = simulator.tap("alipay", "ok")
    got = service.post(f"{APP}/phone-number", tap.body, simulator.server_key)
    assert got.status == 200
    assert got.json["phone_number"] == tap.phone_number
    assert got.json["subject"]["openid"]
    assert len(got.json["checks"]) == 5
    assert got.headers["content-type"] == "application/json"
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["login_code", "js_code", "authCode", "code", "phoneCode", "session", "Iv"])
def test_nothing_of_an_authorization_in_the_address(service: Serving, simulator: Simulator, name: str) -> None:
    """A login there would be dropped in silence, and addresses are logged: it is refused, and nothing is used up."""
    tap = simulator.tap("alipay", "ok")
    got = service.post(f"{APP}/phone-number?page=1&{name}=x", tap.body, simulator.server_key)
    refused(got, 400, "envelope.bad-field")
    assert got.json["because"]["field"] == f"query.{name}"
    got = service.post(f"{APP}/phone-number?page=1", tap.body, simulator.server_key)
    assert got.json["phone_number"] == tap.phone_number


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png", "application/json"])
def test_the_content_type_does_not_matter(service: Serving, simulator: Simulator, kind: str) -> None:
    """What a body is, is seen from its bytes."""
    tap = simulator.tap("alipay", "without-login")
    got = service.post(f"{APP}/phone-number", tap.body, simulator.server_key, Content_Type=kind)
    assert got.json["phone_number"] == tap.phone_number


def test_a_chunked_body_is_read(service: Serving, simulator: Simulator) -> None:
    """A body without a length arrives in pieces and is put together."""
    tap = simulator.tap("alipay", "without-login")
    body = json.dumps(tap.body).encode()
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:], b""))
    head = f"POST {APP}/phone-number HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    found = service.raw(f"{head}Authorization: Bearer {simulator.server_key}\r\n\r\n".encode() + chunks)
    assert found.startswith(b"HTTP/1.1 200")
    assert tap.phone_number.encode() in found


def test_forty_at_once_are_one_call(service: Serving, simulator: Simulator) -> None:
    """The same code forty times at the same moment is exchanged once, and everybody gets the same answer."""
    path = "/wxa/business/getuserphonenumber"
    before = simulator.calls["wechat"].get(path, 0)
    tap = simulator.tap("wechat", "ok")
    with ThreadPoolExecutor(40) as pool:
        answers = list(
            pool.map(
                lambda _: service.post(f"/v1/apps/{tap.app}/phone-number", tap.body, simulator.server_key), range(40)
            )
        )
    assert {answer.status for answer in answers} == {200}
    assert sorted(answer.json["repeated"] for answer in answers) == [False] + [True] * 39
    assert len({json.dumps({**answer.json, "repeated": None}) for answer in answers}) == 1
    assert simulator.calls["wechat"][path] == before + 1


def test_another_key_cannot_have_the_answer(service: Serving, simulator: Simulator) -> None:
    """The same request from another caller is refused: the code is used."""
    tap = simulator.tap("wechat", "ok")
    path = f"/v1/apps/{tap.app}/phone-number"
    assert service.post(path, tap.body, simulator.server_key).status == 200
    refused(service.post(path, tap.body, OTHER_SERVER_KEY), 409, "trust.already-used")


def test_login_gives_a_handle(service: Serving, simulator: Simulator) -> None:
    """A login code becomes a handle that stands for the login; only a server key is told who it is."""
    for key, told in ((simulator.server_key, True), (simulator.publishable_key, False)):
        tap = simulator.tap("alipay", "ok")
        got = service.post(f"{APP}/login", {"login_code": tap.login_code}, key)
        assert got.status == 200
        assert got.json["expires_in"] == 7200
        assert ("subject" in got.json) is told
        body = {**(tap.body or {}), "session": got.json["session"]}
        del body["login_code"]
        bound = service.post(f"{APP}/phone-number", body, simulator.server_key)
        assert bound.json["subject"]["openid"]


def test_a_refusal_speaks_both_languages(service: Serving, simulator: Simulator) -> None:
    """The same refusal in Chinese and in English, with its precise code and a remedy."""
    tap = simulator.tap("alipay", "tampered")
    titles = set()
    for lang in ("zh-CN,zh;q=0.9,en;q=0.5", "en"):
        got = service.post(f"{APP}/phone-number", tap.body, simulator.server_key, Accept_Language=lang)
        refused(got, 422, "trust.signature-mismatch")
        assert got.headers["content-language"] == lang[:2]
        assert got.json["remedy"]
        titles.add(got.json["title"])
    assert len(titles) == 2


def test_retry_after_is_said_when_it_helps(service: Serving, simulator: Simulator) -> None:
    """A busy platform is worth another try, later; a bad signature is not."""
    busy = simulator.tap("wechat", "rate-limit")
    got = service.post(f"/v1/apps/{busy.app}/phone-number", busy.body, simulator.server_key)
    refused(got, 429, "platform.rate-limited")
    assert int(got.headers["retry-after"]) > 0
    tampered = simulator.tap("alipay", "tampered")
    got = service.post(f"{APP}/phone-number", tampered.body, simulator.server_key)
    assert "retry-after" not in got.headers


# --- who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "simulator_server_", "Token abc"]
)
@pytest.mark.parametrize("what", ["phone-number", "login", "phone-number/reveal"])
def test_without_a_key(service: Serving, what: str, header: str | None) -> None:
    """No key, or none that is a bearer key: 401 with the challenge."""
    headers = {} if header is None else {"Authorization": header}
    got = service.ask("POST", f"{APP}/{what}", "{}", **headers)
    refused(got, 401, "caller.key-missing")
    assert got.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("key", ["x", "a" * 5000, OTHER_SERVER_KEY[:-1], OTHER_SERVER_KEY + "0", "sha256:" + "0" * 64])
def test_a_wrong_key(service: Serving, key: str) -> None:
    """A key that is none of the configured ones, a digest included."""
    got = service.post(f"{APP}/phone-number", {}, key)
    refused(got, 401, "caller.key-rejected")
    assert got.headers["www-authenticate"].startswith("Bearer")


def test_who_may_not_call_does_not_learn_which_apps_there_are(service: Serving) -> None:
    """Without a key an app that exists and one that does not look the same."""
    answers = [service.post(f"/v1/apps/{app}/phone-number", {}, "wrong") for app in ("alipay", "nobody")]
    for got in answers:
        refused(got, 401, "caller.key-rejected")


def test_an_unknown_app(service: Serving, simulator: Simulator) -> None:
    """With a key, an app that is not configured is said to be that."""
    refused(service.post("/v1/apps/nobody/phone-number", {}, simulator.server_key), 404, "caller.unknown-app")


# --- publishable keys -----------------------------------------------------------------------------------------------


def test_a_publishable_key_gets_a_token_and_the_server_reveals_it(service: Serving, simulator: Simulator) -> None:
    """The mini program sees the masked number; its back end, and nobody else, gets the whole one."""
    tap = simulator.tap("alipay", "ok")
    got = service.post(f"{APP}/phone-number", tap.body, simulator.publishable_key)
    assert got.status == 200
    assert "phone_number" not in got.json
    assert "national_number" not in got.json
    digits = tap.phone_number.removeprefix("+86")
    assert digits not in got.body.decode()

    key = jwt.PyJWKSet.from_json(service.ask("GET", "/.well-known/jwks.json").body.decode()).keys[0]
    claims = jwt.decode(got.json["token"], key, algorithms=["EdDSA"], audience="alipay", issuer="haoma")
    assert claims["masked"] == got.json["masked"]
    assert claims["sub"] == got.json["subject"]["openid"]
    assert claims["exp"] - claims["iat"] == 600
    assert digits not in json.dumps(claims)

    revealed = service.post(f"{APP}/phone-number/reveal", {"token": got.json["token"]}, simulator.server_key)
    assert revealed.status == 200
    assert revealed.json["phone_number"] == tap.phone_number
    assert revealed.json["checks"] == got.json["checks"]

    anonymous = service.post(f"{APP}/phone-number/reveal", {"token": got.json["token"]}, simulator.publishable_key)
    assert (anonymous.status, anonymous.json["code"]) == (403, "not-allowed")


def _next_letter(letter: str) -> str:
    """Return the letter of base64url that differs in the last bit, which is none of the 64 bytes of a signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


def test_a_changed_token_reveals_nothing(service: Serving, simulator: Simulator) -> None:
    """Another app's route, a changed payload or signature, and "alg": "none" are all the same refusal."""
    tap = simulator.tap("alipay", "without-login")
    token = service.post(f"{APP}/phone-number", tap.body, simulator.publishable_key).json["token"]
    head, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = [
        f"{head}.{payload[:-4]}AAAA.{signature}",
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        f"{head}.{payload}.",
        jwt.encode(claims, None, algorithm="none"),  # type: ignore[arg-type]
        jwt.encode(claims, "x" * 64, algorithm="HS256"),
        "x",
        "",
        "a.b.c",
        "é" * 2000,
    ]
    for each in forged:
        got = service.post(f"{APP}/phone-number/reveal", {"token": each}, simulator.server_key)
        refused(got, 422, "caller.token-unusable")
    for spelled in (
        token + "=", token + "==", f"{head}=.{payload}.{signature}", f"{head}.{payload}==.{signature}", token + "\n",
        f" {token}", f"{head}.{payload}.{signature[:-1]}{_next_letter(signature[-1])}", token + "A", token + ".",
        f"{head}.{payload}.{signature}" + "!", token.replace(".", "..", 1),
    ):  # fmt: skip
        got = service.post(f"{APP}/phone-number/reveal", {"token": spelled}, simulator.server_key)
        refused(got, 422, "caller.token-unusable")
    assert service.post(f"{APP}/phone-number/reveal", {"token": token}, simulator.server_key).status == 200
    other = service.post("/v1/apps/alipay-other/phone-number/reveal", {"token": token}, simulator.server_key)
    refused(other, 422, "caller.token-unusable")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "envelope.not-json"),
        (b"[]", "envelope.unknown-shape"),
        (b"{}", "envelope.missing-field"),
        (b'{"token":7}', "envelope.bad-field"),
        (b"\xff", "envelope.not-utf8"),
        (b"%7B%B4", "envelope.not-utf8"),
    ],
)
def test_a_reveal_without_a_token(service: Serving, simulator: Simulator, body: bytes, code: str) -> None:
    """What is not a token in a JSON object is malformed."""
    refused(service.post(f"{APP}/phone-number/reveal", body, simulator.server_key), BY_CODE[code].status, code)


@pytest.mark.parametrize("scene", ["tampered", "wrong-aes-key", "other-apps-envelope"])
def test_a_publishable_key_sees_one_refusal(service: Serving, simulator: Simulator, scene: str) -> None:
    """Whatever cannot be believed looks the same to the mini program, but for the request id."""
    tap = simulator.tap("alipay", scene)
    got = service.post(f"/v1/apps/{tap.app}/phone-number", tap.body, simulator.publishable_key, Accept_Language="zh")
    assert got.status == 422
    seen = {name: value for name, value in got.json.items() if name != "request_id"}
    assert seen == {
        "type": "about:blank",
        "title": text("problem", BY_CODE["trust.cannot-open"].public_code, "zh"),
        "status": 422,
        "code": "not-verified",
        "next": "ask-again",
        "retry": False,
    }
    assert service.logged(got)["code"] == tap.expect


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_large_body_is_refused(service: Serving, simulator: Simulator) -> None:
    """One byte more than 32 KiB, announced or in chunks, is refused; exactly 32 KiB is read."""
    key, path = simulator.server_key, f"{APP}/phone-number"
    refused(service.post(path, b" " * (32 * 1024 + 1), key), 413, "envelope.too-large")
    refused(service.post(path, b" " * (32 * 1024), key), 400, "envelope.not-json")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer {key}\r\n\r\n"
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    found = service.raw(head.encode() + chunk * 9, timeout=BODY_SECONDS + 2)
    assert found.startswith(b"HTTP/1.1 413")


def test_an_announced_large_body_is_refused_before_it_comes(service: Serving, simulator: Simulator) -> None:
    """The length alone is reason enough: not a byte of the body is waited for."""
    head = f"POST {APP}/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n"
    found = service.raw(f"{head}Authorization: Bearer {simulator.server_key}\r\n\r\n".encode(), timeout=30)
    assert found.startswith(b"HTTP/1.1 413")  # a body that is waited for, and does not come, is a 408


def test_a_body_that_drips_is_cut_off(service: Serving, simulator: Simulator) -> None:
    """A body of which a byte comes now and then is not waited for longer than the limit."""
    head = f"POST {APP}/phone-number HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(f"{head}Authorization: Bearer {simulator.server_key}\r\n\r\n".encode())
        connection.settimeout(0.15)
        found = b""
        while not found and time.monotonic() - start < 30:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                found = connection.recv(65536)
        while b"}" not in found and (piece := connection.recv(65536)):  # head and body may come one by one
            found += piece
    assert found.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - start > BODY_SECONDS * 0.9
    assert b"caller.too-slow" in found


# --- what is not a call ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods(service: Serving, method: str) -> None:
    """An authorization is sent with POST; a GET would leave it in logs."""
    got = service.ask(method, f"{APP}/phone-number")
    assert got.status == 405
    assert "POST" in got.headers["allow"]
    if method != "HEAD":
        refused(got, 405, "caller.wrong-method")


def test_other_methods_of_a_page(service: Serving) -> None:
    """The router's own 405 is a problem too."""
    got = service.ask("POST", "/healthz")
    refused(got, 405, "caller.wrong-method")
    assert "GET" in got.headers["allow"]


@pytest.mark.parametrize("path", ["/healthz", f"{APP}/phone-number"])
def test_options(service: Serving, path: str) -> None:
    """OPTIONS says what there is, and nothing about other origins: CORS is off."""
    got = service.ask("OPTIONS", path, Origin="https://evil.example", Access_Control_Request_Method="POST")
    assert got.status == 204
    assert got.headers["allow"]
    assert not [name for name in got.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/apps", "/v1/apps/", "/v1/apps/alipay", "/v1/apps/alipay/phone-number/reveal/x",
        "/v1/apps//phone-number/x", "/v2/apps/alipay/phone-number", "/schema", "/schema/openapi.json", "/errors/nope",
        "/errors/..%2f..%2fetc%2fpasswd", "/%00", "/%ff%fe", "/..;/metrics", "//healthz/x",
    ],
)  # fmt: skip
def test_an_unknown_path(service: Serving, path: str) -> None:
    """Everything else is a 404 problem."""
    refused(service.ask("GET", path), 404, "caller.unknown-route")


@pytest.mark.parametrize(
    "name",
    ["%00", "%f0%9f%98%80", "%e4%b8%ad", "..", "%2e%2e", "%0d%0aX-Injected:%201", "a" * 3000, "%27%20OR%201=1--", "*"],
)
def test_naughty_names_of_apps(service: Serving, simulator: Simulator, name: str) -> None:
    """A strange name is an unknown app or an unknown address, never a fault, and not in the log."""
    got = service.post(f"/v1/apps/{name}/phone-number", {}, simulator.server_key)
    assert got.status == 404
    assert "x-injected" not in got.headers
    assert service.logged(got)["app"] == ""


@pytest.mark.parametrize(
    "path",
    [
        "//v1/apps/alipay/phone-number", "/v1//apps/alipay/phone-number", "/v1/apps/alipay//phone-number",
        "/v1/apps/alipay/phone-number/", "/v1/apps/alipay/phone-number%2Freveal", "/v1/apps/alipay/phone-number/reveal/",
        "/v1/apps/alipay%2Fphone-number", "/v1/apps/%61lipay/phone-number", "/v1/apps/alipay/phone%2Dnumber",
        "/%761/apps/alipay/phone-number", "/v1/apps/alipay/./phone-number", "/v1/apps/x/../alipay/phone-number",
        "/V1/apps/alipay/phone-number", "/v1/apps/alipay/Phone-Number",
        "/v1/apps/alipay/phone-number;x", "/v1/apps/alipay/phone-number%00", "/v1/apps/alipay/phone-number%20",
        "/healthz/", "//healthz", "/%68ealthz", "/metrics/", "//metrics", "/metric%73", "/errors/trust.wrong%2Dapp",
        "/errors/trust.wrong-app/", "/errors//trust.wrong-app", "/docs/", "/openapi.json/", "/readyz/",
        "//v1/apps/wechat-component/callback", "/v1/apps/wechat-component/callback/",
        "/v1/apps%2Fwechat-component/callback", "/.well-known/jwks.json/", "/.well-known//jwks.json",
    ],
)  # fmt: skip
def test_a_path_has_one_spelling(service: Serving, simulator: Simulator, path: str) -> None:
    """A proxy that lets some paths through compares their spelling: no other one leads to the same place."""
    for method in ("GET", "POST"):
        got = service.ask(method, path, "{}", Authorization=f"Bearer {simulator.server_key}")
        assert (got.status, got.json["code"]) in ((404, "caller.unknown-route"), (404, "caller.unknown-app"))


def test_what_was_asked_for_is_not_remembered(service: Serving, simulator: Simulator) -> None:
    """Long paths of strangers, each another one, leave nothing in the memory."""

    def resident() -> float:
        found = re.search(
            r"^process_resident_memory_bytes (\S+)", service.ask("GET", "/metrics").body.decode(), re.MULTILINE
        )
        assert found is not None
        return float(found[1])

    service.ask("GET", "/errors/trust.wrong-app")
    before = resident()
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
        for number in range(300):
            connection.request("GET", f"/errors/{number}{'a' * 60_000}", headers={"Accept-Language": f"zh-{number}"})
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["code"]) == (404, "caller.unknown-route")
    assert resident() - before < 20e6
    long = service.post(f"/v1/apps/{'a' * 60_000}/phone-number", {}, simulator.server_key)
    refused(long, 404, "caller.unknown-route")


def test_two_authorization_headers(service: Serving, simulator: Simulator) -> None:
    """A proxy may have looked at the other one: neither counts, whichever is first."""
    right, wrong = f"Authorization: Bearer {simulator.server_key}\r\n", "Authorization: Bearer wrong\r\n"
    for headers in (right + wrong, wrong + right, right + right, right + "authorization:\r\n"):
        head = f"POST {APP}/phone-number HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
        found = service.raw(f"{head}{headers}\r\n{{}}".encode())
        assert found.startswith(b"HTTP/1.1 401")
        assert b"caller.key-rejected" in found


@pytest.mark.parametrize("second", ["Content-Length: 3", "Transfer-Encoding: chunked"])
def test_two_lengths(service: Serving, simulator: Simulator, second: str) -> None:
    """Where a body ends is said once."""
    head = f"POST {APP}/phone-number HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{second}\r\n"
    found = service.raw(f"{head}Authorization: Bearer {simulator.server_key}\r\n\r\n{{}}".encode())
    assert found.startswith(b"HTTP/1.1 400")
    assert found.count(b"HTTP/1.1") == 1


def test_two_request_ids(service: Serving) -> None:
    """Of two ids neither is taken over."""
    head = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    found = service.raw(f"{head}X-Request-Id: one\r\nX-Request-Id: two\r\n\r\n".encode())
    assert re.search(rb"x-request-id: [a-r]{32}\r\n", found)


@pytest.mark.parametrize("value", ["\x01", "é", "\xff" * 50, "zh;q=abc", "*;q=2", ",;,;=", "en;q=" + "9" * 4000])
@pytest.mark.parametrize("header", ["Accept-Language", "X-Request-Id", "Authorization", "Accept", "Content-Type"])
def test_naughty_headers(service: Serving, header: str, value: str) -> None:
    """Strange bytes in a header are a refusal of the caller at most."""
    data = f"POST {APP}/phone-number HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}: {value}\r\n"
    found = service.raw(data.encode("latin-1") + b"Content-Length: 0\r\n\r\n")
    assert re.match(rb"HTTP/1.1 4\d\d ", found)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'""', b"\x00", b"\xff\xfe", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 9000,
        b'{"response":' * 900, b'{"response":"","sign":""}', b'{"authorization":{"response":{}}}', b"a=b&c=d",
        b'{"login_code":7}', b'{"session":"\\ud800"}', b'"\\"{}\\""',
    ],
)  # fmt: skip
def test_malformed_bodies(service: Serving, simulator: Simulator, body: bytes) -> None:
    """Whatever is sent, the answer is a 4xx problem."""
    for what in ("phone-number", "login", "phone-number/reveal"):
        got = service.post(f"{APP}/{what}", body, simulator.server_key)
        assert 400 <= got.status < 500
        assert got.json["code"].startswith(("envelope.", "trust."))


# --- request ids, the other shape of answers, pages ------------------------------------------------------------------


def test_request_ids(service: Serving) -> None:
    """A sane id is taken over; one that could break a log or a header is replaced."""
    assert service.ask("GET", "/x", X_Request_Id="a.B-c_9").headers["x-request-id"] == "a.B-c_9"
    for insane in ("a b", "a" * 65, "", "a/b", "{}"):
        made = service.ask("GET", "/x", X_Request_Id=insane).headers["x-request-id"]
        assert re.fullmatch(r"[a-r]{32}", made)


def test_code_msg_data(service: Serving, simulator: Simulator) -> None:
    """An app can have the other habit: always 200, the code in the body, the problem as data."""
    tap = simulator.tap("alipay", "cert-ok")
    path = f"/v1/apps/{tap.app}/phone-number"
    got = service.post(path, tap.body, simulator.server_key)
    assert (got.status, got.json["code"], got.json["msg"]) == (200, 0, "ok")
    assert got.headers["cache-control"] == "no-store"
    assert got.json["data"]["phone_number"] == tap.phone_number
    got = service.post(path, {"nonsense": 1}, simulator.server_key)
    assert (got.status, got.json["code"]) == (200, 400)
    assert got.json["data"]["code"] == "envelope.missing-field"
    assert got.json["msg"] == got.json["data"]["title"]
    assert got.headers["cache-control"] == "no-store"
    assert service.logged(got)["status"] == 400


def test_the_other_habit_only_with_a_key(service: Serving) -> None:
    """Who may not call learns neither from code nor from form of the answer whether there is an app of that name."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        seen = set()
        for app in ("alipay", "alipay-cert", "nobody"):
            got = service.ask("POST", f"/v1/apps/{app}/phone-number", "{}", X_Request_Id="same", **headers)
            assert got.status == 401
            seen.add((got.body, tuple(sorted(pair for pair in got.headers.items() if pair[0] != "date"))))
        assert len(seen) == 1


def test_code_msg_data_is_for_front_ends(service: Serving) -> None:
    """Who pushes something to an app with the other habit is answered with a status."""
    refused(service.post("/v1/apps/alipay-cert/callback", b"<xml/>", ""), 422, "trust.cannot-open")


@pytest.mark.parametrize("query", ["", "?a=1&a=2", "?" + "&".join(f"a{n}=1" for n in range(30)), "?signature=x"])
def test_pushes_do_not_tell_which_apps_there_are(service: Serving, query: str) -> None:
    """Whoever cannot sign gets one answer for every name: of a third-party platform, of another app, of nobody."""
    seen = {
        service.post(f"/v1/apps/{app}/callback{query}", b"<xml/>", "", X_Request_Id="same").body
        for app in ("wechat-component", "wechat", "alipay-cert", "nobody")
    }
    assert len(seen) == 1
    assert json.loads(seen.pop())["code"] == "trust.cannot-open"


def test_health(service: Serving) -> None:
    """Both probes answer, to GET and to HEAD."""
    for path in ("/healthz", "/readyz"):
        assert service.ask("GET", path).status == 200
        head = service.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")


def test_no_banner(service: Serving) -> None:
    """No header tells a version."""
    got = service.ask("GET", "/healthz")
    assert not re.search(r"\d+\.\d+", got.headers.get("server", ""))
    assert "x-powered-by" not in got.headers


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pages(service: Serving, lang: str) -> None:
    """The documentation and the page of every code: one file each, in both languages, nothing from elsewhere."""
    pages = ["/docs", *(f"/errors/{code}" for code in ("trust.cannot-open", "platform.permission-missing"))]
    for path in pages:
        got = service.ask("GET", path, Accept="text/html", Accept_Language=lang)
        text = got.body.decode()
        assert got.status == 200
        assert got.headers["content-type"] == "text/html; charset=utf-8"
        assert got.headers["content-language"] == lang
        assert f'<html lang="{lang}">' in text
        assert "<script" not in text
        assert "src=" not in text
        assert "default-src 'none'" in got.headers["content-security-policy"]
    plain = service.ask("GET", "/errors/trust.cannot-open", Accept_Language=lang)
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    "code",
    ["alipay:40006", "alipay:40001/isv.missing-encrypt-key", "wechat:40029", "wechat:-1", "WeChat:40029", "40029"],
)
def test_a_platforms_own_code_has_a_page(service: Serving, lang: str, code: str) -> None:
    """It says what `haoma explain` says, as text and as HTML."""
    said = CliRunner().invoke(commands, ["explain", code, "--lang", lang]).output
    lines = [line for line in said.splitlines() if line]
    plain = service.ask("GET", f"/errors/{code}", Accept_Language=lang)
    assert (plain.status, plain.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    shown = service.ask("GET", f"/errors/{code}", Accept_Language=lang, Accept="text/html")
    assert (shown.status, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = html.unescape(re.sub(r"<[^>]*>", "", shown.body.decode()))
    for line in lines:
        words = (
            line.partition(": ")[2] or line
            if line.startswith(("Cause", "Remedy", "See", "Who acts", "原因", "办法", "参见", "该谁处理"))
            else line
        )
        assert words in plain.body.decode()
        assert words.replace("`", "") in text or words in shown.body.decode()


@pytest.mark.parametrize("code", ["alipay:1", "nobody:40029", ":", "alipay:", "alipay:40006/x", "wechat:40029/x/y"])
def test_a_code_of_nobody_has_no_page(service: Serving, code: str) -> None:
    """What no table has stays unknown."""
    refused(service.ask("GET", f"/errors/{code}"), 404, "caller.unknown-route")


def test_the_type_of_a_problem_is_a_page(service: Serving) -> None:
    """The address in ``type`` leads somewhere."""
    got = service.ask("GET", "/nope")
    assert service.ask("GET", got.json["type"]).status == 200


# --- metrics and log ------------------------------------------------------------------------------------------------


def test_metrics_hold_no_values(service: Serving, simulator: Simulator) -> None:
    """Labels are names of apps, platforms, codes and routes; nothing that was sent makes a new one."""
    service.post("/v1/apps/canary-app/phone-number", {}, simulator.server_key)
    service.ask("GET", "/canary-path?canary=1")
    service.ask("CANARY", "/healthz")
    text = service.ask("GET", "/metrics").body.decode()
    assert "canary" not in text.lower()
    labels = [line for line in text.splitlines() if line.startswith("haoma_requests_total{")]
    assert labels
    apps = {*simulator.stage.settings("http://x")["apps"], ""}
    routes = {
        "", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/.well-known/jwks.json", "/errors/{code}",
        "/v1/apps/{app}/phone-number", "/v1/apps/{app}/login", "/v1/apps/{app}/phone-number/reveal",
        "/v1/apps/{app}/callback",
    }  # fmt: skip
    for found in labels:
        label = dict(re.findall(r'(\w+)="([^"]*)"', found))
        assert label.keys() == {"app", "platform", "code", "route", "status"}
        assert label["app"] in apps
        assert label["code"] in {"", *BY_CODE}
        assert label["route"] in routes
        assert re.fullmatch(r"[2-5]xx", label["status"])


def test_a_line_per_request(service: Serving, simulator: Simulator) -> None:
    """The operator sees what exactly failed, where, and for whom."""
    tap = simulator.tap("alipay", "wrong-aes-key")
    got = service.post(f"{APP}/phone-number?secret=canary", tap.body, simulator.server_key)
    line = service.logged(got)
    assert line["event"] == "request"
    assert line["route"] == "/v1/apps/{app}/phone-number"
    assert (line["app"], line["platform"], line["status"]) == ("alipay", "alipay", 422)
    assert (line["code"], line["step"]) == ("trust.cannot-open", 5)
    assert line["diagnosis"]
    assert line["ms"] > 0
    assert re.fullmatch(r"[0-9a-f]{8}", line["caller"])


def test_a_platforms_own_code_is_logged(service: Serving, simulator: Simulator) -> None:
    """The code that the platform gave is in the line."""
    tap = simulator.tap("alipay", "40006")
    line = service.logged(service.post(f"{APP}/phone-number", tap.body, simulator.server_key))
    assert line["platform_code"].startswith("40006")


def test_the_log_holds_nothing_that_was_sent(service: Serving, simulator: Simulator) -> None:
    """Neither keys, codes, tokens and numbers, nor paths, queries, names and values of the caller's."""
    canary = "canary1234567890CANARY"
    sent = [canary, "13912345678", simulator.server_key, simulator.publishable_key, OTHER_SERVER_KEY]
    for scene in ("ok", "tampered", "used-login-code"):
        tap = simulator.tap("alipay", scene)
        sent += [tap.login_code, tap.phone_number.removeprefix("+86")]
        got = service.post(f"{APP}/phone-number", tap.body, simulator.publishable_key)
        sent += [got.json["token"]] if got.status == 200 else []
    for body in (
        {canary: canary, "13912345678": "13912345678"},
        {"code": canary, "msg": canary, "subCode": canary, "subMsg": "13912345678"},
        {"error": canary, "errorMessage": canary},
        {"response": canary, "sign": canary},
        {"login_code": canary, "response": canary},
        {"token": canary},
    ):
        for what in ("phone-number", "login", "phone-number/reveal"):
            service.post(f"{APP}/{what}?{canary}", body, simulator.server_key, X_Canary=canary, User_Agent=canary)
    service.ask("GET", f"/{canary}?{canary}", Authorization=f"Bearer {canary}")
    last = service.post(f"/v1/apps/{canary}/login", {}, simulator.server_key)
    service.logged(last)
    written = service.written() + service.ask("GET", "/metrics").body.decode()
    assert [value for value in sent if value and value in written] == []


ODD = ["", " ", ",", ";q=", "\\", '"', "é", "\x7f", "\t", "0", "-1", "9" * 40, "zh;q=nan", "en;q=-1", "*", "Bearer", "Bearer ",
       "Bearer \xff", "Basic !", "gzip, br", "bytes=0-", "a" * 4000, "application/json; charset=\xff", 'W/"x"']  # fmt: skip
CALLBACK = "/v1/apps/wechat-component/callback"
HEADERS = ["Accept", "Accept_Language", "Accept_Encoding", "Authorization", "Content_Type", "Content_Encoding", "Cookie",
           "Expect", "If_None_Match", "Origin", "Range", "X_Request_Id", "X_Forwarded_For", "Traceparent"]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_any_header(service: Serving, header: str) -> None:
    """Whatever is in a header: an answer or one of our refusals, and never an internal error."""
    for odd in ODD:
        for method, path in (("POST", f"{APP}/phone-number"), ("POST", CALLBACK), ("GET", "/healthz")):
            got = service.ask(method, path, b"{}", **{header: odd})
            assert got.status < 500, (header, odd, path, got)


QUERIES = ["", "?", "?timestamp", "?timestamp=1&timestamp=2", "?timestamp=%ff", "?timestamp=1790000000x", "?msg_signature=%C3%A9",
           "?msg_signature=" + "0" * 40 + "%C3%A9", "?nonce=%00", "?" + "a=1&" * 200, "?timestamp=" + "9" * 5000,
           "?msg_signature=%ED%A0%80", "?%ff=%ff", "?timestamp=%EF%BC%91", "?;;;&&&===", "?timestamp[]=1"]  # fmt: skip


@pytest.mark.parametrize("now", [False, True], ids=["as it is", "with the time"])
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:24])
def test_any_query_of_a_callback(service: Serving, query: str, now: bool) -> None:
    """From anybody, to the address of the pushes: refused, and never an internal error."""
    if now:
        query = f"{query or '?'}&timestamp={int(time.time())}"
    for body in (b"", b"<xml></xml>", b"<xml><Encrypt>AAAA</Encrypt></xml>", b"\xff\xfe", b"{}"):
        got = service.ask("POST", CALLBACK + query, body)
        assert 400 <= got.status < 500, (query, body, got)
