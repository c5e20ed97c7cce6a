"""API security mode: WeChat's own example in both directions, and every reply that must not be believed."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from haoma.crypto.gcm import open_gcm
from haoma.crypto.keys import parse_private_key, parse_public_key
from haoma.crypto.signing import is_pss, sign_pss
from haoma.errors import NonsenseReply, ReplySignatureMismatch, SecurityModeMismatch, Spent
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.api_security import is_unsigned_refusal, open_reply, seal, sealed_post
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.mirror.security import Console
from haoma.platforms.wechat.token import Access
from haoma.steps import Reply
from haoma.verified import CheckName
from support.wechat import APP_ID, DEAD, NOW, PHONE, PHONE_INFO, SECRET, STABLE, TOKEN, USED, Bench, configured

OFFICIAL: dict[str, Any] = json.loads((Path(__file__).parent / "api_security.json").read_text("utf-8"))
"""WeChat's example (its address is in it); every key in it is WeChat's own, published for this purpose."""
URL, OFFICIAL_APP = OFFICIAL["url_path"], OFFICIAL["appid"]
SETTINGS = {
    "api_sym_key": OFFICIAL["sym_key"],
    "api_sym_sn": OFFICIAL["sym_sn"],
    "api_private_key": OFFICIAL["request"]["private_key_pem"],
    "api_certificate": OFFICIAL["response"]["certificate_pem"],
}
THEN = float(OFFICIAL["response"]["timestamp"])


def _security(**more: Any) -> Any:
    return configured(**{**SETTINGS, **more}).security


def _official_reply() -> Reply:
    response = OFFICIAL["response"]
    headers = {
        "wechatmp-appid": OFFICIAL_APP,
        "wechatmp-timestamp": str(response["timestamp"]),
        "wechatmp-signature": response["signature"],
    }
    return Reply(200, headers, response["body"].encode())


def test_what_takes_no_part_in_the_mode_is_sent_as_it_is() -> None:
    """WeChat seals some interfaces alone; another one would refuse what it cannot read."""
    bench = Bench({STABLE: TOKEN, "/an/interface": {"errcode": 0}})
    bench.run(Access(configured(**SETTINGS)).post("/an/interface", {"a": "b"}))
    assert json.loads(bench.wire.requests[-1].body) == {"a": "b"}


def test_the_official_request_comes_out_byte_for_byte() -> None:
    """Same key, IV and plain text: the same body, whose official signature is that of the key's other half."""
    request = OFFICIAL["request"]
    iv, plain = base64.b64decode(request["iv"]), request["plaintext"].encode()
    body = seal(_security(), URL, OFFICIAL_APP, str(request["timestamp"]), iv=iv, plain=plain)
    assert body.decode() == request["body"]
    lines = f"{URL}\n{OFFICIAL_APP}\n{request['timestamp']}\n".encode() + body
    public = parse_private_key(request["private_key_pem"]).public_key()
    assert is_pss(public, base64.b64decode(request["signature"]), lines)
    assert is_pss(public, sign_pss(_security().private_key, lines), lines)
    assert not is_pss(public, base64.b64decode(request["signature"]), lines + b" ")


def test_what_is_drawn_for_a_request() -> None:
    """24 bytes of nonce, which need no padding in base64, and beside them the 12 bytes of IV that GCM is made for."""
    security = _security()
    request = sealed_post(security, URL, APP_ID, {"code": "a-code"}, now=NOW, random="d" * 43, to=URL)
    iv, sealed, tag = (base64.b64decode(json.loads(request.body)[name]) for name in ("iv", "data", "authtag"))
    inside = json.loads(open_gcm(security.sym_key, iv, sealed, tag, security.beside(URL, APP_ID, str(int(NOW)))))
    assert (len(iv), len(base64.b64decode(inside["_n"]))) == (12, 24)


@pytest.mark.parametrize("away", [0, 300, -300])
def test_the_official_reply_opens(away: float) -> None:
    """Under the official certificate, to the official plain text, and at the limits of its time."""
    plain = open_reply(_security(), URL, OFFICIAL_APP, _official_reply(), now=THEN + away)
    assert plain.decode() == OFFICIAL["response"]["plaintext"]


def test_the_signature_covers_the_app_that_no_header_names() -> None:
    """Without the header the reply is this app's or its signature does not fit."""
    official = _official_reply()
    reply = replace(official, headers={name: text for name, text in official.headers.items() if "appid" not in name})
    assert b'"risk_rank":0' in open_reply(_security(), URL, OFFICIAL_APP, reply, now=THEN)
    with pytest.raises(ReplySignatureMismatch):
        open_reply(_security(), URL, APP_ID, reply, now=THEN)


def _other_key() -> str:
    return str(Console(random.Random(1).randbytes).settings()["api_certificate"])


@pytest.mark.parametrize(
    ("certificates", "header"),
    [
        ([0, 1], "wechatmp-signature"),
        ([1, 0], "wechatmp-signature"),
        ([0], "wechatmp-signature-deprecated"),
        ([1, 0], "wechatmp-signature-deprecated"),
    ],
)
def test_while_the_certificate_changes(certificates: list[int], header: str) -> None:
    """Old and new stand together, and a signature under the one that goes comes in a second header."""
    known = [SETTINGS["api_certificate"], _other_key()]
    reply = _official_reply()
    signature = reply.headers.pop("wechatmp-signature")
    reply.headers.update({"wechatmp-signature": base64.b64encode(bytes(256)).decode(), header: signature})
    security = _security(api_certificate=[known[number] for number in certificates])
    assert open_reply(security, URL, OFFICIAL_APP, reply, now=THEN)


def _broken() -> dict[str, tuple[Reply, dict[str, Any]]]:
    good = _official_reply()
    body = json.loads(good.body)
    flipped = {**body, "data": "A" + body["data"][1:]}

    def headers(**changed: str | None) -> Reply:
        names = {f"wechatmp-{name}": value for name, value in changed.items()}
        return replace(
            good, headers={name: value for name, value in {**good.headers, **names}.items() if value is not None}
        )

    return {
        "no signature": (headers(signature=None), {}),
        "empty signature": (headers(signature=""), {}),
        "signature not base64": (headers(signature="!"), {}),
        "signature of the request": (headers(signature=OFFICIAL["request"]["signature"]), {}),
        "another app": (headers(appid=APP_ID), {}),
        "no time": (headers(timestamp=None), {}),
        "time in full-width digits": (headers(timestamp="１６３５９２７９５６"), {}),
        "another time": (headers(timestamp="1635927957"), {}),
        "a body with a blank": (replace(good, body=good.body + b" "), {}),
        "a flipped byte": (replace(good, body=json.dumps(flipped).encode()), {}),
        "plain": (replace(good, body=b'{"errcode":0}'), {}),
        "empty": (replace(good, body=b""), {}),
        "another address": (good, {"url": URL + "x"}),
        "too late": (good, {"now": THEN + 301}),
        "too early": (good, {"now": THEN - 301}),
        "another certificate": (good, {"api_certificate": _other_key()}),
        "another AES key": (good, {"api_sym_key": base64.b64encode(bytes(32)).decode()}),
        "another number of the AES key": (good, {"api_sym_sn": "0"}),
    }


@pytest.mark.parametrize("case", _broken())
def test_a_reply_that_is_not_believed(case: str) -> None:
    """One refusal with one face, whatever is wrong."""
    reply, more = _broken()[case]
    url, now = more.pop("url", URL), more.pop("now", THEN)
    with pytest.raises(ReplySignatureMismatch) as caught:
        open_reply(_security(**more), url, OFFICIAL_APP, reply, now=now)
    assert str(caught.value) == str(ReplySignatureMismatch(platform="wechat", step=4))
    assert caught.value.spent is Spent.UNKNOWN


@pytest.mark.parametrize("inside", [{"_appid": APP_ID}, {"_timestamp": 1}, {"_appid": None}, {"_timestamp": "1"}])
def test_what_is_inside_has_to_fit_the_headers(inside: dict[str, Any]) -> None:
    """A reply that WeChat signed and sealed, but for another app or another time."""
    console = Console(random.Random(1).randbytes)
    security = configured(**console.settings()).security
    assert security is not None
    answer = console.say(PHONE, OFFICIAL_APP, Answer(body=json.dumps(inside).encode()), NOW)
    with pytest.raises(ReplySignatureMismatch) as caught:
        open_reply(
            security,
            "https://api.weixin.qq.com" + PHONE,
            OFFICIAL_APP,
            Reply(200, answer.headers, answer.body),
            now=NOW,
        )
    assert caught.value.diagnosis == "inside"


# --- in the flow


class Replaying(WeChatMirror):
    """The mirror behind a proxy that reads along: the first reply that it lets through answers every later question."""

    def __init__(self) -> None:
        super().__init__(random.Random(1).randbytes)
        self.first: Answer | None = None
        self.ahead = 0.0

    def answer(self, call: Call, now: float) -> Answer | None:
        said = super().answer(call, now + self.ahead)
        if call.path != PHONE or said is None:
            return said
        self.first = self.first or said
        return self.first


class Side(WeChatMirror):
    """The mirror, whose answers to the phone call may be replaced."""

    def __init__(self) -> None:
        super().__init__(random.Random(1).randbytes)
        self.said: list[bytes] = []

    def answer(self, call: Call, now: float) -> Answer | None:
        if call.path == PHONE and self.said:
            return Answer(body=self.said.pop(0))
        return super().answer(call, now)


def _app(mirror: WeChatMirror, base: str = "https://api.weixin.qq.com") -> WeChatApp:
    app = WECHAT.configure(Table("wechat-secured", mirror.settings(base)["wechat-secured"], now=NOW))
    assert app is not None
    return app


def test_the_result_says_that_the_reply_was_signed() -> None:
    """In this mode, and in no other: elsewhere it is TLS alone that vouches for the reply."""
    mirror = Side()
    bench = Bench(mirror)
    tap = mirror.tap("secured", allow=True, now=NOW)
    [check] = [each for each in bench.find(_app(mirror), tap.body).checks if each.name is CheckName.SIGNATURE]
    assert check.proven
    assert "API security mode" in check.how
    plain = Bench({STABLE: TOKEN, PHONE: {"errcode": 0, "phone_info": PHONE_INFO}}).find(
        configured(), {"code": "a-code"}
    )
    [check] = [each for each in plain.checks if each.name is CheckName.SIGNATURE]
    assert check.proven
    assert "TLS" in check.how


def test_behind_a_proxy_wechats_address_is_signed() -> None:
    """The request goes to the proxy; the mirror verifies it for api.weixin.qq.com."""
    mirror = Side()
    bench = Bench(mirror)
    tap = mirror.tap("secured", allow=True, now=NOW)
    assert bench.find(_app(mirror, "https://proxy.example.com"), tap.body).e164 == tap.phone_number
    [request] = [each for each in bench.wire.requests if each.url.endswith(PHONE)]
    assert request.url.startswith("https://proxy.example.com/")
    assert json.loads(request.body).keys() == {"iv", "data", "authtag"}


def test_an_unsigned_refusal_is_believed_and_every_try_is_sealed_anew() -> None:
    """A dead token and a busy WeChat are said in plain; no IV is ever used twice."""
    mirror = Side()
    mirror.said = [json.dumps(DEAD).encode()]
    bench = Bench(mirror)
    tap = mirror.tap("secured", allow=True, now=NOW)
    error = bench.refused(_app(mirror), tap.body)
    assert error.code == "platform.token-rejected"  # stable_token gives the same token again
    assert bench.calls[PHONE] == 1
    mirror.said = [b'{"errcode":-1,"errmsg":"system error"}']
    again = mirror.tap("secured", allow=True, now=NOW)
    assert bench.find(_app(mirror), again.body).e164 == again.phone_number
    sealed = [json.loads(each.body)["iv"] for each in bench.wire.requests if each.url.endswith(PHONE)]
    assert len(sealed) == len(set(sealed)) == 3


@pytest.mark.parametrize("ahead", [0, 300])
def test_a_reply_answers_one_question(ahead: float) -> None:
    """Sent again for another user's code it is refused, for as long as its time is near, wherever WeChat's clock is."""
    mirror = Replaying()
    mirror.ahead = ahead
    bench, app = Bench(mirror), _app(mirror)
    tap = mirror.tap("secured", allow=True, now=NOW)
    assert bench.find(app, tap.body).e164 == tap.phone_number
    for later in (0, ahead + 300):
        bench.clock.now = NOW + later
        error = bench.refused(app, mirror.tap("secured", allow=True, now=bench.clock.now).body)
        assert (type(error), error.diagnosis) == (ReplySignatureMismatch, "taken-before")
        assert error.spent is Spent.UNKNOWN


class Clear:
    """Answers the phone call in plain, with WeChat's signature; the key, and if it is given the time, is the test's own."""

    key = rsa.generate_private_key(65537, 2048)

    def __init__(self, *bodies: bytes, time: str | None = None) -> None:
        self.bodies = list(bodies)
        self.time = time

    def app(self) -> WeChatApp:
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return configured(**{**SETTINGS, "api_certificate": public.decode("ascii")})

    def answer(self, call: Call, now: float) -> Answer:
        if call.path == STABLE:
            token = {**TOKEN, "access_token": "second" if b'"force_refresh":true' in call.body else "first"}
            return Answer(body=json.dumps(token).encode())
        body, time = self.bodies.pop(0), str(int(now)) if self.time is None else self.time
        signature = sign_pss(self.key, f"https://api.weixin.qq.com{PHONE}\n{APP_ID}\n{time}\n".encode() + body)
        headers = {"wechatmp-appid": APP_ID, "wechatmp-timestamp": time}
        return Answer(headers={**headers, "wechatmp-signature": base64.b64encode(signature).decode()}, body=body)


def test_a_refusal_in_plain_may_be_signed() -> None:
    """It can only refuse, so it is the refusal that it says: the code's, or the token's, which is asked for anew."""
    side = Clear(json.dumps(USED).encode())
    assert Bench(side).refused(side.app(), {"code": "a-code"}).code == "platform.code-rejected"
    side = Clear(json.dumps(DEAD).encode())
    bench = Bench(side)
    assert bench.refused(side.app(), {"code": "b-code"}).code == "platform.token-rejected"
    assert bench.calls[STABLE] == 2


@pytest.mark.parametrize("errcode", [1, True, "1", -1, 40029])
def test_every_refusal_in_plain_is_one(errcode: object) -> None:
    """Signed or not, whatever is neither zero nor nothing refuses, and is not taken for a reply of somebody else."""
    body = json.dumps({"errcode": errcode, "errmsg": "no"}).encode()
    assert is_unsigned_refusal(Reply(200, {}, body))
    side = Clear(*[body] * 3)
    error = Bench(side).refused(side.app(), {"code": "a-code"})
    assert not isinstance(error, ReplySignatureMismatch)


@pytest.mark.parametrize("time", ["", "1.8e9", f"{int(NOW)}\n", f" {int(NOW)}", "１８００００００００", "9" * 13, "-1"])
def test_a_time_that_is_not_written_as_one(time: str) -> None:
    """Digits alone, and not too many; also where the signature covers just that text."""
    side = Clear(json.dumps(USED).encode(), time=time)
    error = Bench(side).refused(side.app(), {"code": "a-code"})
    assert isinstance(error, ReplySignatureMismatch)
    assert error.diagnosis == "headers"


@pytest.mark.parametrize(
    "body", [{"errcode": 0, "phone_info": PHONE_INFO}, {"phone_info": PHONE_INFO}, {"errcode": 40029, "data": ""}, {}]
)
def test_a_success_in_plain_is_refused_even_if_signed(body: dict[str, Any]) -> None:
    """In this mode a number comes sealed or not at all."""
    side = Clear(json.dumps(body).encode())
    assert isinstance(Bench(side).refused(side.app(), {"code": "a-code"}), ReplySignatureMismatch)


def test_an_unsigned_success_is_not_believed() -> None:
    """Whoever sits on the line cannot put a number of his own in."""
    mirror = Side()
    bench = Bench(mirror)
    tap = mirror.tap("secured", allow=True, now=NOW)
    info = {**PHONE_INFO, "watermark": {"timestamp": int(NOW), "appid": _app(mirror).app_id}}
    success = {"errcode": 0, "errmsg": "ok", "phone_info": info}
    bodies: list[Any] = [success, {"phone_info": info}, {**success, "errcode": "0"}, {**success, "errcode": ""}, [], {}]
    for body in bodies:
        mirror.said = [json.dumps(body).encode()]
        error = bench.refused(_app(mirror), tap.body)
        assert isinstance(error, ReplySignatureMismatch)
        assert error.spent is Spent.UNKNOWN


@pytest.mark.parametrize("body", [b"<html>502 Bad Gateway</html>", b"", b"\xff"])
def test_the_page_of_a_gateway_is_no_reply(body: bytes) -> None:
    """It is unsigned and no JSON: that says nothing of certificates, and the request may be sent again."""
    mirror = Side()
    bench = Bench(mirror)
    mirror.said = [body]
    error = bench.refused(_app(mirror), mirror.tap("secured", allow=True, now=NOW).body)
    assert isinstance(error, NonsenseReply)
    assert (error.spent, error.next_action) == (Spent.UNKNOWN, "retry-later")


def test_a_plain_request_where_a_sealed_one_is_due() -> None:
    """Without the four settings the console refuses, and the words name them."""
    mirror = Side()
    own = mirror.settings("https://api.weixin.qq.com")["wechat-secured"]
    app = configured(app_id=own["app_id"], app_secret=own["app_secret"])
    error = Bench(mirror).refused(app, mirror.tap("secured", allow=True, now=NOW).body)
    assert isinstance(error, SecurityModeMismatch)
    assert "api_sym_key" in error.explain("en").remedy


@pytest.mark.parametrize("errcode", range(40230, 40241))
def test_every_refusal_of_the_mode(errcode: int) -> None:
    """All eleven have words of their own, and leave the code usable."""
    bench = Bench({STABLE: TOKEN, PHONE: {"errcode": errcode, "errmsg": "no"}})
    error = bench.refused(configured(**SETTINGS), {"code": "a-code"})
    assert isinstance(error, SecurityModeMismatch)
    assert (error.platform_code, error.spent) == (str(errcode), Spent.NO)


# --- settings


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"api_sym_key": None}, [("config.missing-setting", "api_sym_key")]),
        ({"api_sym_sn": None}, [("config.missing-setting", "api_sym_sn")]),
        ({"api_private_key": None}, [("config.missing-setting", "api_private_key")]),
        ({"api_certificate": None}, [("config.missing-setting", "api_certificate")]),
        ({"api_sym_key": "AAAA"}, [("config.api-sym-key", "api_sym_key")]),
        ({"api_sym_key": "not base64!"}, [("config.api-sym-key", "api_sym_key")]),
        ({"api_private_key": SETTINGS["api_certificate"]}, [("config.public-key-pasted", "api_private_key")]),
        ({"api_private_key": [SETTINGS["api_private_key"]] * 2}, [("config.wrong-type", "api_private_key")]),
        ({"api_certificate": SETTINGS["api_private_key"]}, [("config.private-key-pasted", "api_certificate")]),
        ({"token": "cloud"}, [("config.not-in-the-cloud", name) for name in SETTINGS]),
    ],
)
def test_a_fault_of_the_four_settings(changed: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    """They go together, and none of them is in a repr."""
    values = {"platform": "wechat", "app_id": APP_ID, "app_secret": SECRET, **SETTINGS, **changed}
    table = Table("shop", {name: value for name, value in values.items() if value is not None}, now=NOW)
    assert WECHAT.configure(table) is None
    assert [(fault.code, fault.where.removeprefix("apps.shop.")) for fault in table.faults] == faults
    assert repr(_security()) == f"Security(sym_sn={OFFICIAL['sym_sn']!r})"
    assert repr(_security().sym_key) not in repr(configured(**SETTINGS))


def test_a_certificate_may_come_as_its_key() -> None:
    """What is trusted is the key."""
    certificate = parse_public_key(SETTINGS["api_certificate"])
    assert _security().platform_keys[0].public_numbers() == certificate.public_numbers()
