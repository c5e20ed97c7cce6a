"""The remaining ways of WeChat and Alipay against stand-ins that share no code with haoma or its mirrors.

Third-party platform, cloud call, API security mode, sessions and quota; Alipay for merchants, with certificates and at
the command line. `support.independent.wechat_and_alipay` has the other side of the wire; here are the library, ``haoma serve`` and the commands.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trustme
from typer.testing import CliRunner, Result

from haoma import HaomaError
from haoma.authorize import take_push
from haoma.cli import app as command_line
from haoma.client import Client
from haoma.errors import CannotOpen, ConfigFaults, NonsenseReply, ReplySignatureMismatch, Spent
from haoma.platforms.alipay.content_key import fetch_content_key, replace_content_key
from haoma.platforms.wechat.session import check_session, reset_session_key
from haoma.platforms.wechat.third_party.grant import Grant, take_grant
from haoma.platforms.wechat.usage import usage
from haoma.problem import problem
from haoma.settings.model import Settings
from haoma.settings.reader import from_mapping
from support.independent.wechat_and_alipay import (
    NUMBER,
    PHONE,
    WEIXIN,
    Authority,
    CloudRun,
    Gateway,
    Merchant,
    OpenPlatform,
    Own,
    Sealed,
    Shop,
    alipay_sn,
    as_json,
    b64,
    certificate,
    name_of,
    pem,
    phone_info,
    private_pem,
    public_text,
    push_signature,
    query_of,
    rsa_key,
    seal_push,
    seal_raw,
    sign_pss,
)
from support.live import PUBLISHABLE_KEY, Answer, Asked, Reply, Service, platform, tables

COMPONENT = "/cgi-bin/component/"
COMPONENT_TOKEN = f"{COMPONENT}api_component_token"
MERCHANT_TOKEN = f"{COMPONENT}api_authorizer_token"
MERCHANT_INFO = f"{COMPONENT}api_get_authorizer_info"
QUERY_AUTH = f"{COMPONENT}api_query_auth"
START_PUSH = f"{COMPONENT}api_start_push_ticket"
LOGIN = "/sns/component/jscode2session"
CALLBACK = "/v1/apps/{}/callback"
E164 = f"+86{NUMBER}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


class Turntable:
    """A server for one stand-in after the other: to start and to stop one takes longer than a test."""

    def __init__(self) -> None:
        self.side: Any = None
        self.url = ""

    def answer(self, asked: Asked) -> Reply:
        found: Reply = self.side.answer(asked)
        return found


@pytest.fixture(scope="module")
def turntable() -> Iterator[Turntable]:
    turntable = Turntable()
    with platform(turntable.answer) as turntable.url:
        yield turntable


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@dataclass
class Bench:
    """The library towards stand-ins, for one test.

    Attributes:
        stack: Ends what was begun.
        ca_file: To load the system's authorities takes longer than a request.
    """

    stack: ExitStack
    ca_file: str
    turntable: Turntable
    numbers: int = 0

    def url(self, side: Any) -> str:
        self.turntable.side = side
        return self.turntable.url

    def settings(self, **apps: Mapping[str, Any]) -> Settings:
        return from_mapping({"allow_insecure_upstreams": True, "ca_file": self.ca_file, "apps": apps})

    def client(self, **apps: Mapping[str, Any]) -> Client:
        return self.stack.enter_context(Client(self.settings(**apps)))

    def body(self, *, login: bool = False) -> dict[str, Any]:
        """A body with codes that nobody has used."""
        self.numbers += 1
        code = {"authorization": {"code": f"good-phone-{self.numbers}"}}
        return {**code, "login_code": f"good-login-{self.numbers}"} if login else code


@pytest.fixture
def bench(stack: ExitStack, authority: str, turntable: Turntable) -> Bench:
    return Bench(stack, authority, turntable)


def push(client: Client, app: str, posted: tuple[str, bytes]) -> str:
    query, body = posted
    return client.run(take_push(client.apps[app], dict(parse_qsl(query)), body, now=time.time())).said


def refused(ask: Callable[[], object]) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        ask()
    return caught.value


def shown(error: HaomaError) -> str:
    """Everything that somebody may read of an error."""
    return str(error) + repr(error) + error.diagnosis + json.dumps([problem(error), problem(error, "zh")], default=str)


# --- third-party platform: pushes


@pytest.mark.parametrize("case", ["official-miniprogram-json-reply", "synthetic-component-verify-ticket"])
def test_the_stand_in_seals_as_was_published(case: str) -> None:
    """Its ciphertext and its signature are those that others have published."""
    vectors = json.loads((Path(__file__).parents[1] / "platforms" / "wechat" / "msg_crypt.json").read_text("utf-8"))
    found = next(each for each in vectors if each["id"] == case)
    key = base64.b64decode(found["encoding_aes_key"] + "=")
    head = found.get("random16", "").encode() or None
    if head:
        assert seal_push(key, found["plaintext"].encode(), found["receive_id"], head=head) == found["encrypt"]
    signed = push_signature(found["token"], found["timestamp"], found["nonce"], found["encrypt"])
    assert signed == found["msg_signature"]


def ticket_forms(op: OpenPlatform) -> dict[str, tuple[str, bytes]]:
    """Pushes of one ticket that say the same in other ways."""
    now, whole = int(time.time()), op.ticket_xml("ticket@@@good")
    app, kind, ticket = f"<AppId>{op.app_id}</AppId>", "component_verify_ticket", "ticket@@@good"
    plain = f"{app}<CreateTime>{now}</CreateTime><InfoType>{kind}</InfoType>"
    kept = f"<ComponentVerifyTicket>{ticket}</ComponentVerifyTicket>"
    spaced = whole.replace("><", ">\n\t<").replace("<![CDATA[", "\n <![CDATA[").replace("]]>", "]]>\r\n")
    sealed = seal_push(base64.b64decode(op.encoding_key + "="), whole.encode(), op.app_id)
    return {
        "as published": op.push(whole),
        "no CDATA": op.push(f"<xml>{plain}{kept}</xml>"),
        "another order": op.push(
            f"<xml>{kept}<InfoType><![CDATA[{kind}]]></InfoType><CreateTime>{now}</CreateTime>{app}</xml>"
        ),
        "white space everywhere": op.push(f"\n{spaced}\n"),
        "more elements": op.push(
            f"<xml><Note>号码 📱</Note><Empty></Empty><No/>{plain}<X><![CDATA[a<b>&c;]]></X>{kept}</xml>"
        ),
        "nested elements": op.push(f"<xml>{plain}<info><name>x</name><name>y</name></info>{kept}</xml>"),
        "an outer that is flat": op.posted(sealed, body="<xml><Encrypt>%s</Encrypt><ToUserName>x</ToUserName></xml>"),
        "a query with more": op.posted(sealed, appid="x", extra=""),
    }


FORMS = list(ticket_forms(OpenPlatform()))


@pytest.mark.parametrize("form", FORMS)
def test_a_ticket_is_taken_however_it_is_written(bench: Bench, form: str) -> None:
    """It is the one that the component's token is then fetched with."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, bench.url(op)))
    assert push(client, "shop", ticket_forms(op)[form]) == "success"
    assert client.get_phone_number("shop", bench.body(login=True)).e164 == E164
    assert json.loads(op.last(COMPONENT_TOKEN).body)["component_verify_ticket"] == "ticket@@@good"


def test_every_length_of_padding(bench: Bench) -> None:
    """PKCS#7 in blocks of 32 has from 1 to 32 bytes."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, "http://127.0.0.1:1"))
    for pad in range(1, 33):
        assert push(client, "shop", op.push(op.ticket_xml(), pad=pad)) == "success"


def test_the_key_before_and_keys_with_loose_bits(bench: Bench) -> None:
    """Of the 43rd character two bits count for nothing; any of the four is the same key. The key before is tried."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    old, alphabet = op.encoding_key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for loose in range(4):
        last = alphabet[alphabet.index(old[-1]) & ~3 | loose]
        own = op.settings(merchant, "http://127.0.0.1:1", component_aes_key=[op.new_key(), old[:-1] + last])
        client = bench.client(shop=own)
        assert push(client, "shop", op.push(op.ticket_xml())) == "success"
        with pytest.raises(CannotOpen):
            push(client, "shop", op.push(op.ticket_xml(), key=op.new_key()))


def bad_pushes(op: OpenPlatform) -> dict[str, tuple[str, bytes]]:
    """Pushes of a ticket that must not be believed."""
    kept, now = op.ticket, int(time.time()) + 9
    whole, other = op.ticket_xml("ticket@@@bad", now), op.app_id[:-1] + ("0" if op.app_id[-1] != "0" else "1")
    op.ticket = kept
    key = base64.b64decode(op.encoding_key + "=")
    sealed = seal_push(key, whole.encode(), op.app_id)
    good, body = op.posted(sealed)
    sent = dict(parse_qsl(good))
    frame = os.urandom(16) + len(whole).to_bytes(4, "big") + whole.encode() + op.app_id.encode()
    missing = 32 - len(frame) % 32

    def with_query(**more: str) -> tuple[str, bytes]:
        return "&".join(f"{name}={text}" for name, text in {**sent, **more}.items()), body

    def without(name: str) -> tuple[str, bytes]:
        return op.push("<xml>" + "".join(part for part in parts if f"<{name}>" not in part) + "</xml>")

    parts = elements(whole)
    doctype = '<!DOCTYPE xml [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    return {
        "no signature": ("&".join(f"{name}={sent[name]}" for name in sent if name != "msg_signature"), body),
        "the other signature": with_query(msg_signature=sent["signature"]),
        "a wrong signature": with_query(msg_signature="0" * 40),
        "an empty signature": with_query(msg_signature=""),
        "another time": with_query(timestamp=str(int(sent["timestamp"]) + 1)),
        "another nonce": with_query(nonce="0"),
        "too old": op.posted(sealed, away=-400),
        "too new": op.posted(sealed, away=400),
        "no time": with_query(timestamp=""),
        "an id of another in the frame": op.push(whole, receiver=other),
        "more behind the id": op.push(whole, receiver=op.app_id + "x"),
        "an id of another inside": op.push(whole.replace(op.app_id, other)),
        "another key": op.push(whole, key=op.new_key()),
        "padding of 33": op.posted(seal_raw(key, frame + bytes([missing + 32]) * (missing + 32))),
        "padding of 0": op.posted(seal_raw(key, frame + bytes(missing))),
        "uneven padding": op.posted(seal_raw(key, frame + b"\0" * (missing - 1) + bytes([missing]))),
        "a length beyond the end": op.posted(
            seal_raw(key, frame[:16] + b"\x7f\xff\xff\xff" + frame[20:] + bytes([missing]) * missing)
        ),
        "half a block": op.posted(b64(base64.b64decode(sealed)[:-16])),
        "one block": op.posted(b64(os.urandom(32))),
        "nothing sealed": op.posted(""),
        "a DTD outside": op.posted(sealed, body=doctype + "<xml><Encrypt>%s</Encrypt></xml>"),
        "an entity outside": op.posted(sealed, body=doctype + "<xml><Encrypt>&c;%s</Encrypt></xml>"),
        "a DTD inside": op.push(doctype + whole),
        "an entity inside": op.push(whole.replace("<![CDATA[ticket@@@bad]]>", "ticket&#64;")),
        "deep": op.push("<xml>" + "<a>" * 1000 + "</a>" * 1000 + "</xml>"),
        "deep outside": op.posted(sealed, body="<xml>" + "<a>" * 1000 + "<Encrypt>%s</Encrypt></xml>"),
        "Encrypt twice": op.posted(sealed, body="<xml><Encrypt>%s</Encrypt><Encrypt>%s</Encrypt></xml>"),
        "JSON": op.posted(sealed, body='{"Encrypt":"%s"}'),
        "empty": (good, b""),
        "not UTF-8": (good, body.replace(b"AppId", b"App\xff", 1)),
        "UTF-16": (good, body.decode().encode("utf-16")),
        **{f"no {name} inside": without(name) for name in ("AppId", "CreateTime", "ComponentVerifyTicket")},
        "a time of text": op.push(whole.replace(f"<CreateTime>{now}", "<CreateTime>now")),
        "a ticket of two words": op.push(whole.replace("ticket@@@bad", "ticket bad")),
    }


def elements(xml: str) -> list[str]:
    """Take the elements under the root of a ticket apart."""
    found, rest = [], xml.removeprefix("<xml>").removesuffix("</xml>")
    while rest:
        end = f"</{rest[1 : rest.index('>')]}>"
        element, _, rest = rest.partition(end)
        found.append(element + end)
    return found


# --- third-party platform, cloud, API security mode and Alipay: the service


@dataclass(frozen=True)
class World:
    """The service, and the stand-ins that it asks."""

    service: Service
    op: OpenPlatform
    herd: OpenPlatform
    rotating: OpenPlatform
    cloud: CloudRun
    token_file: Path
    sealed: Sealed
    gateway: Gateway

    def push(self, app: str, posted: tuple[str, bytes]) -> Answer:
        return self.service.request(
            "POST", f"{CALLBACK.format(app)}?{posted[0]}", posted[1], {"content-type": "text/xml"}
        )

    @property
    def log(self) -> list[dict[str, Any]]:
        self.service.request("GET", "/metrics")  # what waits to be written is written now
        return self.service.log

    @property
    def secrets(self) -> list[str]:
        """What must not stand in any log."""
        found = [self.sealed.secret, b64(self.sealed.sym_key), "ACCESS-sealed", b64(self.gateway.caller_aes_key)]
        for op in (self.op, self.herd, self.rotating):
            found += [op.secret, op.token, op.encoding_key, op.ticket, *op.tokens]
            for merchant in op.merchants.values():
                found += [merchant.refresh, *merchant.tokens, *merchant.used, merchant.openid]
        found += [*self.gateway.used, *(shop.app_auth_token for shop in self.gateway.shops), NUMBER, "ticket@@@"]
        return [*filter(None, found), *(b64(shop.aes_key) for shop in self.gateway.shops)]


def isv_settings(gateway: Gateway, shop: Shop, url: str, **more: Any) -> dict[str, Any]:
    found = {
        "platform": "alipay",
        "app_id": shop.app_id,
        "aes_key": b64(shop.aes_key),
        "isv_app_id": gateway.caller_id,
        "isv_aes_key": b64(gateway.caller_aes_key),
        "alipay_public_key": public_text(gateway.key),
        "app_private_key": private_pem(gateway.caller_key),
        "app_auth_token": shop.app_auth_token,
        "gateway_url": f"{url}/gateway.do",
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("outside")
    op, herd, rotating = OpenPlatform(3), OpenPlatform(2), OpenPlatform(1, rotates=True)
    cloud, sealed, gateway = CloudRun(), Sealed(), Gateway()
    token_file = folder / "cloudbase_access_token"
    with ExitStack() as stack:
        urls = [stack.enter_context(platform(side.answer)) for side in (op, herd, rotating, cloud, sealed, gateway)]
        own = list(op.merchants.values())
        own[2].sets = (17, 25)
        cloud_run = {"platform": "wechat", "app_id": cloud.app_id, "api_base_url": urls[3]}
        apps = {
            "op-a": op.settings(own[0], urls[0]),
            "op-b": op.settings(own[1], urls[0]),
            "op-without-18": op.settings(own[2], urls[0]),
            **{
                f"herd-{name}": herd.settings(each, urls[1])
                for name, each in zip("ab", herd.merchants.values(), strict=True)
            },
            "rotating": rotating.settings(next(iter(rotating.merchants.values())), urls[2]),
            "side": {**cloud_run, "token": "cloud", "cloud_base_url": urls[3]},
            "file": {
                **cloud_run,
                "token": "cloud-file",
                "cloud_token_file": str(token_file),
                "from_appid": cloud.app_id,
            },
            "sealed": sealed.settings(urls[4]),
            "shop-a": isv_settings(gateway, gateway.shops[0], urls[5]),
            "shop-b": isv_settings(gateway, gateway.shops[1], urls[5]),
        }
        service = stack.enter_context(Service(folder, tables(apps), log_level="debug"))
        yield World(service, op, herd, rotating, cloud, token_file, sealed, gateway)


BAD = list(bad_pushes(OpenPlatform()))


def test_nothing_of_a_bad_push_is_believed(world: World) -> None:
    """Each gets the same answer as the others, and after all of them there still is no ticket."""
    op, rotating = world.op, world.rotating
    for case, posted in bad_pushes(rotating).items():
        answer = world.push("rotating", posted)
        assert answer.code == "trust.cannot-open", case
        assert answer.status == 422, case
        told = {name: value for name, value in answer.json.items() if name != "request_id"}
        assert "diagnosis" not in told
    ways = {case: world.push("rotating", posted).json for case, posted in bad_pushes(rotating).items()}
    faces = {json.dumps({**way, "request_id": ""}, sort_keys=True) for way in ways.values()}
    assert len(faces) == 1
    answer = world.service.post("rotating", {"code": "good-early"})
    assert (answer.code, answer.json["platform_code"], answer.json["next"]) == (
        "platform.token-rejected", "no-ticket", "retry-later",
    )  # fmt: skip
    assert rotating.calls == {START_PUSH: 1}
    # Whoever has no component, no such app or no such platform gets no further.
    assert world.push("side", op.push(op.ticket_xml())).code == "trust.cannot-open"
    assert world.push("shop-a", op.push(op.ticket_xml())).status == 422
    assert world.push("nobody", op.push(op.ticket_xml())).status == 422
    assert world.service.request("GET", CALLBACK.format("rotating")).status == 422
    assert world.service.request("PUT", CALLBACK.format("rotating")).status == 405
    large = world.push("rotating", (rotating.push(rotating.ticket_xml())[0], b"<xml>" + b" " * 400_000))
    assert large.code == "envelope.too-large"
    diagnoses = [line.get("diagnosis") for line in world.log if line.get("app") == "rotating"]
    assert {"time", "signature", "sealed", "xml", "fields"} <= set(diagnoses)


def test_two_merchants_of_one_platform(world: World) -> None:
    """One ticket and one token of the component serve both; each has his own token, and his own users."""
    op = world.op
    answer = world.push("op-b", op.push(op.ticket_xml()))
    assert (answer.status, answer.body) == (200, b"success")
    for app, merchant in zip(("op-a", "op-b"), op.merchants.values(), strict=False):
        found = world.service.post(app, {"login_code": f"good-l-{app}", "authorization": {"code": f"good-p-{app}"}})
        assert found.number == E164, found.json
        assert found.json["subject"] == {"openid": merchant.openid, "unionid": f"u-{merchant.openid}"}
        assert json.loads(op.last(PHONE).body)["openid"] == merchant.openid
        masked = world.service.post(app, {"code": f"good-q-{app}"}, key=PUBLISHABLE_KEY)
        assert masked.json["masked"] == "139****1234"
        assert NUMBER.encode() not in masked.body
    assert (op.calls[COMPONENT_TOKEN], op.calls[MERCHANT_TOKEN], op.calls[MERCHANT_INFO]) == (1, 2, 2)
    assert world.service.post("op-a", {"code": "good-q-op-a"}).code == "trust.already-used"


def test_permission_set_18_is_missing(world: World) -> None:
    """The remedy names it, nothing that the user does helps, and the code was not used up."""
    world.push("op-a", world.op.push(world.op.ticket_xml()))
    answer = world.service.post("op-without-18", {"code": "good-set"})
    assert (answer.code, answer.json["platform_code"], answer.json["next"]) == (
        "platform.permission-missing", "61007", "stop",
    )  # fmt: skip
    assert "permission set 18" in answer.json["remedy"]
    [_, _, merchant] = world.op.merchants.values()
    merchant.sets = (18,)
    assert world.service.post("op-without-18", {"code": "good-set"}).number == E164


def test_twenty_at_once(world: World) -> None:
    """One token of the component and one of each merchant, whoever comes first; each request gets its own number."""
    herd = world.herd
    world.push("herd-a", herd.push(herd.ticket_xml()))
    herd.slow = 0.03
    bodies = [
        (f"herd-{'ab'[number % 2]}", {"authorization": {"code": f"good-p{number}"}, "login_code": f"good-l{number}"})
        for number in range(20)
    ]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda each: world.service.post(*each), bodies))
    herd.slow = 0.0
    assert {answer.number for answer in found} == {E164}
    assert herd.calls == {
        COMPONENT_TOKEN: 1, MERCHANT_INFO: 2, MERCHANT_TOKEN: 2, LOGIN: 20, PHONE: 20,
    }  # fmt: skip
    # Now both tokens are dead: each is renewed once, and every request goes through all the same.
    herd.tokens.append("replaced-elsewhere")
    for merchant in herd.merchants.values():
        merchant.tokens.append("replaced-elsewhere-" + merchant.app_id)
    herd.calls.clear()
    herd.slow = 0.03
    bodies = [(app, {"code": f"good-q{number}"}) for number, (app, _) in enumerate(bodies)]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda each: world.service.post(*each), bodies))
    herd.slow = 0.0
    assert {answer.number for answer in found} == {E164}
    assert (herd.calls[COMPONENT_TOKEN], herd.calls[MERCHANT_INFO]) == (1, 0)
    assert herd.calls[MERCHANT_TOKEN] <= 4  # two of them are answered "dead" by the component's token


def test_cloud_call(world: World) -> None:
    """By the sidecar without a token; by the file with the one that stands there now."""
    cloud = world.cloud
    assert world.service.post("side", {"code": "good-1"}).number == E164
    asked = cloud.last(PHONE)
    assert (asked.query, asked.method, json.loads(asked.body)) == ("", "POST", {"code": "good-1"})
    cloud.says[PHONE] = [(502, {"content-type": "text/html"}, b"<html>502</html>")]
    answer = world.service.post("side", {"code": "good-2"})
    assert (answer.code, answer.json["platform_code"]) == ("platform.permission-missing", "502")
    cloud.says[PHONE] = [as_json({"errcode": 41001, "errmsg": "missing"}, seqid="seq_47-11")]
    assert world.service.post("side", {"code": "good-3"}).json["platform_request_id"] == "seq_47-11"

    missing = world.service.post("file", {"code": "good-4"})
    assert (missing.code, missing.json["next"]) == ("outside.hook-failed", "retry-later")
    for number, content in enumerate((b"token-1", b"token-2\n", b"\xef\xbb\xbftoken-3\r\n", b"x" * 2048)):
        world.token_file.write_bytes(content)
        cloud.valid = {content.decode("utf-8-sig").strip()}
        assert world.service.post("file", {"code": f"good-5{number}"}).number == E164
        sent = query_of(cloud.last(PHONE))
        assert ({sent.pop("cloudbase_access_token")}, sent) == (cloud.valid, {"from_appid": cloud.app_id})
    asked_before = cloud.calls[PHONE]
    for number, content in enumerate((b"", b" \n", b"\xff\xfea\0", b"two words", b"x" * 2049, b"y" * 70_000)):
        world.token_file.write_bytes(content)
        assert world.service.post("file", {"code": f"good-6{number}"}).code == "outside.hook-failed"
    assert cloud.calls[PHONE] == asked_before
    lines = [line for line in world.log if line.get("code") == "outside.hook-failed"]
    assert len(lines) == 7
    assert all(line["diagnosis"].startswith("cloud_token_file: ") for line in lines)


def test_sealed_replies_of_the_service(world: World) -> None:
    """API security mode through the service: a number, a sealed refusal, and a reply that must not be believed."""
    assert world.service.post("sealed", {"code": "good-1"}).number == E164
    assert world.service.post("sealed", {"code": "bad-1"}).code == "platform.code-rejected"
    world.sealed.says[PHONE] = [as_json({"errcode": 0, "phone_info": phone_info(world.sealed.app_id)})]
    answer = world.service.post("sealed", {"code": "good-2"})
    assert (answer.code, answer.number) == ("trust.reply-signature-mismatch", "")


def test_merchants_of_alipay(world: World) -> None:
    """One key verifies for all merchants, the content key tells them apart; a code is exchanged by its own grant."""
    gateway = world.gateway
    for app, shop, other in zip(("shop-a", "shop-b"), gateway.shops, reversed(gateway.shops), strict=True):
        sent = {**gateway.envelope(shop), "loginCode": f"good-{shop.app_id}-{app}"}
        found = world.service.post(app, sent)
        assert found.number == E164, found.json
        assert found.json["subject"] == {"openid": f"open-{shop.app_id}"}
        assert world.service.post(app, gateway.envelope(other)).code == "trust.cannot-open"
        crossed = {**gateway.envelope(shop, "13900005678"), "loginCode": f"good-{other.app_id}-x{app}"}
        assert world.service.post(app, crossed).code == "platform.login-code-rejected"
        unsigned = {"response": gateway.envelope(shop)["response"]}
        assert world.service.post(app, unsigned).code == "trust.signature-missing"


def test_no_secret_is_logged(world: World) -> None:
    """Neither log nor output of the service has a secret, a code, an openid or a number, whatever came before."""
    echo = as_json({"errcode": 40013, "errmsg": " ".join(world.secrets)})
    world.op.says |= {MERCHANT_INFO: [echo], LOGIN: [echo], PHONE: [echo]}
    for app in ("op-a", "op-b"):
        world.service.post(app, {"login_code": "good-echo", "authorization": {"code": "good-echo"}})
    assert len(world.log) >= 2
    printed = world.service.printed.decode()
    assert not [secret for secret in world.secrets if secret in printed]


# --- third-party platform: refusals and grants


def everything(asked: Asked) -> str:
    """WeChat's words may repeat whatever it was sent."""
    return f"{asked.query} {asked.body.decode()} {NUMBER} rid: 6512-ab12"


PLACES = {
    "component": (COMPONENT_TOKEN, MERCHANT_TOKEN, MERCHANT_INFO),
    "login": (LOGIN,),
    "phone": (PHONE,),
}
# What is said at each place: our code, the platform's next step, and a word that the remedy has to have.
SAID: dict[int, tuple[str, str, str]] = {
    61007: ("platform.permission-missing", "stop", "permission set 18"),
    48001: ("platform.permission-missing", "stop", "permission set 18"),
    61003: ("platform.permission-missing", "stop", "grant again"),
    61004: ("platform.ip-not-allowed", "stop", "allow list"),
    40001: ("platform.token-rejected", "retry-later", "component_app_id"),
    42001: ("platform.token-rejected", "retry-later", "clock"),
    45011: ("platform.rate-limited", "retry-later", "next minute"),
}
AT_COMPONENT: dict[int, tuple[str, str, str]] = {
    61023: ("platform.credentials-rejected", "stop", "scan again"),
    40125: ("platform.credentials-rejected", "stop", "`component_app_secret`"),
    40013: ("platform.credentials-rejected", "stop", "`component_app_id`"),
    -1: ("platform.busy", "retry-later", "same request"),
}


@pytest.mark.parametrize(
    ("path", "errcode"),
    [
        (path, errcode)
        for place, paths in PLACES.items()
        for path in paths
        for errcode in (SAID | AT_COMPONENT if place == "component" else SAID)
    ],
)
def test_a_refusal_at_its_place(bench: Bench, path: str, errcode: int) -> None:
    """The remedy fits the place, the code of the user was not used up, and no secret comes back in any word."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    configured = {} if path == MERCHANT_INFO else {"authorizer_refresh_token": merchant.refresh}
    client = bench.client(shop=op.settings(merchant, bench.url(op), **configured))
    push(client, "shop", op.push(op.ticket_xml()))
    op.says[path] = [lambda asked: {"errcode": errcode, "errmsg": everything(asked)}] * 3
    body = bench.body(login=True)
    error = refused(lambda: client.get_phone_number("shop", body))
    assert (error.code, error.next_action, word := (SAID | AT_COMPONENT)[errcode][2]) == (SAID | AT_COMPONENT)[errcode]
    assert word in error.explain("en").remedy
    assert (error.spent, error.platform_code, error.request_id) == (Spent.NO, str(errcode), "6512-ab12")
    assert "`app_secret`" not in error.explain("en").remedy  # a third-party platform does not have it
    secrets = [op.secret, op.ticket, *op.tokens, merchant.refresh, *merchant.tokens, NUMBER]
    secrets += [body["login_code"], body["authorization"]["code"]]
    assert not [secret for secret in secrets if secret in shown(error)]
    # What WeChat calls dead is asked for once more, with a new token where there is one; nothing else is.
    assert op.calls[path] == (2 if errcode in (40001, 42001) and path != COMPONENT_TOKEN else 1)
    op.says.clear()
    assert client.get_phone_number("shop", body).e164 == E164


@pytest.mark.parametrize("errcode", [61003, 61010, 40001, -1])
def test_a_grant_that_cannot_be_fetched(bench: Bench, errcode: int) -> None:
    """The push is refused without a word of its secrets; the merchant's next request gets its token all the same."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, bench.url(op)))
    push(client, "shop", op.push(op.ticket_xml()))
    code = op.grant(merchant)
    op.says[QUERY_AUTH] = [lambda asked: {"errcode": errcode, "errmsg": everything(asked)}] * 2
    posted = op.push(op.event_xml("authorized", merchant, int(time.time()), code))
    error = refused(lambda: push(client, "shop", posted))
    assert (error.platform_code, error.spent) == (str(errcode), Spent.NO)
    assert not [secret for secret in (op.secret, op.ticket, *op.tokens, code) if secret in shown(error)]
    op.says.clear()
    assert client.get_phone_number("shop", bench.body()).e164 == E164


def test_a_refresh_token_that_changes_with_each_use(bench: Bench) -> None:
    """The new one is kept, so that the next renewal succeeds; the application hears of each."""
    op = OpenPlatform(1, rotates=True)
    heard: list[Grant] = []
    [merchant] = op.merchants.values()
    own = op.settings(merchant, bench.url(op), authorizer_refresh_token=merchant.refresh, on_grant=heard.append)
    client = bench.client(shop=own)
    push(client, "shop", op.push(op.ticket_xml()))
    for number in range(4):
        assert client.get_phone_number("shop", bench.body()).e164 == E164
        assert op.calls[MERCHANT_TOKEN] == number + 1
        merchant.tokens.append(f"somebody-elses-{number}")  # ours is dead
    assert [(grant.event, grant.app_id) for grant in heard] == [("renewed", merchant.app_id)] * 4
    kept = heard[-1].refresh_token
    assert kept is not None
    assert kept.reveal() == merchant.refresh
    assert op.calls[MERCHANT_INFO] == 0
    assert merchant.refresh not in repr(heard)


def test_a_refresh_token_that_somebody_else_used_up(bench: Bench) -> None:
    """61023 once, then WeChat is asked for the current one, in the same request."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    own = op.settings(merchant, bench.url(op), authorizer_refresh_token="refreshtoken@@@long-gone")
    client = bench.client(shop=own)
    push(client, "shop", op.push(op.ticket_xml()))
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    assert (op.calls[MERCHANT_TOKEN], op.calls[MERCHANT_INFO]) == (2, 1)


@pytest.mark.parametrize("said", [(404, {}, b"<html>"), {}, {"errcode": 40066, "errmsg": "invalid url"}])
def test_a_dead_refresh_token_is_called_dead(bench: Bench, said: Any) -> None:
    """Whatever WeChat answers to the question for another one, it is 61023 that somebody has to hear of."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    own = op.settings(merchant, bench.url(op), authorizer_refresh_token="refreshtoken@@@long-gone")
    client = bench.client(shop=own)
    push(client, "shop", op.push(op.ticket_xml()))
    op.says[MERCHANT_INFO] = [said]
    error = refused(lambda: client.get_phone_number("shop", bench.body()))
    assert (error.code, error.platform_code) == ("platform.credentials-rejected", "61023")


def test_grants_come_and_go(bench: Bench) -> None:
    """The pushes of a grant are followed; an old one that is sent again changes nothing, whatever it says."""
    op = OpenPlatform(2)
    heard: list[Grant] = []
    shop, other = op.merchants.values()
    client = bench.client(shop=op.settings(shop, bench.url(op), on_grant=heard.append))
    app: Any = client.apps["shop"]
    now = int(time.time())

    def number() -> str:
        return client.get_phone_number("shop", bench.body(login=True)).e164

    def event(kind: str, merchant: Merchant, after: int) -> tuple[str, bytes]:
        code = "" if kind == "unauthorized" else op.grant(merchant)
        return op.push(op.event_xml(kind, merchant, now + after, code))

    # No ticket yet: the grant cannot be fetched, and is not lost.
    error = refused(lambda: push(client, "shop", event("authorized", shop, 1)))
    assert error.platform_code == "no-ticket"
    push(client, "shop", op.push(op.ticket_xml()))
    assert number() == E164
    assert (op.calls[QUERY_AUTH], op.calls[MERCHANT_INFO]) == (1, 0)
    first = event("updateauthorized", shop, 2)
    assert push(client, "shop", first) == "success"
    assert number() == E164
    taken = event("unauthorized", shop, 3)
    shop.granted = False
    shop.tokens.append("dead")
    assert push(client, "shop", taken) == "success"
    assert refused(number).platform_code == "61003"
    shop.granted = True
    again = event("authorized", shop, 4)
    assert push(client, "shop", again) == "success"
    calls = op.calls.copy()
    for old in (first, taken, again, taken):
        assert push(client, "shop", old) == "success"
    assert number() == E164
    assert (op.calls - calls) == {LOGIN: 1, PHONE: 1}
    # The page that the merchant is sent back to has the code as well; and a merchant that is nobody's app is fine.
    grant = client.run(take_grant(app, op.grant(shop)))
    assert (grant.app_id, grant.allows_phone_numbers) == (shop.app_id, True)
    assert push(client, "shop", event("authorized", other, 5)) == "success"
    assert number() == E164
    assert [(each.event, each.app_id == shop.app_id) for each in heard] == [
        ("authorized", True), ("updateauthorized", True), ("unauthorized", True), ("authorized", True),
        ("authorized", True), ("authorized", False),
    ]  # fmt: skip


def test_only_a_newer_ticket_takes_the_place(bench: Bench) -> None:
    """An older one that is sent again is answered like any other and changes nothing; a newer one counts."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, bench.url(op)))
    now = int(time.time())
    older, kept = op.push(op.ticket_xml("ticket@@@1", now - 600)), op.push(op.ticket_xml("ticket@@@2", now - 1))
    for posted in (older, kept, older, kept, older):
        assert push(client, "shop", posted) == "success"
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    assert json.loads(op.last(COMPONENT_TOKEN).body)["component_verify_ticket"] == "ticket@@@2"
    push(client, "shop", op.push(op.ticket_xml("ticket@@@3", now)))
    op.tokens.append("dead")
    assert client.get_phone_number("shop", bench.body(login=True)).e164 == E164
    assert json.loads(op.last(COMPONENT_TOKEN).body)["component_verify_ticket"] == "ticket@@@3"


def test_one_grant_that_is_pushed_twice_at_once(bench: Bench) -> None:
    """WeChat sends again what was not answered in time: the code is exchanged once, and both are answered."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, bench.url(op)))
    push(client, "shop", op.push(op.ticket_xml()))
    xml = op.event_xml("authorized", merchant, int(time.time()), op.grant(merchant))
    op.slow = 0.05
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _n: push(client, "shop", op.push(xml)), range(4))) == {"success"}
    assert op.calls[QUERY_AUTH] == 1
    assert client.get_phone_number("shop", bench.body()).e164 == E164


@pytest.mark.parametrize("kind", ["something_new", "notify_third_fasteregister"])
def test_pushes_without_use_are_answered(bench: Bench, kind: str) -> None:
    """WeChat adds kinds as it likes."""
    op = OpenPlatform(1)
    [merchant] = op.merchants.values()
    client = bench.client(shop=op.settings(merchant, "http://127.0.0.1:1"))
    more = "<status>0</status><info><name><![CDATA[x]]></name><code_type>1</code_type></info>"
    xml = f"<xml><AppId>{op.app_id}</AppId><CreateTime>1</CreateTime><InfoType>{kind}</InfoType>{more}</xml>"
    assert push(client, "shop", op.push(xml)) == "success"
    with pytest.raises(CannotOpen):
        push(client, "shop", op.push(xml, receiver=merchant.app_id))


# --- cloud call


def test_plain_http_to_the_sidecar_alone(monkeypatch: pytest.MonkeyPatch, turntable: Turntable, authority: str) -> None:
    """Where the system resolves WeChat's name to the sidecar, it is asked without leave and without a token."""
    cloud = turntable.side = CloudRun()
    found = socket.getaddrinfo("127.0.0.1", int(turntable.url.rpartition(":")[2]), type=socket.SOCK_STREAM)
    asked_for = []

    def resolve(host: Any, port: Any, *_more: Any, **_options: Any) -> Any:
        asked_for.append((host, port))
        return found

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    app = {"platform": "wechat", "app_id": cloud.app_id, "token": "cloud"}
    with Client(from_mapping({"ca_file": authority, "apps": {"shop": app}})) as client:
        assert client.get_phone_number("shop", {"code": "good-1"}).e164 == E164
    assert asked_for[0] == ("api.weixin.qq.com", 80)
    assert {port for _, port in asked_for} == {80}
    asked = cloud.last(PHONE)
    assert (asked.headers["host"], asked.query) == ("api.weixin.qq.com", "")
    assert "token" not in str(asked.headers)


# --- API security mode


def change(stage: str, **parts: Any) -> Callable[[str, dict[str, Any]], None]:
    """Damage a reply at one stage; a function is given the parts and returns the new one."""

    def damage(at: str, found: dict[str, Any]) -> None:
        if at == stage:
            for name, value in parts.items():
                found[name] = value(found) if callable(value) else value

    return damage


def with_inside(**more: Any) -> Callable[[str, dict[str, Any]], None]:
    return change("inside", inside=lambda parts: {**parts["inside"], **more})


def with_sent(**more: Callable[[str], Any]) -> Callable[[str, dict[str, Any]], None]:
    return change(
        "sent", sent=lambda parts: {**parts["sent"], **{name: of(parts["sent"][name]) for name, of in more.items()}}
    )


def with_headers(**more: str | None) -> Callable[[str, dict[str, Any]], None]:
    named = {name.replace("_", "-"): text for name, text in more.items()}
    return change("headers", headers=lambda parts: {**parts["headers"], **named})


DAMAGES: dict[str, tuple[str, Callable[[str, dict[str, Any]], None]]] = {
    "another key": ("signature", change("start", key=rsa_key("stranger"))),
    "no signature": ("signature", with_headers(Wechatmp_Signature=None)),
    "a signature of nothing": ("signature", with_headers(Wechatmp_Signature="")),
    "no base64": ("signature", with_headers(Wechatmp_Signature="%%%")),
    "another address": ("signature", change("start", url=PHONE)),
    "another time in the header": ("signature", with_headers(Wechatmp_TimeStamp="1700000000")),
    "no time": ("headers", with_headers(Wechatmp_TimeStamp=None)),
    "another app": ("headers", change("start", app_id="wx0123456789abcdef")),
    "another app that no header names": (
        "signature",
        change("start", app_id="wx0123456789abcdef", headers={"Wechatmp-Appid": None}),
    ),
    "an old time": ("time", change("start", timestamp=lambda _parts: int(time.time()) - 400)),
    "a time to come": ("time", change("start", timestamp=lambda _parts: int(time.time()) + 400)),
    "another app inside": ("inside", with_inside(_appid="wx0123456789abcdef")),
    "no app inside": ("inside", with_inside(_appid=None)),
    "another time inside": ("inside", with_inside(_timestamp=1700000000)),
    "a body that is no JSON": ("sealed", change("sent", body=b"hello")),
    "a body that is a list": ("sealed", change("sent", body=b"[]")),
    "nothing but text inside": ("sealed", change("inside", plain=b"hello")),
    "a tag cut off": ("sealed", with_sent(authtag=lambda text: b64(base64.b64decode(text)[:12]))),
    "a tag of four bytes": ("sealed", with_sent(authtag=lambda text: b64(base64.b64decode(text)[:4]))),
    "no tag": ("sealed", with_sent(authtag=lambda _text: "")),
    "an IV of sixteen": ("sealed", change("start", iv=os.urandom(16))),
    "an IV of eight": ("sealed", change("start", iv=os.urandom(8))),
    "no IV": ("sealed", with_sent(iv=lambda _text: None)),
    "other data": ("sealed", with_sent(data=lambda text: b64(base64.b64decode(text)[:-1] + b"x"))),
    "another AES key": ("sealed", change("start", sym_key=os.urandom(32))),
}


def test_replies_that_are_not_wechats(bench: Bench) -> None:
    """Whatever is wrong is one refusal; only the log tells which. What the code has suffered is not known."""
    side = Sealed()
    client = bench.client(shop=side.settings(bench.url(side)))
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    side.damage = with_headers(Wechatmp_Appid=None, Wechatmp_Serial=None)  # the signature covers the one, not the other
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    for case, (diagnosis, damage) in DAMAGES.items():
        side.damage = damage
        body = bench.body()
        with pytest.raises(HaomaError) as caught:
            client.get_phone_number("shop", body)
        error = caught.value
        assert (type(error), error.diagnosis, error.spent) == (ReplySignatureMismatch, diagnosis, Spent.UNKNOWN), case
        assert NUMBER not in shown(error)
        side.damage = lambda _stage, _parts: None
        assert client.get_phone_number("shop", body).e164 == E164, case
    assert len(set(side.nonces)) == len(side.nonces) == 2 * len(DAMAGES) + 2


@pytest.mark.parametrize("kept", ["new", "old", "both", "old first"])
def test_while_wechat_changes_its_certificate(bench: Bench, kept: str) -> None:
    """Either signature will do, and the number of the certificate is not what is trusted."""
    side = Sealed()
    new, old = side.certificate(side.key), side.certificate(side.old_key)
    certificates = {"new": new, "old": old, "both": [new, old], "old first": [old, new]}[kept]
    client = bench.client(shop=side.settings(bench.url(side), api_certificate=certificates))

    def both(parts: dict[str, Any]) -> dict[str, Any]:
        deprecated = sign_pss(side.old_key, parts["lines"])
        named = {"Wechatmp-Serial-Deprecated": "old", "Wechatmp-Signature-Deprecated": deprecated}
        return {**parts["headers"], **named, "Wechatmp-Serial": "of-which-nobody-knows"}

    side.damage = change("headers", headers=both)
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    side.damage = change("start", key=rsa_key("stranger"))
    assert refused(lambda: client.get_phone_number("shop", bench.body())).diagnosis == "signature"


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ({"errcode": 40234, "errmsg": "bad signature rid: 1-2"}, HaomaError, "platform.security-mode-mismatch"),
        ({"errcode": 0, "phone_info": {}}, ReplySignatureMismatch, ""),
        ({"errcode": "0", "phone_info": {}}, ReplySignatureMismatch, ""),
        ({"errcode": False, "phone_info": {}}, ReplySignatureMismatch, ""),
        ({"phone_info": {}}, ReplySignatureMismatch, ""),
        ({"errcode": [1], "phone_info": {}}, NonsenseReply, ""),
        ((502, {"content-type": "text/html"}, b"<html>502</html>"), NonsenseReply, ""),
        ((200, {"content-type": "text/html"}, b""), NonsenseReply, ""),
    ],
)
def test_what_is_unsigned_can_only_refuse(bench: Bench, said: Any, kind: type[HaomaError], code: str) -> None:
    """An unsigned reply gives no number, and the page of a gateway is not laid to the certificate."""
    side = Sealed()
    client = bench.client(shop=side.settings(bench.url(side)))
    if isinstance(said, dict) and "phone_info" in said:
        said = {**said, "phone_info": phone_info(side.app_id)}
    side.says[PHONE] = [said]
    error = refused(lambda: client.get_phone_number("shop", bench.body()))
    assert isinstance(error, kind)
    assert error.code == (code or kind.code)


def test_the_address_of_wechat_is_signed_behind_a_proxy_with_a_path(bench: Bench) -> None:
    """Both sides sign api.weixin.qq.com, wherever the request goes."""
    side = Sealed()
    url = bench.url(side)

    def through(asked: Asked) -> Reply:
        path = asked.path.removeprefix("/weixin")
        return side.answer(Asked(asked.method, path, asked.query, asked.headers, asked.body))

    proxy = bench.stack.enter_context(platform(through))
    client = bench.client(shop=side.settings(url, api_base_url=f"{proxy}/weixin/"))
    assert client.get_phone_number("shop", bench.body()).e164 == E164
    assert WEIXIN not in side.last(PHONE).headers.values()


# --- sessions and quota


def test_sessions_are_proven_by_the_text_of_their_key(bench: Bench) -> None:
    """``checksession`` and ``resetusersessionkey`` take our signature; a reset leaves only the new key."""
    side = Own()
    client = bench.client(shop=side.settings(bench.url(side)))
    app: Any = client.apps["shop"]
    assert refused(lambda: client.run(check_session(app, side.openid))).code == "trust.session-unknown"
    client.log_in("shop", "good-1")
    assert client.run(check_session(app, side.openid)) is True
    before = side.session_key
    client.run(reset_session_key(app, side.openid))
    assert side.session_key != before
    assert client.run(check_session(app, side.openid)) is True
    side.session_key = b64(os.urandom(16))  # the user has logged in somewhere else
    assert client.run(check_session(app, side.openid)) is False
    error = refused(lambda: client.run(reset_session_key(app, side.openid)))
    assert (error.platform_code, error.next_action) == ("87009", "ask-again")
    for said in ({"errcode": 87008, "errmsg": "x"}, {"errcode": 0}, {"errcode": 0, "session_key": "AAAA"}):
        side.says["/wxa/resetusersessionkey"] = [said]
        error = refused(lambda: client.run(reset_session_key(app, side.openid)))
        assert before not in shown(error)
    assert all(before not in asked.query for asked in side.asked)


@pytest.mark.parametrize(
    ("total", "used", "left", "low"), [("5000", "3999", 1001, False), (5000, 4000, 1000, True), ("0", "12", 0, True)]
)
def test_quota(bench: Bench, total: Any, used: Any, left: int, low: bool) -> None:
    """The warning comes before the last thousand."""
    side = Own()
    side.total, side.used = total, used
    client = bench.client(shop=side.settings(bench.url(side)))
    found = client.run(usage(client.apps["shop"]))  # type: ignore[arg-type]
    assert (found.left, found.low) == (left, low)


def test_what_the_doctor_says(bench: Bench, tmp_path: Path) -> None:
    """It asks what is free, warns of the quota, names the file that is absent, and shows no secret."""
    own, op, gateway = Own(), OpenPlatform(2), Gateway()
    urls = [bench.stack.enter_context(platform(side.answer)) for side in (own, op, gateway)]
    merchants = dict(zip(("merchant-a", "merchant-b"), op.merchants.values(), strict=True))
    apps = {
        "own": own.settings(urls[0]),
        **{name: op.settings(each, urls[1]) for name, each in merchants.items()},
        "file": {"platform": "wechat", "app_id": "wx" + "1" * 16, "token": "cloud-file", "cloud_token_file": "absent"},
        "shop": isv_settings(gateway, gateway.shops[0], urls[2]),
    }
    config = tmp_path / "haoma.toml"
    config.write_text(
        f"allow_insecure_upstreams = true\nca_file = {json.dumps(bench.ca_file)}\n{tables(apps)}", "utf-8"
    )
    told = CliRunner().invoke(command_line, ["doctor", "--online", "--json", "--config", str(config)])
    found = json.loads(told.stdout)["found"]
    said = {(each.get("where"), each["code"]) for each in found}
    assert {("apps.own", "doctor.quota-low"), ("apps.shop", "doctor.platform-answers")} <= said
    assert {(f"apps.{name}", "doctor.not-asked") for name in merchants} <= said
    [fault] = [each for each in found if each.get("severity") == "fault"]
    assert (fault["where"], fault["code"]) == ("apps.file", "outside.hook-failed")
    assert "cloud_token_file" in json.dumps(fault)
    secrets = [own.secret, "ACCESS", op.secret, op.token, op.encoding_key, b64(gateway.caller_aes_key)]
    secrets += [gateway.shops[0].app_auth_token, b64(gateway.shops[0].aes_key)]
    assert not [secret for secret in secrets if secret in told.output]
    assert (own.calls["/cgi-bin/stable_token"], op.calls) == (1, {START_PUSH: 1})


# --- Alipay


WRITERS: dict[str, Callable[[str, str, str], str]] = {
    "signature first": lambda name, node, sign: f'{{"sign":"{sign}","{name}":{node}}}',
    "spaced": lambda name, node, sign: f'\n{{ "{name}" :\r\n\t{node} ,\n"sign" : "{sign}" }}\n',
    "slashes of the signature escaped": lambda name, node, sign: (
        f'{{"{name}":{node},"sign":"{sign.replace("/", chr(92) + "/")}"}}'
    ),
    "its name elsewhere too": lambda name, node, sign: f'{{"x":{{"{name}":{{}}}},"{name}":{node},"sign":"{sign}"}}',
    "more beside it": lambda name, node, sign: f'{{"{name}":{node},"sign":"{sign}","request_id":"1","x":[{{}}]}}',
}
BAD_WRITERS: dict[str, tuple[str, Callable[[str, str, str], str]]] = {
    "no signature": ("trust.reply-unsigned", lambda name, node, _sign: f'{{"{name}":{node}}}'),
    "an empty signature": ("trust.reply-unsigned", lambda name, node, _sign: f'{{"{name}":{node},"sign":""}}'),
    "another signature": (
        "trust.reply-signature-mismatch",
        lambda name, node, sign: f'{{"{name}":{node},"sign":"{sign[4:]}{sign[:4]}"}}',
    ),
    "another spacing than signed": (
        "trust.reply-signature-mismatch",
        lambda name, node, sign: f'{{"{name}":{node.replace(": ", ":")},"sign":"{sign}"}}',
    ),
    "slashes not as signed": (
        "trust.reply-signature-mismatch",
        lambda name, node, sign: f'{{"{name}":{node.replace(chr(92) + "/", "/")},"sign":"{sign}"}}',
    ),
    "the node twice": (
        "outside.nonsense-reply", lambda name, node, sign: f'{{"{name}":{{}},"{name}":{node},"sign":"{sign}"}}'
    ),
    "a byte order mark": ("outside.nonsense-reply", lambda name, node, sign: f'\ufeff{{"{name}":{node},"sign":"{sign}"}}'),
    "HTML": ("outside.nonsense-reply", lambda _name, _node, _sign: "<html>504 Gateway Time-out</html>"),
    "nothing": ("outside.nonsense-reply", lambda _name, _node, _sign: ""),
}  # fmt: skip


@pytest.fixture
def gateway() -> Gateway:
    """Its success has slashes that are escaped, and text that is not ASCII."""
    gateway = Gateway()
    gateway.raw = lambda node: node[:-1] + ', "avatar": "https:\\/\\/x\\/y", "nick": "号码"}'
    return gateway


def test_layouts_of_the_gateways_reply(bench: Bench, gateway: Gateway) -> None:
    """The signature is over the bytes of the node, wherever it stands and whatever stands around it."""
    shop = gateway.shops[0]
    client = bench.client(shop=isv_settings(gateway, shop, bench.url(gateway)))

    def ask(name: str) -> str:
        body = {**gateway.envelope(shop), "login_code": f"good-{shop.app_id}-{name.replace(' ', '-')}"}
        return client.get_phone_number("shop", body).e164

    for name, writer in WRITERS.items():
        gateway.write = writer
        assert ask(name) == E164, name
    for name, (code, writer) in BAD_WRITERS.items():
        gateway.write = writer
        with pytest.raises(HaomaError) as caught:
            ask(name)
        error = caught.value
        assert error.code == code, name
        assert error.spent is not Spent.NO, name


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize(
    ("said", "code", "next_"),
    [
        ({"code": "40002", "sub_code": "isv.code-invalid"}, "platform.login-code-rejected", "ask-again"),
        ({"code": "20000", "sub_code": "isp.unknow-error"}, "platform.busy", "retry-later"),
        ({"code": "20001", "sub_code": "aop.invalid-app-auth-token"}, "platform.credentials-rejected", "stop"),
        ({"code": "40002", "sub_code": "isv.invalid-signature"}, "platform.credentials-rejected", "stop"),
        ({"code": "49999", "sub_code": "isv.never-heard-of"}, "platform.refused", "stop"),
        (
            {"_name": "alipay_system_oauth_token_response", "code": "40002", "sub_code": "isv.code-invalid"},
            "platform.login-code-rejected",
            "ask-again",
        ),
    ],
)
def test_refusals_of_the_gateway(
    bench: Bench, gateway: Gateway, said: dict[str, str], code: str, next_: str, *, signs: bool
) -> None:
    """A refusal may be signed or not, and does not repeat what it was asked with."""
    shop = gateway.shops[0]
    client = bench.client(shop=isv_settings(gateway, shop, bench.url(gateway)))
    login_code = f"good-{shop.app_id}-secret"
    words = f"https://a/b {login_code} {shop.app_auth_token} {NUMBER} 无效"
    gateway.raw, gateway.signs = str, signs
    gateway.says_method["alipay.system.oauth.token"] = {**said, "sub_msg": words}
    error = refused(lambda: client.get_phone_number("shop", {**gateway.envelope(shop), "login_code": login_code}))
    assert (error.code, error.next_action, error.platform_code) == (code, next_, said["code"])
    assert "https://a/b" in error.platform_message
    assert not [each for each in (login_code, shop.app_auth_token, NUMBER) if each in shown(error)]


def test_the_content_key_of_a_merchant(bench: Bench, gateway: Gateway) -> None:
    """It is told sealed; a new one is made only for the id of the merchant, and then the old one opens nothing more."""
    gateway.raw = str
    shop, other = gateway.shops
    settings = isv_settings(gateway, shop, bench.url(gateway))
    client = bench.client(shop=settings)
    app: Any = client.apps["shop"]
    assert client.run(fetch_content_key(app, time.time())).reveal() == settings["aes_key"]
    for wrong in ("", other.app_id, gateway.caller_id):
        with pytest.raises(ValueError, match="confirm_app_id"):
            client.run(replace_content_key(app, time.time(), confirm_app_id=wrong))
    assert gateway.methods == {"alipay.open.auth.app.aes.get": 1}
    key = client.run(replace_content_key(app, time.time(), confirm_app_id=shop.app_id))
    assert key.reveal() == b64(shop.aes_key) != settings["aes_key"]
    assert refused(lambda: client.get_phone_number("shop", gateway.envelope(shop))).code == "trust.cannot-open"
    both = bench.client(shop={**settings, "aes_key": [key.reveal(), settings["aes_key"]]})
    assert both.get_phone_number("shop", gateway.envelope(shop)).e164 == E164
    # Another third-party application's key: nothing is believed of what comes.
    strange = bench.client(shop={**settings, "isv_aes_key": b64(os.urandom(16))})
    assert isinstance(refused(lambda: strange.run(fetch_content_key(strange.apps["shop"], 0.0))), HaomaError)  # type: ignore[arg-type]


@dataclass
class Desk:
    """``haoma`` at the command line."""

    config: Path
    gateway: Gateway

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        command = ["alipay-aes-key", "--config", str(self.config), "--app", "shop", *arguments]
        return CliRunner().invoke(command_line, command, input=typed)


def test_nothing_is_reset_without_the_id(bench: Bench, gateway: Gateway, tmp_path: Path) -> None:
    """The command asks loudly, and asks for the id; it prints no key, whatever it does."""
    gateway.raw = str
    shop, other = gateway.shops
    config = tmp_path / "haoma.toml"
    table = tables({"shop": isv_settings(gateway, shop, bench.url(gateway))})
    config.write_text(f"allow_insecure_upstreams = true\nca_file = {json.dumps(bench.ca_file)}\n{table}", "utf-8")
    desk, keys = Desk(config, gateway), [b64(shop.aes_key)]
    told = desk.run("--to", str(tmp_path / "key"))
    assert (told.exit_code, (tmp_path / "key").read_text().strip()) == (0, keys[0])
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    printed = [told.output]
    for arguments, typed in (
        (["--reset"], ""),
        (["--reset"], "y\n"),
        (["--reset"], "yes\n"),
        (["--reset"], f"{other.app_id}\n"),
        (["--reset"], f"{gateway.caller_id}\n"),
        (["--yes-reset", other.app_id], None),
        (["--reset", "--yes-reset", other.app_id], f"{shop.app_id}\n"),
        (["--reset", "--to", str(tmp_path / "key")], f"{shop.app_id}\n"),
    ):
        told = desk.run(*arguments, typed=typed)
        assert told.exit_code != 0, arguments
        printed.append(told.output)
    assert gateway.methods == {"alipay.open.auth.app.aes.get": 1}
    assert b64(shop.aes_key) == keys[0]
    told = desk.run("--reset", "--to", str(tmp_path / "new"), typed=f"{shop.app_id}\n")
    assert told.exit_code == 0, told.output
    assert "immediately invalidates" in told.output
    keys.append(b64(shop.aes_key))
    assert (tmp_path / "new").read_text().strip() == keys[1] != keys[0]
    assert gateway.methods["alipay.open.auth.app.aes.set"] == 1
    printed.append(told.output)
    gateway.says["/gateway.do"] = [(200, {}, b"<html>504</html>")]
    told = desk.run("--yes-reset", shop.app_id)
    assert told.exit_code == 1
    assert "without --reset" in told.output  # whether it was done is not known; once more would be yet another key
    printed.append(told.output)
    assert not [key for key in (*keys, b64(gateway.caller_aes_key)) for output in printed if key in output]


# --- Alipay: certificates


@dataclass
class Certified:
    """An app in certificate mode."""

    authority: Authority
    gateway: Gateway
    leaf: Any
    app_leaf: Any

    @classmethod
    def made(cls) -> Certified:
        gateway, authority = Gateway(), Authority()
        shop = gateway.shops[0]
        gateway.caller_id, shop.app_auth_token = shop.app_id, ""
        made = cls(authority, gateway, authority.alipay(gateway.key), authority.app(gateway.caller_key))
        gateway.expected = {
            "app_cert_sn": alipay_sn(made.app_leaf), "alipay_root_cert_sn": alipay_sn(authority.root),
        }  # fmt: skip
        return made

    def settings(self, url: str, **more: Any) -> dict[str, Any]:
        found = {
            "platform": "alipay",
            "app_id": self.gateway.caller_id,
            "aes_key": b64(self.gateway.shops[0].aes_key),
            "alipay_cert": pem(self.leaf, self.authority.middle),
            "alipay_root_cert": self.authority.bundle,
            "app_cert": pem(self.app_leaf),
            "app_private_key": private_pem(self.gateway.caller_key),
            "gateway_url": f"{url}/gateway.do",
            **more,
        }
        return {name: value for name, value in found.items() if value is not None}


@pytest.fixture(scope="module")
def certified() -> Certified:
    return Certified.made()


def self_made(of: Certified) -> dict[str, tuple[Any, ...]]:
    """Certificates under no root of Alipay, with the same names as those that are."""
    key, middle, root = rsa_key("stranger"), of.authority.middle_name, of.authority.root.subject
    fake_root = certificate(root, root, key.public_key(), key, ca=True)
    fake_middle = certificate(middle, root, key.public_key(), key, ca=True)
    alipay, public = name_of("Alipay (China)", "Alipay"), of.gateway.key.public_key()
    fake = certificate(alipay, middle, public, key)
    by_an_app = certificate(alipay, of.app_leaf.subject, public, of.gateway.caller_key)
    return {
        "a root of one's own": (fake, fake_middle, fake_root),
        "Alipay's intermediate beside it": (fake, of.authority.middle),
        "issued by an app": (by_an_app, of.app_leaf, of.authority.apps),
    }


def faults_of(bench: Bench, settings: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What is found wrong, and whether that is more than a warning."""
    try:
        found = bench.settings(shop=settings).warnings
    except ConfigFaults as error:
        found = error.faults
    every_time = "config.insecure-upstreams-allowed"
    return [(fault.code, not fault.warning) for fault in found if fault.code != every_time]


def test_chains_of_the_configured_certificate(bench: Bench, certified: Certified) -> None:
    """The order in a file does not matter; what is merely absent or out of date is a warning; what is false a fault."""
    url, authority, leaf = "http://127.0.0.1:1", certified.authority, certified.leaf
    key = certified.gateway.key
    broken = "config.certificate-chain-broken"

    def found(**more: Any) -> list[tuple[str, bool]]:
        return faults_of(bench, certified.settings(url, **{"app_private_key": None, **more}))  # to read it takes time

    for good in (
        {},
        {"alipay_cert": pem(authority.middle, leaf)},
        {"alipay_cert": pem(authority.root, authority.middle, leaf)},
        {"alipay_cert": [pem(leaf, authority.middle), pem(authority.middle, authority.alipay(key))]},
        {"alipay_cert": "\ufeff" + pem(leaf, authority.middle).replace("\n", "\r\n")},
        {"app_cert": pem(certified.app_leaf, authority.apps)},
        {"app_cert": pem(authority.apps, certified.app_leaf)},
    ):
        assert found(**good) == [], good.keys()
    assert found(alipay_cert=pem(leaf)) == [(broken, False)]
    expired = authority.alipay(key, from_=-400, to=-1)
    assert found(alipay_cert=pem(expired, authority.middle)) == [("config.certificate-expired", False)]
    soon = authority.alipay(key, to=5)
    assert found(alipay_cert=pem(soon, authority.middle)) == [("config.certificate-expires-soon", False)]
    for name, chain in self_made(certified).items():
        assert (broken, True) in found(alipay_cert=pem(*chain)), name
    assert (broken, True) in found(alipay_root_cert=Authority("another").bundle)
    assert ("config.certificate-is-root", True) in found(alipay_cert=pem(authority.root))
    assert ("config.certificate-is-the-apps", True) in found(alipay_cert=pem(certified.app_leaf, authority.apps))
    private_key = private_pem(certified.gateway.caller_key)
    pair = found(app_private_key=private_key, app_cert=pem(leaf, authority.middle))
    assert ("config.key-pair-mismatch", True) in pair
    assert found(app_private_key=private_key) == []


def test_the_certificate_changes_while_we_run(bench: Bench, certified: Certified) -> None:
    """A reply that names another certificate has it fetched once; it counts for replies alone, and only if it is Alipay's."""
    gateway, authority, shop = certified.gateway, certified.authority, certified.gateway.shops[0]
    url, first, envelope = bench.url(gateway), gateway.key, gateway.envelope(shop)
    new = rsa_key("gateway after")
    leaf = authority.alipay(new)
    gateway.serial = alipay_sn(certified.leaf)

    def ask(client: Client) -> str:
        bench.numbers += 1
        body = {**envelope, "login_code": f"good-{shop.app_id}-{bench.numbers}"}
        return client.get_phone_number("shop", body).e164

    def rotated(*chain: Any, serial: str = "") -> Client:
        gateway.key, gateway.serial = new, serial or alipay_sn(chain[0])
        gateway.successors = {gateway.serial: pem(*chain)}
        gateway.methods.clear()
        return bench.client(shop=certified.settings(url))

    try:
        assert ask(bench.client(shop=certified.settings(url))) == E164
        for chain in ((leaf, authority.middle), (leaf,)):
            client = rotated(*chain)
            assert (ask(client), ask(client)) == (E164, E164)
            assert gateway.methods == {"alipay.system.oauth.token": 2, "alipay.open.app.alipaycert.download": 1}
        # The new key came over the network: it opens no envelope.
        error = refused(lambda: client.get_phone_number("shop", gateway.envelope(shop)))
        assert error.code == "trust.signature-mismatch"
        bad = {
            "another company's": (authority.alipay(new, "Some company"), authority.middle),
            "an app's": (authority.app(new, "Alipay (China)"), authority.apps),
            "expired": (authority.alipay(new, from_=-400, to=-1), authority.middle),
            **{name: chain for name, chain in self_made(certified).items() if name != "a root of one's own"},
        }
        for name, chain in bad.items():
            client = rotated(*chain)
            with pytest.raises(HaomaError) as caught:
                ask(client)
            assert caught.value.code == "trust.certificate-not-trusted", name
        assert refused(lambda: ask(rotated(leaf, authority.middle, serial="0" * 32))).because["reason"] == (
            "another-certificate"
        )
        no_root = bench.client(shop=certified.settings(url, alipay_root_cert=None, app_cert=None))
        gateway.expected, expected = {}, gateway.expected
        assert refused(lambda: ask(no_root)).because["needed"] == "alipay_root_cert"
        gateway.expected = expected
    finally:
        gateway.key, gateway.serial = first, ""


@pytest.mark.parametrize(
    ("sandbox", "host"),
    [
        (None, "openapi.alipay.com"),
        (False, "openapi.alipay.com"),
        (True, "openapi-sandbox.dl.alipaydev.com"),
        ("old", "openapi.alipaydev.com"),
    ],
)
def test_the_sandboxes(bench: Bench, certified: Certified, sandbox: Any, host: str) -> None:
    """New and old, and a warning at every start with either."""
    more = {"gateway_url": None, "sandbox": sandbox}
    settings = certified.settings("", **more)
    app: Any = bench.settings(shop=settings).apps["shop"]
    assert (app.gateway_url, app.upstreams) == (f"https://{host}/gateway.do", (f"https://{host}",))
    assert faults_of(bench, settings) == ([("config.sandbox", False)] if sandbox else [])
