"""The parts of the service: language, log, tokens, CORS, faults, documents."""

import asyncio
import base64
import gc
import io
import json
import logging
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haoma import authorization
from haoma.errors import BY_CODE, HaomaError, KeyMissing, KeyRejected, TokenUnusable
from haoma.language import negotiate
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.registry import PLATFORMS
from haoma.service import create_app
from haoma.service.app import Application
from haoma.service.callers import Callers
from haoma.service.observe.log import Foreign, make_logger, stack
from haoma.service.pages.account_paths import DESCRIBED
from haoma.service.pages.openapi import document
from haoma.service.tokens import SECONDS, Tokens
from haoma.settings.model import Settings
from haoma.settings.reader import from_mapping

KEY = "server-key-0123456789abcdefghij"
SECOND = "second-key-0123456789abcdefghij"
PUBLIC = "publishable-key-0123456789abcdef"
NUMBER = "13800138000"


def settings(**service: Any) -> Settings:
    app = {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef" * 2}
    return from_mapping({"apps": {"shop": app}, "service": {"server_keys": [KEY], **service}})


def call(
    app: Any,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    query: str = "",
) -> tuple[int, dict[str, str], bytes]:
    """Call an ASGI application as a server would; ``receive`` is for a server that fails."""
    sent: list[dict[str, Any]] = []
    pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "headers": pairs,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip

    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive or whole, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-US,en;q=0.9,zh;q=0.8", "en"), ("fr", "en"),
        ("zh;q=0.2, en;q=0.1", "zh"), ("zh;q=0", "en"), ("*", "en"), ("zh-Hant-TW", "zh"), ("ZH-cn", "zh"),
        ("zh,en", "zh"), ("en,zh", "en"), ("fr, zh;q=0.1", "zh"), ("zh;q=2", "en"), ("zh;q=x", "en"),
        ("zh;q=0.5, *;q=0.8", "en"), ("zh" + " " * 500, "en"), (";;,,", "en"), ("zh;q=nan", "en"),
    ],
)  # fmt: skip
def test_language(header: str, lang: str) -> None:
    """Chinese for those who prefer it, English for everybody else."""
    assert negotiate(header.encode()) == lang


def test_the_log_masks_what_it_should_never_have_been_given() -> None:
    """Values under telling names, numbers of the mainland and long base64 are masked wherever they stand."""
    stream = io.BytesIO()
    make_logger(stream).info(
        "event " + NUMBER,
        code="trust.cannot-open",
        session_key="abc",
        phone=NUMBER,
        nested={"app_secret": "s", "fine": "x", "deep": [{"openid": "o"}]},
        text=f"number {NUMBER}, key {'A' * 44}=",
        count=int(NUMBER),
        strange=object(),
        request_id="a" * 64,
    )
    line = json.loads(stream.getvalue())
    assert line["code"] == "trust.cannot-open"
    assert line["session_key"] == line["phone"] == line["count"] == line["strange"] == "***"
    assert line["nested"] == {"app_secret": "***", "fine": "x", "deep": [{"openid": "***"}]}
    assert line["text"] == "number ***, key ***"
    assert line["request_id"] == "a" * 64
    assert NUMBER not in stream.getvalue().decode()


@pytest.mark.parametrize(
    "number",
    [
        NUMBER, f"86{NUMBER}", f"+86{NUMBER}", f"+86 {NUMBER}", f"+86-{NUMBER}", f"0086{NUMBER}", f"0086-{NUMBER}",
        f"86 {NUMBER}", "+86 138 0013 8000", "+85251234567", "+852 5123 4567", "+1-202-555-0123", "+6421234",
        "+491512345678901",
    ],
)  # fmt: skip
def test_the_log_masks_a_number_however_it_is_written(number: str) -> None:
    """With the country's code or without, spaced or not, at home or abroad: of its last digits nothing is written."""
    stream = io.BytesIO()
    make_logger(stream).info("event", alone=number, inside=f"to {number}.", listed=[f'"{number}"'])
    line = json.loads(stream.getvalue())
    assert line["inside"] in ("to ***.", "to 86***.", "to 0086***.", "to 86 ***.", "to 0086-***.")
    assert number[-4:] not in line["alone"] + line["inside"] + line["listed"][0]


@pytest.mark.parametrize("number", [int(NUMBER), int(f"86{NUMBER}"), float(NUMBER)])
def test_the_log_masks_a_number_that_is_a_count(number: float) -> None:
    """A number is no safer for having lost its quotes."""
    stream = io.BytesIO()
    make_logger(stream).info("event", count=number)
    assert json.loads(stream.getvalue())["count"] == "***"


@pytest.mark.parametrize(
    "value",
    [
        1_800_000_000, 1_800_000_000.125, 1_800_000_000_123, 1_800_000_000_123_456_789, 13.25, 0.000123456789,
        "1800000000", "1800000000123", "2027-01-15T08:00:00.123+08:00", "20270115T080000+0800", "+0800", "+00:00",
        "12.5 ms", "2088012345678901", "2021000000000000", "0a1b2c3d4e5f60718293", "65b8c6a1-1d2e3f4a-5b6c7d8e",
        "21398765432100", "+12345678901234567890", "1.2.3+4", "1e+12", "10000-40006",
    ],
)  # fmt: skip
def test_the_log_leaves_what_is_no_number_of_a_phone(value: object) -> None:
    """Times, durations, codes and ids are what a log is read for."""
    stream = io.BytesIO()
    make_logger(stream).info("event", value=value)
    assert json.loads(stream.getvalue())["value"] == value


def test_a_lone_surrogate_does_not_stop_the_log() -> None:
    """Text that is not UTF-8 is written all the same."""
    stream = io.BytesIO()
    make_logger(stream).info("event", text="\ud800")
    assert json.loads(stream.getvalue())["text"] == "'\\ud800'"


def test_a_log_that_cannot_be_written_fails_nobody() -> None:
    """A closed stream is no reason to fail."""
    stream = io.BytesIO()
    logger = make_logger(stream)
    stream.close()
    logger.info("event")


def test_records_of_other_libraries_lose_their_arguments(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The template of a foreign record is kept; its arguments and its exception's words are not."""
    handler = Foreign()
    try:
        raise ValueError(NUMBER)  # noqa: TRY301
    except ValueError as error:
        exc_info = (ValueError, error, error.__traceback__)
    handler.emit(logging.LogRecord("x", logging.ERROR, "f", 1, "sent %s", ("canary",), exc_info))
    line = json.loads(capfdbinary.readouterr().err)
    assert (line["event"], line["exception"]) == ("sent %s", "ValueError")
    assert line["traceback"]


def test_a_stack_has_no_words_and_no_variables() -> None:
    """Where it happened and what kind of exception, nothing else."""
    canary = "canary-in-a-variable"
    try:
        try:
            raise KeyError(canary)  # noqa: TRY301
        except KeyError as cause:
            raise ValueError(canary) from cause
    except ValueError as error:
        kinds, frames = stack(error)
    assert kinds == "ValueError < KeyError"
    assert canary not in "".join(frames)


def test_a_token_expires() -> None:
    """After ten minutes a token reveals nothing."""
    tokens = Tokens([Ed25519PrivateKey.generate()])
    whole: dict[str, object] = {"phone_number": "+86" + NUMBER}
    import time

    now = time.time()
    assert tokens.reveal("shop", tokens.issue("shop", whole, {}, now)) == whole
    with pytest.raises(TokenUnusable):
        tokens.reveal("shop", tokens.issue("shop", whole, {}, now - SECONDS - 1))


@pytest.mark.parametrize(
    ("subject", "sub"),
    [
        ({"openid": "o", "user_id": "2088"}, "o"),
        ({"openid": "o"}, "o"),
        ({"user_id": "2088"}, "2088"),
        ({"unionid": "u"}, None),
        (None, None),
    ],
)
def test_a_token_names_its_user(subject: dict[str, str] | None, sub: str | None) -> None:
    """By the openid, or by the user_id where a platform gives no other; without a login it names nobody."""
    import jwt

    token = Tokens([Ed25519PrivateKey.generate()]).issue("shop", {}, {"subject": subject}, 1_800_000_000)
    claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
    assert claims.get("sub") == sub
    assert "subject" not in claims


def test_a_sealed_part_cannot_be_moved() -> None:
    """What one token keeps is worth nothing inside another, even one that is signed: not of the same app, nor of one."""
    import time

    import jwt

    key = Ed25519PrivateKey.generate()
    tokens = Tokens([key])
    first, second = (tokens.issue("shop", {"phone_number": each}, {}, time.time()) for each in ("+861", "+862"))
    claims = [jwt.decode(each, options={"verify_signature": False}) for each in (first, second)]
    for app, moved in (
        ("shop", {"sealed": claims[1]["sealed"]}),
        ("other", {"aud": "other"}),
        ("shop", {"aud": ["shop"]}),
    ):
        mixed = jwt.encode({**claims[0], **moved}, key, algorithm="EdDSA", headers={"kid": next(iter(tokens.keys))})
        with pytest.raises(TokenUnusable):
            tokens.reveal(app, mixed)


def test_a_token_to_the_letter() -> None:
    """What is in it, and how it is sealed, read by other means: other versions and other workers have to agree."""
    import hashlib
    import time

    import jwt

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    tokens = Tokens([key])
    whole: dict[str, object] = {"phone_number": "+86" + NUMBER}
    now = int(time.time())
    token = tokens.issue("shop", whole, {"masked": "+86 138****8000", "subject": {"openid": "o"}}, now + 0.5)
    (public,) = json.loads(tokens.jwks)["keys"]
    assert (public["kty"], public["crv"], public["use"], public["alg"]) == ("OKP", "Ed25519", "sig", "EdDSA")
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": public["kid"], "typ": "JWT"}
    thumbprint = json.dumps({name: public[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    assert base64url(public["kid"]) == hashlib.sha256(thumbprint.encode()).digest()
    assert base64url(public["x"]) == key.public_key().public_bytes_raw()

    claims = jwt.decode(token, options={"verify_signature": False})
    token_id, sealed = claims.pop("jti"), base64url(claims.pop("sealed"))
    assert len(base64url(token_id)) == 16
    assert claims == {
        "masked": "+86 138****8000",
        "sub": "o",
        "iss": "haoma",
        "aud": "shop",
        "iat": now,
        "exp": now + 600,
    }
    sealing_key = HKDF(SHA256(), 32, salt=None, info=b"haoma session token: sealed result, v1")
    cipher = AESGCM(sealing_key.derive(key.private_bytes_raw()))
    assert json.loads(cipher.decrypt(sealed[:12], sealed[12:], f"{token_id}|shop".encode())) == whole


def base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@pytest.mark.parametrize("length", [8192, 8193])
def test_a_token_has_a_length(length: int) -> None:
    """One that is longer than any of ours is refused, however well it is signed."""
    import time

    import jwt

    key = Ed25519PrivateKey.generate()
    tokens = Tokens([key])
    claims = jwt.decode(tokens.issue("shop", {"a": 1}, {}, time.time()), options={"verify_signature": False})
    kid = {"kid": next(iter(tokens.keys))}
    short = len(jwt.encode({**claims, "more": ""}, key, algorithm="EdDSA", headers=kid))
    sizes = ((length - short) * 3 // 4 - 3 + each for each in range(7))  # base64 has lengths that no text has
    sized = (
        jwt.encode({**claims, "more": "a" * size}, key, algorithm="EdDSA", headers={**typ, **kid})
        for size in sizes
        for typ in TYPES
    )
    token = next(each for each in sized if len(each) == length)
    if length > 8192:
        with pytest.raises(TokenUnusable):
            tokens.reveal("shop", token)
    else:
        assert tokens.reveal("shop", token) == {"a": 1}


TYPES: list[dict[str, object]] = [{"typ": "JWT" + "x" * more} for more in range(3)]


def test_a_token_has_one_spelling() -> None:
    """No padding, and no bits to spare: a list of tokens that were taken back has to hold."""
    import string
    import time

    tokens = Tokens([Ed25519PrivateKey.generate()])
    token = tokens.issue("shop", {}, {}, time.time())
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    twin = token[:-1] + letters[letters.index(token[-1]) ^ 1]  # 64 bytes leave four bits of the last letter
    for each in (token + "=", token + "==", token.replace(".", "=.", 1), twin):
        with pytest.raises(TokenUnusable):
            tokens.reveal("shop", each)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([f"Bearer {KEY}"], True), ([f"bearer {KEY}"], True), ([f" BEARER   {KEY} "], True), ([f"Bearer {PUBLIC}"], False),
        ([f"Bearer {SECOND}"], True), ([], KeyMissing), ([""], KeyMissing), (["Bearer"], KeyMissing), (["Bearer "], KeyMissing),
        ([f"Basic {KEY}"], KeyMissing), ([KEY], KeyMissing), ([f"Bearer{KEY}"], KeyMissing), ([f"Bearer {KEY}x"], KeyRejected),
        ([f"Bearer {KEY[:-1]}"], KeyRejected), ([f"Bearer {KEY} {KEY}"], KeyRejected), ([f"Bearer {KEY}"] * 2, KeyRejected),
        ([f"Bearer {KEY}", ""], KeyRejected), (["", f"Bearer {KEY}"], KeyRejected),
    ],
)  # fmt: skip
def test_who_calls(sent: list[str], expected: bool | type[HaomaError]) -> None:
    """A configured key in the one header, whatever the case of ``Bearer``; and what it may see."""
    callers = Callers(settings(server_keys=[KEY, SECOND], publishable_keys=[PUBLIC]).service)
    headers = [each.encode() for each in sent]
    if isinstance(expected, bool):
        found = callers.recognise(headers)
        assert found.trusted is expected
        digest = repr(found.digest)[2:-1]
        assert digest not in repr(found)
        assert found.id in repr(found)
    else:
        with pytest.raises(expected):
            callers.recognise(headers)


SHOP, EVIL = "https://shop.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
EVERYWHERE = [
    ("POST", "/v1/apps/shop/login", {"authorization": f"Bearer {KEY}"}), ("POST", "/v1/apps/shop/login", {}),
    ("PUT", "/v1/apps/shop/login", {}), ("POST", "/v1/apps/shop/callback", {}), ("POST", "/v1/apps/shop/nothing", {}),
    ("GET", "/healthz", {}), ("GET", "/.well-known/jwks.json", {}), ("GET", "/docs", {}), ("GET", "/openapi.json", {}),
    ("GET", "/errors/trust.cannot-open", {}), ("GET", "/nowhere", {}), ("GET", "//nowhere", {}),
    ("OPTIONS", "/v1/apps/shop/login", PREFLIGHT), ("OPTIONS", "/docs", PREFLIGHT), ("OPTIONS", "/nowhere", PREFLIGHT),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "sent"), EVERYWHERE)
def test_cors_adds_headers_and_nothing_else(method: str, path: str, sent: dict[str, str]) -> None:
    """Exactly the configured origins are let in, wherever they ask; status and body are those of a service without."""
    plain, open_ = Application(settings()), Application(settings(cors_origins=[SHOP]))
    for origin in (SHOP, EVIL, None):
        asked = {**sent, "x-request-id": "same", **({"origin": origin} if origin else {})}
        status, before, body = call(plain, method, path, b"{", asked)
        assert not [name for name in before if name.startswith("access-control")]
        after_status, after, after_body = call(open_, method, path, b"{", asked)
        assert (after_status, after_body) == (status, body)
        added = {name: after[name] for name in after.keys() - before.keys() - {"vary"}}
        assert before.items() - {("vary", before.get("vary"))} <= after.items()
        assert added.pop("access-control-allow-origin", None) == (SHOP if origin == SHOP else None)
        preflight = {f"access-control-{name}" for name in ("allow-methods", "allow-headers", "max-age")}
        named = preflight if method == "OPTIONS" else set()
        assert added.keys() == ({"access-control-expose-headers", *named} if origin == SHOP else set())
        # What a cache may keep is kept for each origin, and for each of what the answer depends on without CORS.
        varies = set(filter(None, before.get("vary", "").split(", ")))
        cached = bool(origin) or "public" in before.get("cache-control", "")
        assert set(filter(None, after.get("vary", "").split(", "))) == (varies | {"origin"} if cached else varies)


@pytest.mark.parametrize("origins", [[], ["https://shop.example"]], ids=["without CORS", "with CORS"])
def test_a_mistake_of_ours_leaks_nothing(origins: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """An exception that nobody expected is a 500 without a word about it; the log says where, without its words."""

    async def broken() -> dict[str, Any]:
        raise RuntimeError("canary " + NUMBER)

    ask = {"authorization": f"Bearer {KEY}", "accept-language": "zh"}
    app = Application(settings(cors_origins=origins))
    status, headers, body = call(app, "POST", "/v1/apps/shop/phone-number", headers=ask, receive=broken)
    problem = json.loads(body)
    assert (status, problem["code"], headers["content-type"]) == (500, "internal.fault", "application/problem+json")
    written = capfdbinary.readouterr().err.decode()
    line = json.loads(written.splitlines()[-1])
    assert line["request_id"] == problem["request_id"] == headers["x-request-id"]
    assert line["exception"] == "RuntimeError"
    assert any("broken" in frame for frame in line["traceback"])
    for leak in ("canary", NUMBER, "RuntimeError"):
        assert leak not in body.decode()
    assert "canary" not in written


ALIPAY = ("alipay", "alipay-cert", "alipay-merchant")


@pytest.mark.parametrize("sent", ["xml", "json", "form", "none"])
def test_a_push_takes_the_same_work_for_every_name(sent: str) -> None:
    """What a stranger posts is read alike for an app that takes pushes, for others, and for those that are not there.

    Calls of functions are counted, not time.
    """
    component = {
        "platform": "wechat", "app_id": "wx1e029a8a3f415b02", "component_app_id": "wx41f35a41d63d4f08",
        "component_app_secret": "0123456789abcdef" * 2, "component_token": "12d54e15b55d3ade",
        "component_aes_key": "a" * 43,
        "authorizer_refresh_token": "refreshtoken@@@4e72071c3e0c1bcc8f07f39fe59c422f",
    }  # fmt: skip
    own = {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef" * 2}
    pushed = {**own, "app_id": "wx0123456789abcdea", "push_token": "token", "push_aes_key": "a" * 43}
    plain = {**own, "app_id": "wx0123456789abcdeb", "push_token": "token"}
    other = {"platform": "kuaishou", "app_id": "ks650000000000000001", "app_secret": "0123456789abcdefABCDEF"}
    mirror = AlipayMirror(random.Random(1).randbytes).settings("https://x.example")
    alipay = {name: mirror[name] for name in ALIPAY}
    apps = {"component": component, "own": own, "pushed": pushed, "plain": plain, "other": other, **alipay}
    service = Application(from_mapping({"apps": apps, "service": {"server_keys": [KEY]}}))
    now = int(time.time())
    body = {
        "xml": b"<xml>" + b"".join(b"<a%d>x</a%d>" % (each, each) for each in range(140)) + b"</xml>",
        "json": b'{"Encrypt": "x", "a": [[[[[1]]]]]}',
        "form": b"&".join(b"a%d=%%41" % each for each in range(18)) + b"&sign=" + b"A" * 344,
        "none": b"",
    }[sent]
    query = f"timestamp={now}&nonce=1&msg_signature={'0' * 40}&signature={'0' * 40}&echostr=1"

    def work(name: str) -> int:
        counted = Counter[str]()
        gc.disable()  # what it would call is not of this work
        sys.setprofile(lambda _frame, event, _argument: counted.update([event]))
        try:
            assert call(service, "POST", f"/v1/apps/{name}/callback", body, query=query)[0] == 422
        finally:
            sys.setprofile(None)
            gc.enable()
        return counted["call"] + counted["c_call"]

    names = (*apps, "nobody")
    assert all(work(name) for name in names)  # what is made with the first request is there
    # What only happens now and then, as the time of a line in the log, is not of this work either.
    found = {name: min(work(name) for _ in range(4)) for name in names}
    assert max(found.values()) - min(found.values()) < 60, found


def test_create_app_logs_the_warnings(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Who brings a server of their own sees the warnings in the log."""
    app = create_app(settings(publishable_keys=["publishable-key-0123"]))
    assert "config.signing-key-ephemeral" in capfdbinary.readouterr().err.decode()
    assert call(app, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_shows_what_its_front_end_sends(platform: str) -> None:
    """Each example is read as what it is, and stands in the document with a line of its own in both languages."""
    zh, en = (
        {
            path.rpartition("/")[2]: item["post"]["requestBody"]["content"]["application/json"]["examples"]
            for path, item in document(lang)["paths"].items()
            if "requestBody" in item.get("post", {})
        }
        for lang in ("zh", "en")
    )
    shown = [(route, name) for route, named in en.items() for name in named if name.startswith(f"{platform}-")]
    assert "phone-number" in {route for route, _ in shown}
    for route, name in shown:
        sent = authorization.read(json.dumps(en[route][name]["value"]))
        assert (route == "login") == (sent.login_code is not None and not sent.claimed)
        assert zh[route][name]["value"] == en[route][name]["value"]
        assert re.search("[一-鿿]", zh[route][name]["summary"])
        assert not re.search("[一-鿿]", en[route][name]["summary"])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_openapi_is_the_service(lang: str) -> None:
    """Every path of the document answers by its method, every reference leads somewhere, every refusal has a code."""
    app = Application(settings())
    found = json.loads(call(app, "GET", "/openapi.json", headers={"accept-language": lang})[2])
    assert found == json.loads(json.dumps(document(lang)))
    for path, item in found["paths"].items():
        (method,) = item.keys() - {"parameters"}
        status, _, body = call(app, method.upper(), path.replace("{app}", "shop").replace("{code}", "trust.wrong-app"))
        # A push of WeChat carries no key of ours: its own signature is what it lacks.
        missing = "trust.cannot-open" if "callback" in path else "caller.key-missing"
        if path == "/.well-known/openid-configuration":  # nobody issues ID tokens here
            missing = "caller.unknown-route"
        assert status == 200 or json.loads(body)["code"] == missing
    text = json.dumps(found)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in found["components"]["schemas"]
    shown = {
        code
        for item in found["paths"].values()
        for method in item.keys() - {"parameters"}
        for response in item[method]["responses"].values()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    elsewhere = {"link.user-refused"}  # from integrations, where the application has said no
    assert shown | {"caller.wrong-method", "trust.webhook-not-verified"} | elsewhere == {
        code for code in BY_CODE if not code.startswith("config.")
    }


def _again(value: dict[str, Any], kind: Any) -> dict[str, Any]:
    """The JSON of a value, read as its type and written again."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(msgspec.convert(value, kind)))
    return found


def test_the_examples_of_accounts_are_of_their_types() -> None:
    """What the document shows of a route is what the route reads, and what it answers; nothing is left out."""
    shown = 0
    for route in DESCRIBED.values():
        for sent in route.sent.values() if route.body is not None else ():
            assert _again(sent, route.body).items() >= sent.items()
            shown += 1
        if route.answer is not None:
            assert _again(route.answered, route.answer) == route.answered
    assert shown > 12


def test_every_code_has_a_page() -> None:
    """The page of each code exists in both languages and in both forms."""
    app = Application(settings())
    for code in BY_CODE:
        for headers in ({"accept": "text/html", "accept-language": "zh"}, {}):
            status, _, body = call(app, "GET", f"/errors/{code}", headers=headers)
            assert status == 200
            assert code in body.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/apps/shop/phone-number", b"{", 400, "envelope.not-json"),
        ("POST", "/v1/apps/shop/phone-number", b" " * 40_000, 413, "envelope.too-large"),
        ("POST", "/v1/apps/none/login", b"{}", 404, "caller.unknown-app"),
        ("POST", "/v1/apps/shop/nothing", b"{}", 404, "caller.unknown-route"),
        ("GET", "/v1/apps/shop/login", b"", 405, "caller.wrong-method"),
    ],
)
@pytest.mark.parametrize("origins", [[], ["https://shop.example"]], ids=["without CORS", "with CORS"])
def test_refusals_are_the_same_with_cors(
    origins: list[str], method: str, path: str, body: bytes, status: int, code: str
) -> None:
    """There is one way to a route, and a setting does not change it."""
    found, headers, sent = call(
        Application(settings(cors_origins=origins)), method, path, body, {"authorization": f"Bearer {KEY}"}
    )
    assert (found, json.loads(sent)["code"], headers["content-type"]) == (status, code, "application/problem+json")
