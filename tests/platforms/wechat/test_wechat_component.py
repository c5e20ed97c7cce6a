"""Third-party platform: pushes that are believed and pushes that are not, and the chain of tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from haoma.authorize import take_push
from haoma.errors import (
    CannotOpen,
    ConfigFaults,
    HaomaError,
    PermissionMissing,
    Spent,
    TimedOut,
    TokenRejected,
    UnknownRoute,
)
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.push import open_message, read_flat_xml, read_push, sign
from haoma.secret import Secret
from haoma.settings import reader
from haoma.steps import Notice
from support.wechat import APP_ID, LOGIN, NOW, PHONE, Bench, configured, refusal

VECTORS: list[dict[str, str]] = json.loads((Path(__file__).parent / "msg_crypt.json").read_text("utf-8"))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
URL = "https://api.weixin.qq.com"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"
AUTHORIZER_TOKEN = "/cgi-bin/component/api_authorizer_token"
START_PUSH = "/cgi-bin/component/api_start_push_ticket"
SESSION = "/sns/component/jscode2session"


@pytest.fixture
def mirror() -> WeChatMirror:
    """A new WeChat."""
    return WeChatMirror(random.Random(1).randbytes)


def _app(mirror: WeChatMirror, **more: Any) -> WeChatApp:
    values = {**mirror.settings(URL)["wechat-component"], **more}
    assert "app_secret" not in values  # a third-party platform does not have it
    table = Table("shop", values, now=NOW)
    app = WECHAT.configure(table)
    assert app is not None, table.faults
    return app


def _push(bench: Bench, app: Any, pushed: tuple[dict[str, str], bytes]) -> str:
    return bench.run(take_push(app, *pushed, now=bench.clock.now)).said


def _refused_push(bench: Bench, app: Any, pushed: tuple[dict[str, str], bytes]) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        _push(bench, app, pushed)
    return caught.value


def _body(mirror: WeChatMirror, now: float = NOW) -> dict[str, Any]:
    """What the front end sends for a user of the merchant, whose code is good."""
    tap = mirror.tap("component-no-ticket", allow=True, now=now)
    assert tap.body is not None
    return tap.body


# --- pushes: vectors


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["id"])
def test_a_published_message_opens(case: dict[str, str]) -> None:
    """Its signature is the one that was published, and what is inside comes out."""
    key = base64.b64decode(case["encoding_aes_key"] + "=")
    assert sign(Secret(case["token"]), case["timestamp"], case["nonce"], case["encrypt"]) == case["msg_signature"]
    assert open_message(key, case["encrypt"], case["receive_id"]) == case["plaintext"]
    assert open_message(key, case["encrypt"], case["receive_id"] + "x") is None
    assert open_message(key, case["encrypt"], case["receive_id"][1:]) is None
    assert open_message(bytes(31) + b"\1", case["encrypt"], case["receive_id"]) is None


def test_the_published_push_is_read() -> None:
    """A whole push, with the key before tried second."""
    case = VECTORS[-1]
    query = {name: case[name] for name in ("timestamp", "nonce", "msg_signature")}
    body = f"<xml><AppId><![CDATA[x]]></AppId><Encrypt><![CDATA[{case['encrypt']}]]></Encrypt></xml>".encode()
    keys = (b"\x07" * 32, base64.b64decode(case["encoding_aes_key"] + "="))
    options: dict[str, Any] = {"token": Secret(case["token"]), "keys": keys, "receiver": case["receive_id"]}
    found = read_push(query, body, **options, now=float(case["timestamp"]) + 300)
    assert found["ComponentVerifyTicket"] == "ticket@@@synthetic-not-real"
    for away in (301, -301):
        with pytest.raises(CannotOpen):
            read_push(query, body, **options, now=float(case["timestamp"]) + away)


# --- pushes: what is not believed


def _padded(mirror: WeChatMirror, padding: bytes) -> tuple[dict[str, str], bytes]:
    """A push, rightly signed, whose padding is made by hand."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    own = mirror.platform.settings()
    key = base64.b64decode(own["component_aes_key"] + "=")
    message = b"<xml></xml>"
    plain = bytes(16) + len(message).to_bytes(4) + message + own["component_app_id"].encode()
    plain += bytes(-(len(plain) + len(padding)) % 32) + padding
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return mirror.platform.sign(NOW, base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode())


def _bad_pushes(mirror: WeChatMirror) -> dict[str, tuple[dict[str, str], bytes]]:
    platform = mirror.platform
    query, body = platform.push(NOW)
    ticket = "<AppId>{}</AppId><CreateTime>{}</CreateTime><InfoType>component_verify_ticket</InfoType>"
    whole = ticket.format(platform.app_id, int(NOW)) + "<ComponentVerifyTicket>t</ComponentVerifyTicket>"

    def changed(**fields: str) -> tuple[dict[str, str], bytes]:
        return {**query, **fields}, body

    return {
        "no query": ({}, body),
        "no signature": ({name: text for name, text in query.items() if name != "msg_signature"}, body),
        "the other signature": changed(msg_signature=query["signature"]),
        "signature in capitals": changed(msg_signature=query["msg_signature"].upper()),
        "signature of other digits": changed(msg_signature="é" * 40),
        "another nonce": changed(nonce="1"),
        "another time": changed(timestamp=str(int(NOW) + 1)),
        "time in full-width digits": changed(timestamp="１８０００００００0"),
        "too old": platform.push(NOW - 301),
        "too new": platform.push(NOW + 301),
        "no body": (query, b""),
        "not UTF-8": (query, b"\xff" + body),
        "too long": (query, body + b" " * 40_000),
        "not xml": (query, b'{"Encrypt":"x"}'),
        "no Encrypt": (query, b"<xml></xml>"),
        "Encrypt twice": (query, body.replace(b"</xml>", b"<Encrypt>x</Encrypt></xml>")),
        "text behind": (query, body + b"x"),
        "a DTD": (query, b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + body),
        "a declaration": (query, b'<?xml version="1.0"?>' + body),
        "an attribute": (query, body.replace(b"<xml>", b'<xml a="b">')),
        "not base64": platform.sign(NOW, "!!!!"),
        "empty": platform.sign(NOW, ""),
        "not whole blocks": platform.sign(NOW, base64.b64encode(bytes(48)).decode()),
        "zeros": platform.sign(NOW, base64.b64encode(bytes(64)).decode()),
        "another key": platform.seal(NOW, whole, key=bytes(32)),
        "another receiver": platform.seal(NOW, whole, receiver=APP_ID),
        "a receiver with more": platform.seal(NOW, whole, receiver=platform.app_id + "0"),
        "padding of zero": _padded(mirror, b"\0"),
        "padding too long": _padded(mirror, b"\x21" * 33),
        "uneven padding": _padded(mirror, b"\1\2"),
        "an entity inside": platform.seal(NOW, whole.replace(">t<", ">&a;<")),
        "a DTD inside": platform.seal(NOW, whole, wrap="<!DOCTYPE x><xml>{}</xml>"),
        "nested inside": platform.seal(NOW, whole.replace(">t<", "><a>t</a><")),
        "unclosed CDATA inside": platform.seal(NOW, whole.replace(">t<", "><![CDATA[t<")),
        "a field twice inside": platform.seal(NOW, whole + "<AppId>x</AppId>"),
        "another app inside": platform.seal(NOW, whole.replace(platform.app_id, APP_ID)),
        "no ticket inside": platform.seal(NOW, ticket.format(platform.app_id, int(NOW))),
        "a ticket with a break": platform.seal(NOW, whole.replace(">t<", ">t\nt<")),
        "a time that is none": platform.seal(NOW, whole.replace(str(int(NOW)), "-1")),
        "created long ago": platform.push(NOW, created=NOW - 43_201),
        "created in the future": platform.push(NOW, created=NOW + 43_201),
    }


BAD = list(_bad_pushes(WeChatMirror(random.Random(1).randbytes)))


@pytest.mark.parametrize("case", BAD)
def test_a_push_that_is_not_believed(mirror: WeChatMirror, case: str) -> None:
    """One refusal with one face; nothing is kept of it, so that the request after it still has no ticket."""
    bench, app = Bench(mirror), _app(mirror)
    error = _refused_push(bench, app, _bad_pushes(mirror)[case])
    assert isinstance(error, CannotOpen)
    assert str(error) == str(CannotOpen(platform="wechat", app="shop", step=1))
    assert bench.refused(app, _body(mirror)).platform_code == "no-ticket"


@pytest.mark.parametrize(
    "text",
    ["", "<xml>", "<xml><a>1</b></xml>", "<xml><a></xml>", "<xml>x</xml>", "<xml><1>x</1></xml>",
     "<XML></XML>", "<?xml version='1.0'?><xml></xml>", "<xml><!-- --></xml>", "<xml a='b'></xml>",
     "<!DOCTYPE xml [<!ENTITY a 'x'>]><xml><b>&a;</b></xml>", "<!DOCTYPE xml SYSTEM 'file:///etc/passwd'><xml></xml>", "<xml><a><![CDATA[x]]>y</a></xml>", "<xml></xml><xml></xml>"],
)  # fmt: skip
def test_xml_that_is_not_flat(text: str) -> None:
    """There is no reader of XML behind it that could be talked into anything."""
    with pytest.raises(CannotOpen):
        read_flat_xml(text)


def test_flat_xml() -> None:
    """Text, CDATA with what looks like markup, empty elements, white space in between."""
    text = "\n<xml>\n<a>1</a> <b><![CDATA[<!DOCTYPE &x; ]>]]></b><c></c><d><![CDATA[]]></d>\n</xml>\n"
    assert read_flat_xml(text) == {"a": "1", "b": "<!DOCTYPE &x; ]>", "c": "", "d": ""}


# --- the ticket


def test_from_ticket_to_number(mirror: WeChatMirror) -> None:
    """Ticket, component token, session, merchant's token, number; each token is asked for once."""
    bench, app = Bench(mirror), _app(mirror)
    assert _push(bench, app, mirror.platform.push(NOW)) == "success"
    for _ in range(3):
        phone = bench.find(app, _body(mirror))
        assert phone.subject is not None
    assert bench.calls == {COMPONENT_TOKEN: 1, SESSION: 3, AUTHORIZER_TOKEN: 1, PHONE: 3}
    assert LOGIN not in bench.calls


def test_without_a_ticket_one_push_is_asked_for(mirror: WeChatMirror) -> None:
    """Not one per request; and the code is free again."""
    bench, app = Bench(mirror), _app(mirror)
    body = _body(mirror)
    for _ in range(3):
        error = bench.refused(app, body)
        assert isinstance(error, TokenRejected)
        assert (error.platform_code, error.spent, error.retry) == ("no-ticket", Spent.NO, True)
    bench.clock.now += 599
    bench.refused(app, body)
    assert mirror.platform.pushes_asked_for == 1
    bench.clock.now += 1
    bench.refused(app, body)
    assert mirror.platform.pushes_asked_for == 2
    _push(bench, app, mirror.platform.push(bench.clock.now))
    assert bench.find(app, _body(mirror, bench.clock.now)).platform == "wechat"


@pytest.mark.parametrize(
    ("failure", "code"),
    [(refusal(61004), "platform.ip-not-allowed"), (refusal(-1), "platform.busy"), (b"", "outside.nonsense-reply"),
     (TimedOut(), "outside.timed-out")],
)  # fmt: skip
def test_a_start_of_pushes_that_fails_is_tried_again(mirror: WeChatMirror, failure: Any, code: str) -> None:
    """Each request says what is wrong, not that the address of the pushes may be; when it is mended, one call is made."""
    app = _app(mirror)
    bench = Bench({START_PUSH: (failure, failure, {"errcode": 0, "errmsg": "ok"})})
    for number in range(2):
        error = bench.refused(app, {"code": f"code-{number}"})
        assert (error.code, error.spent) == (code, Spent.NO)
    for number in range(2, 5):
        assert bench.refused(app, {"code": f"code-{number}"}).platform_code == "no-ticket"
    assert bench.calls == {START_PUSH: 3}


@pytest.mark.parametrize("errcode", [99999, 48001, 61004, 61006, 40125])
def test_a_refused_component_leaves_the_code_alone(mirror: WeChatMirror, errcode: int) -> None:
    """No token was given, so no code was sent: the user's is free, whether the refusal is listed or not."""
    bench, app = Bench({COMPONENT_TOKEN: refusal(errcode)}), _app(mirror)
    _push(bench, app, mirror.platform.push(NOW))
    error = bench.refused(app, {"code": "a-code"})
    assert (error.spent, error.platform_code) == (Spent.NO, str(errcode))
    assert PHONE not in bench.calls


def test_only_a_newer_ticket_replaces_one(mirror: WeChatMirror) -> None:
    """An older or equally old push is answered, or WeChat would send it again, but changes nothing."""
    bench, app = Bench(mirror), _app(mirror)
    newest = mirror.platform.push(NOW)
    stale = mirror.platform.push(NOW, created=NOW - 1)
    equal = mirror.platform.push(NOW)
    for pushed in (newest, stale, equal, newest):
        assert _push(bench, app, pushed) == "success"
    component = mirror.platform
    first = next(iter(component._tickets))
    component._tickets = {first: component._tickets[first]}
    assert bench.find(app, _body(mirror)).platform == "wechat"


def test_a_ticket_is_believed_for_as_long_as_it_is_good(mirror: WeChatMirror) -> None:
    """Its CreateTime may be that of the ticket and not of the push: WeChat takes a ticket back for twelve hours."""
    bench, app = Bench(mirror), _app(mirror)
    assert _push(bench, app, mirror.platform.push(NOW, created=NOW - 43_200)) == "success"
    assert bench.find(app, _body(mirror)).platform == "wechat"


def test_a_ticket_is_used_for_twelve_hours(mirror: WeChatMirror) -> None:
    """WeChat pushes one every ten minutes; after half a day without any it is asked to push again."""
    app = _app(mirror)
    bench = Bench({COMPONENT_TOKEN: refusal(-1), START_PUSH: {"errcode": 0, "errmsg": "ok"}})
    _push(bench, app, mirror.platform.push(NOW))
    for away, expected in ((43_199, "-1"), (43_200, "no-ticket")):
        bench.clock.now = NOW + away
        assert bench.refused(app, {"code": f"code-{away}"}).platform_code == expected


def test_other_pushes_are_answered_and_ignored(mirror: WeChatMirror) -> None:
    """WeChat has more kinds than we need, and adds others; it repeats what is not answered."""
    bench, app = Bench(mirror), _app(mirror)
    for kind in ("notify_third_fasteregister", "", "what-comes-next"):
        assert _push(bench, app, mirror.platform.seal(NOW, f"<InfoType>{kind}</InfoType>")) == "success"
    assert not bench.calls
    assert bench.refused(app, _body(mirror)).platform_code == "no-ticket"


@pytest.mark.parametrize(
    "more",
    [
        "<status>0</status><info><name><![CDATA[x]]></name><code>1</code><code>2</code></info>",
        "<info><a><b>1</b></a></info>\n<empty/>\n",
        "<info>\n <a/>\n</info>",
    ],
)
def test_a_kind_without_use_may_hold_more_than_a_ticket_does(mirror: WeChatMirror, more: str) -> None:
    """Some pushes of the open platform nest, such as those about a registration; they are answered like any other."""
    inside = f"<AppId>{mirror.platform.app_id}</AppId><InfoType>notify_third_fasteregister</InfoType>{more}"
    assert _push(Bench(mirror), _app(mirror), mirror.platform.seal(NOW, inside)) == "success"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<xml><a>\n <![CDATA[ x ]]>\n</a></xml>", {"a": " x "}),
        ("<xml><a> 1 </a>\n<b/></xml>", {"a": "1", "b": ""}),
        ("<xml><a><b><![CDATA[x]]></b></a><c>1</c></xml>", {"a": "", "c": "1"}),
        ("<xml>" + "<a>" * 4 + "1" + "</a>" * 4 + "</xml>", {"a": ""}),
        ("<xml></xml>", {}),
    ],
)
def test_what_is_read_of_xml(text: str, found: dict[str, str]) -> None:
    """White space around a value is none of it, and what is nested is nobody's value."""
    assert read_flat_xml(text) == found


@pytest.mark.parametrize(
    "inside",
    ["<a>" * 5 + "</a>" * 5, "<a>" * 5000, "<a><b></a></b>", "<a><b>1</b>x</a>", "<a>x<b>1</b></a>", "<a>1", "<a/ >",
     "<a><![CDATA[x]]>y</a>", "<a><![CDATA[x]]></b>", "</a>", "<a><a></a>", "<a><?x?></a>", "<a><b c='d'/></a>", "<a>x]]>y</a>",
     "<a>&amp;</a>", "<a>&#65;</a>", "<a>&b;</a>", "<a b='c'>x</a>", "<a><b><c/>x</b></a>", "<a><!-- x --></a>",
     "<a><![CDATA[x]]><![CDATA[y]]></a>", "<a><![CDATA[x]]><b/></a>", "<a xmlns='x'/>", "<x:a/>", "<a>\x00</a>"],
)  # fmt: skip
def test_xml_that_is_refused(inside: str) -> None:
    """Too deep, crossed, mixed or unclosed."""
    with pytest.raises(CannotOpen):
        read_flat_xml(f"<xml>{inside}</xml>")


def test_the_key_before_is_tried(mirror: WeChatMirror) -> None:
    """While the key changes, both stand in the settings."""
    own = mirror.settings(URL)["wechat-component"]["component_aes_key"]
    app = _app(mirror, component_aes_key=["A" * 43, own])
    assert _push(Bench(mirror), app, mirror.platform.push(NOW)) == "success"


# --- the tokens


def test_a_dead_component_token_is_renewed_once(mirror: WeChatMirror) -> None:
    """A login with a token that WeChat no longer knows costs one more fetch and one more call."""
    bench, app = Bench(mirror), _app(mirror)
    _push(bench, app, mirror.platform.push(NOW))
    bench.find(app, _body(mirror))
    mirror.platform.kill_tokens()
    bench.find(app, _body(mirror))
    assert (bench.calls[COMPONENT_TOKEN], bench.calls[SESSION], bench.calls[PHONE]) == (2, 3, 2)


def test_a_component_token_that_dies_again_and_again_is_contested(mirror: WeChatMirror) -> None:
    """Another program of the third-party platform fetches tokens: the operator is told of which AppID."""
    bench, app = Bench(mirror), _app(mirror)
    _push(bench, app, mirror.platform.push(NOW))
    for _ in range(5):
        bench.find(app, _body(mirror))
        mirror.platform.kill_tokens()
    assert app.component is not None
    assert [step for step in bench.steps if isinstance(step, Notice)] == [
        Notice("config.token-contested", (("issuer", "component"), ("app_id", app.component.app_id)))
    ]


def _given(app: WeChatApp, mirror: WeChatMirror, **bodies: Any) -> Bench:
    """A process with a ticket, and given answers."""
    paths = {"token": COMPONENT_TOKEN, "merchant": AUTHORIZER_TOKEN, "login": SESSION, "phone": PHONE}
    said = {
        COMPONENT_TOKEN: {"component_access_token": "c-token", "expires_in": 7200},
        AUTHORIZER_TOKEN: {"authorizer_access_token": "m-token", "expires_in": 7200},
    }
    bench = Bench({**said, **{paths[name]: body for name, body in bodies.items()}})
    _push(bench, app, mirror.platform.push(NOW))
    return bench


@pytest.mark.parametrize("call", ["token", "merchant"])
@pytest.mark.parametrize("errcode", [41018, 61003, 61004, 61005, 61006, 61011])
def test_a_refusal_of_the_tokens(mirror: WeChatMirror, call: str, errcode: int) -> None:
    """Each has words of its own, and no code has been sent."""
    app = _app(mirror)
    bench = _given(app, mirror, **{call: refusal(errcode)})
    error = bench.refused(app, {"code": "a-code"})
    assert (error.platform_code, error.spent) == (str(errcode), Spent.NO)
    assert str(errcode) in error.explain("en").title
    assert PHONE not in bench.calls


@pytest.mark.parametrize("errcode", [48001, 61007])
def test_permission_set_18_is_named(mirror: WeChatMirror, errcode: int) -> None:
    """Both codes of a missing permission say which set it is."""
    error = _given(_app(mirror), mirror, phone=refusal(errcode)).refused(_app(mirror), {"code": "a-code"})
    assert isinstance(error, PermissionMissing)
    assert "permission set 18" in error.explain("en").remedy


def test_a_login_that_was_not_granted(mirror: WeChatMirror) -> None:
    """61003 of the login call."""
    bench = _given(_app(mirror), mirror, login=refusal(61003))
    error = bench.refused(_app(mirror), {"login_code": "l", "authorization": {"code": "a-code"}})
    assert isinstance(error, PermissionMissing)


@pytest.mark.parametrize("call", ["token", "merchant"])
@pytest.mark.parametrize(
    "body",
    [{}, {"expires_in": 7200}, {"component_access_token": "a b", "authorizer_access_token": "", "expires_in": 7200},
     {"component_access_token": "t", "authorizer_access_token": "t"}, TimedOut()],
)  # fmt: skip
def test_a_token_that_is_none(mirror: WeChatMirror, call: str, body: Any) -> None:
    """Nonsense and silence of a token call leave the code unspent."""
    app = _app(mirror)
    bench = _given(app, mirror, **{call: body})
    error = bench.refused(app, {"code": "a-code"})
    assert (error.code.partition(".")[0], error.spent) == ("outside", Spent.NO)


def test_no_secret_is_shown(mirror: WeChatMirror) -> None:
    """WeChat's words are passed on without our secrets, and no repr has them."""
    app, own = _app(mirror), mirror.settings(URL)["wechat-component"]
    words = f"bad {own['component_app_secret']} {own['authorizer_refresh_token']}"
    error = _given(app, mirror, merchant={"errcode": 61003, "errmsg": words}).refused(app, {"code": "a-code"})
    for name in ("component_app_secret", "component_token", "component_aes_key", "authorizer_refresh_token"):
        assert own[name] not in str(error) + repr(error) + error.platform_message + repr(app)


def test_of_a_component_its_id_alone_is_shown(mirror: WeChatMirror) -> None:
    """Neither its keys, which are bytes by now, nor that there is a secret."""
    component = _app(mirror, on_grant=print).component
    assert repr(component) == f"Component(app_id='{mirror.platform.app_id}', on_grant={print!r})"


@pytest.mark.parametrize("call", ["merchant", "login"])
@pytest.mark.parametrize("errcode", [40001, 45009])
def test_the_token_of_the_component_does_not_come_back_in_words(mirror: WeChatMirror, call: str, errcode: int) -> None:
    """WeChat's words may repeat the token that was sent; nobody reads it there, nor the one before a renewal."""
    tokens = tuple({"component_access_token": f"c-token-{number}", "expires_in": 7200} for number in (1, 2))
    said = {"errcode": errcode, "errmsg": "invalid credential c-token-1 c-token-2"}
    bench = _given(_app(mirror), mirror, token=tokens, **{call: said})
    login = {"login_code": "l"} if call == "login" else {}
    error = bench.refused(_app(mirror), {**login, "authorization": {"code": "a-code"}})
    assert "invalid credential" in error.platform_message
    sent = ["c-token-1", "c-token-2"][: bench.calls[COMPONENT_TOKEN]]
    assert not any(token in str(error) + repr(error) for token in sent)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_login_with_a_dead_token_is_not_laid_to_the_app_secret(mirror: WeChatMirror, errcode: int) -> None:
    """There is none in a merchant's login; the code was not used up, and the request may be sent again."""
    body = {"login_code": "l", "authorization": {"code": "a-code"}}
    error = _given(_app(mirror), mirror, login=refusal(errcode)).refused(_app(mirror), body)
    assert isinstance(error, TokenRejected)
    assert (error.spent, error.next_action) == (Spent.NO, "retry-later")
    assert "component_app_id" in error.explain("en").remedy or errcode != 40001


@pytest.mark.parametrize(("errcode", "setting"), [(40125, "component_app_secret"), (40013, "component_app_id")])
def test_a_wrong_setting_of_the_component_is_named(mirror: WeChatMirror, errcode: int, setting: str) -> None:
    """The remedy is not to reset the secret of the merchant's mini program."""
    error = _given(_app(mirror), mirror, token=refusal(errcode)).refused(_app(mirror), {"code": "a-code"})
    for lang in ("zh", "en"):
        assert f"`{setting}`" in error.explain(lang).remedy
        assert "`app_secret`" not in error.explain(lang).remedy


@pytest.mark.parametrize("errcode", [61003, 61004])
def test_a_refusal_of_the_phone_call_itself(mirror: WeChatMirror, errcode: int) -> None:
    """A grant that was taken back, or an address that is not listed, means the same there; the code was not used up."""
    error = _given(_app(mirror), mirror, phone=refusal(errcode)).refused(_app(mirror), {"code": "a-code"})
    assert (error.platform_code, error.spent) == (str(errcode), Spent.NO)
    assert str(errcode) in error.explain("en").title


# --- settings


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"component_app_id": None}, ("config.missing-setting", "component_app_id")),
        ({"component_app_id": ""}, ("config.empty-value", "component_app_id")),
        ({"component_app_secret": None}, ("config.missing-setting", "component_app_secret")),
        ({"component_token": None}, ("config.missing-setting", "component_token")),
        ({"component_aes_key": None}, ("config.missing-setting", "component_aes_key")),
        ({"component_aes_key": "A" * 44}, ("config.component-aes-key", "component_aes_key")),
        ({"component_aes_key": "A" * 42 + "="}, ("config.component-aes-key", "component_aes_key")),
        ({"token": "stable"}, ("config.component-has-its-own-token", "token")),
        ({"token_source": print}, ("config.component-has-its-own-token", "token_source")),
    ],
)
def test_a_fault_of_the_settings(mirror: WeChatMirror, changed: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names its setting."""
    values = {**mirror.settings(URL)["wechat-component"], **changed}
    table = Table("shop", {name: value for name, value in values.items() if value is not None}, now=NOW)
    assert WECHAT.configure(table) is None
    assert [(each.code, each.where.removeprefix("apps.shop.")) for each in table.faults] == [fault]


@pytest.mark.parametrize("text", ["A" * 42, "A" * 44, "A" * 42 + "="])
def test_how_long_a_key_of_pushes_is(mirror: WeChatMirror, text: str) -> None:
    """The fault counts its characters, and shows none."""
    table = Table("shop", {**mirror.settings(URL)["wechat-component"], "component_aes_key": text}, now=NOW)
    assert WECHAT.configure(table) is None
    assert [fault.because for fault in table.faults] == [{"characters": len(text), "needed": 43}]


def test_the_last_character_of_a_key_has_four_bits(mirror: WeChatMirror) -> None:
    """Each of the four that have the same ones is the same key."""
    for number in range(16):
        last = ALPHABET[4 * number : 4 * number + 4]
        component = _app(mirror, component_aes_key=["A" * 42 + each for each in last]).component
        assert component is not None
        assert component.aes_keys == (bytes(31) + bytes([number]),) * 4


@pytest.mark.parametrize("setting", ["component_app_id", "component_token", "authorizer_refresh_token", "on_grant"])
def test_one_setting_of_a_component_asks_for_the_others(setting: str) -> None:
    """One that stands alone is no app without a component: somebody has forgotten the rest."""
    value = print if setting == "on_grant" else "a-component-1"
    table = Table("shop", {"platform": "wechat", "app_id": APP_ID, "app_secret": "0" * 32, setting: value}, now=NOW)
    assert WECHAT.configure(table) is None
    assert [fault.where.removeprefix("apps.shop.") for fault in table.faults if not fault.warning] == [
        each
        for each in ("component_app_id", "component_app_secret", "component_token", "component_aes_key")
        if each != setting
    ]


def test_an_app_id_of_another_form_is_worth_a_look(mirror: WeChatMirror) -> None:
    """A warning, for the platform's as for the merchant's."""
    values = {**mirror.settings(URL)["wechat-component"], "component_app_id": "gh_0123456789ab", "app_id": "wx1"}
    table = Table("shop", values, now=NOW)
    assert WECHAT.configure(table) is not None
    assert [(each.where, each.warning) for each in table.faults if each.code == "config.app-id-shape"] == [
        ("apps.shop.app_id", True),
        ("apps.shop.component_app_id", True),
    ]


def test_one_process_has_the_ticket(mirror: WeChatMirror) -> None:
    """Several workers would each wait for a ticket of their own."""
    apps = {"apps": {"shop": mirror.settings(URL)["wechat-component"]}}
    assert reader.from_mapping(apps).apps["shop"].name == "shop"
    with pytest.raises(ConfigFaults, match=r"config\.needs-one-worker"):
        reader.from_mapping(apps, workers=2)


# --- the route


def _post(app: Any, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """One request to the ASGI application."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": urlencode(query).encode(), "root_path": "",
        "headers": [(b"content-type", b"text/xml")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_the_route_answers_success(mirror: WeChatMirror) -> None:
    """Plain text, without a key; whatever is wrong is one refusal, an unknown name included."""
    from haoma.io.clock import now
    from haoma.service.app import Application

    apps = {"shop": mirror.settings(URL)["wechat-component"], "own": mirror.settings(URL)["wechat"]}
    app = Application(reader.from_mapping({"apps": apps, "service": {"server_keys": ["0123456789-test-server-key"]}}))
    query, body = mirror.platform.push(now())
    assert _post(app, "/v1/apps/shop/callback", query, body) == (200, b"success")
    for name in ("own", "nobody"):
        assert _post(app, f"/v1/apps/{name}/callback", query, body)[0] == 422
    status, said = _post(app, "/v1/apps/shop/callback", {**query, "nonce": "1"}, body)
    assert (status, json.loads(said)["code"]) == (422, "trust.cannot-open")
    assert _post(app, "/v1/apps/shop/callback", {str(number): "" for number in range(30)} | {"a": "b"}, body)[0] == 422


def test_a_platform_that_pushes_nothing() -> None:
    """An app of another platform has no such address."""
    bench = Bench({})
    app = reader.configure("wechat", app_id=APP_ID, app_secret="0" * 32)
    assert isinstance(_refused_push(bench, app, ({}, b"")), CannotOpen)
    assert WECHAT.take_push is not None
    other = next(name for name in PLATFORMS if PLATFORMS[name].take_push is None)
    fake = configured()
    object.__setattr__(fake, "platform", other)
    assert isinstance(_refused_push(bench, fake, ({}, b"")), UnknownRoute)
