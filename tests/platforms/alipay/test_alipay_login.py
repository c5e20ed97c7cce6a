"""The login by ``auth_code``: the request that is signed, and the reply that has to be."""

from __future__ import annotations

import base64
import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from haoma import catalogue
from haoma.authorize import verify_offline
from haoma.crypto import keys
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.crypto.signing import is_rsa2
from haoma.errors import (
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    LoginCodeRejected,
    Next,
    NonsenseReply,
    NotProven,
    OutcomeUnknown,
    PlatformRefusal,
    ReplySignatureMismatch,
    ReplyUnsigned,
    Spent,
    TimedOut,
)
from haoma.platforms.alipay.app import AlipayApp, configure
from haoma.platforms.alipay.gateway import call, request_parameters, string_to_sign
from haoma.platforms.alipay.login import log_in
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.contract import Login
from haoma.platforms.base.mirroring import Call
from haoma.platforms.base.table import Table
from haoma.secret import Secret
from haoma.steps import Flow, Reply, Send

GATEWAY = json.loads((Path(__file__).parent / "published" / "gateway.json").read_text("utf-8"))
NOW = 1_767_294_245.0  # 2026-01-02 03:04:05 in Beijing
MIRROR = AlipayMirror(os.urandom)
BASE = "http://127.0.0.1:1"


def configured(name: str = "alipay", **changed: Any) -> AlipayApp:
    values = {**MIRROR.settings(BASE)[name], **changed}
    table = Table(name, {key: value for key, value in values.items() if value}, now=NOW, allow_insecure_upstreams=True)
    app = configure(table)
    assert app is not None, table.faults
    return app


def sent(flow: Flow[Login]) -> Send:
    step = next(flow)
    assert isinstance(step, Send)
    return step


def answered(flow: Flow[Login], reply: Reply) -> Login:
    with pytest.raises(StopIteration) as end:
        flow.send(reply)
    login: Login = end.value.value
    return login


def by_mirror(app: AlipayApp, code: str, now: float = NOW, mirror_now: float = NOW) -> Reply:
    flow = log_in(app, Secret(code), now)
    body = sent(flow).request.body
    flow.close()
    answer = MIRROR.answer(Call("POST", "/gateway.do", {}, {}, body), mirror_now)
    assert answer is not None
    return Reply(answer.status, answer.headers, answer.body)


def exchange(app: AlipayApp, code: str, now: float = NOW, mirror_now: float = NOW) -> Login:
    reply = by_mirror(app, code, now, mirror_now)
    flow = log_in(app, Secret(code), now)
    sent(flow)
    return answered(flow, reply)


def with_reply(body: str | bytes, app: AlipayApp | None = None) -> Login:
    flow = log_in(app or configured(), Secret("a-code"), NOW)
    sent(flow)
    return answered(flow, Reply(200, {}, body.encode("utf-8") if isinstance(body, str) else body))


def signed(node: str, name: str = "alipay_system_oauth_token_response") -> str:
    return f'{{"{name}":{node},"sign":"{forge_signature(MIRROR.alipay_key, node)}"}}'


# --- the request


def test_published_request() -> None:
    """Parameters and signed text are those of another implementation, for the same app, code and time."""
    app = configured(app_id="2021000000000000")
    business = {"grant_type": "authorization_code", "code": "fe1ae5abacd54ba2a6c8f6902533TX64"}
    found = request_parameters(app, "alipay.system.oauth.token", business, NOW, for_merchant=True)
    assert found == GATEWAY["request"]["parameters"]
    assert string_to_sign(found) == GATEWAY["request"]["string_to_sign"]
    key = keys.parse_public_key(GATEWAY["alipay_public_key"])  # here it plays the app's key
    assert is_rsa2(key, base64.b64decode(GATEWAY["request"]["sign"]), string_to_sign(found).encode("utf-8"))


def test_request_is_a_signed_form() -> None:
    """The request is a form whose signature the gateway can check; the secret code is nowhere but in the body."""
    app = configured()
    step = sent(log_in(app, Secret("a-code"), NOW))
    assert step.request.url == BASE + "/gateway.do"
    assert step.request.query == ()
    assert "a-code" not in repr(step)
    form = {name: values[0] for name, values in parse_qs(step.request.body.decode("ascii")).items()}
    sign = base64.b64decode(form.pop("sign"))
    assert is_rsa2(MIRROR.app_key.public_key(), sign, string_to_sign(form).encode("utf-8"))


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Shanghai", "Pacific/Kiritimati"])
def test_timestamp_is_beijing_time_everywhere(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine in any time zone writes Beijing time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        timestamp = request_parameters(configured(), "m", {}, NOW, for_merchant=False)["timestamp"]
        local = str(datetime.fromtimestamp(NOW))  # noqa: DTZ006 - the machine's own
    time.tzset()
    assert timestamp == "2026-01-02 03:04:05"
    assert (local == timestamp) == (zone == "Asia/Shanghai")


@pytest.mark.parametrize("off_by", [-8 * 3600, 8 * 3600])
def test_gateway_refuses_other_zones(off_by: int) -> None:
    """The mirror's gateway refuses a time that is eight hours off, so that a wrong zone would be seen."""
    tap = MIRROR.tap("ok", allow=True, now=NOW)
    with pytest.raises(HaomaError) as caught:
        exchange(configured(), tap.login_code, now=NOW + off_by)
    assert caught.value.platform_sub_code == "isv.invalid-timestamp"


def test_certificate_mode() -> None:
    """In certificate mode both serial names are sent, as the gateway knows them, and are part of what is signed."""
    app = configured("alipay-cert")
    tap = MIRROR.tap("cert-ok", allow=True, now=NOW)
    step = sent(log_in(app, Secret(tap.login_code), NOW))
    form = parse_qs(step.request.body.decode("ascii"))
    assert len(form["app_cert_sn"][0]) == 32
    assert len(form["alipay_root_cert_sn"][0]) == 32  # the EC root of the bundle does not count
    login = exchange(app, tap.login_code)
    assert login.subject.openid
    assert login.subject.user_id.startswith("2088")


@pytest.mark.parametrize("gone", ["app_cert", "alipay_root_cert"])
def test_certificate_mode_half_configured(gone: str) -> None:
    """With one of the two certificates only, nothing is sent that the gateway could take, and it says what misses."""
    tap = MIRROR.tap("cert-ok", allow=True, now=NOW)
    with pytest.raises(HaomaError) as caught:
        exchange(configured("alipay-cert", **{gone: ""}), tap.login_code)
    assert caught.value.platform_code == "40001"
    assert caught.value.platform_sub_code == "isv.missing-app-cert-sn"


def test_without_private_key() -> None:
    """Without the app's private key a login cannot be checked, and that is said before anything is sent."""
    with pytest.raises(NotProven):
        next(log_in(configured(app_private_key=""), Secret("x"), NOW))


def test_request_by_another_key_is_refused() -> None:
    """A request that another key signed is refused as such."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = MIRROR.another_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    tap = MIRROR.tap("ok", allow=True, now=NOW)
    with pytest.raises(HaomaError) as caught:
        exchange(configured(app_private_key=other.decode("ascii")), tap.login_code)
    assert caught.value.code == "platform.credentials-rejected"
    assert exchange(configured(), tap.login_code).subject.openid  # a refused request does not use up the code


# --- the reply


@pytest.mark.parametrize("name", ["ok", "ok_certificate_mode"])
def test_published_success(name: str) -> None:
    """A success of another implementation is read: no ``code`` in it, ``open_id`` without ``user_id``."""
    app = configured(alipay_public_key=GATEWAY["alipay_public_key"])
    login = with_reply(GATEWAY["replies"][name], app)
    assert (login.subject.openid, login.subject.unionid) == ("000SYNTHETICopenid", "uni_synthetic")
    assert login.subject.user_id == ""


def test_published_error() -> None:
    """A refusal of another implementation, with Chinese text under the signature, is read and explained."""
    app = configured(alipay_public_key=GATEWAY["alipay_public_key"])
    with pytest.raises(LoginCodeRejected) as caught:
        with_reply(GATEWAY["replies"]["error"], app)
    assert caught.value.platform_message == "授权码code无效"
    assert caught.value.spent is Spent.YES


def test_login_code_works_once() -> None:
    """A login code is good for one exchange."""
    tap = MIRROR.tap("ok", allow=True, now=NOW)
    assert exchange(configured(), tap.login_code).app == "alipay"
    with pytest.raises(LoginCodeRejected):
        exchange(configured(), tap.login_code)


@pytest.mark.parametrize(
    "node",
    [
        '{"access_token":"t","open_id":"o","note":"中文，和 \\/ 斜线"}',
        '{ "access_token" : "t",\n\t"open_id":"o" }',
        '{"open_id":"o","access_token":"t","a":{"b":[1,2.50,1e5]}}',
        '{"access_token":"t","open_id":"\\u006f"}',
    ],
)
def test_signature_is_over_the_raw_text(node: str) -> None:
    """Blanks, order, escapes and spelling of numbers under the signature are kept byte for byte."""
    assert with_reply(signed(node)).subject.openid == "o"
    with pytest.raises(ReplySignatureMismatch):
        with_reply(signed(node).replace('"t"', '"T"'))
    if "\\/" in node:
        with pytest.raises(ReplySignatureMismatch):
            with_reply(signed(node).replace("\\/", "/"))


def test_real_reply_passes_the_signature_and_is_no_login() -> None:
    """A reply that the real gateway signed for another method is not taken for a login."""
    real = json.loads((Path(__file__).parent / "published" / "real-reply.json").read_text("utf-8"))
    app = configured(alipay_public_key=real["alipay_public_key_b64"])
    with pytest.raises(NonsenseReply):
        with_reply(real["raw_response"], app)
    moved = real["raw_response"].replace("alipay_open_file_upload_response", "alipay_system_oauth_token_response")
    with pytest.raises(NonsenseReply):  # the signature fits, but there is no user in it
        with_reply(moved, app)
    with pytest.raises(ReplySignatureMismatch):
        with_reply(moved.replace("file_id", "open_id"), app)


OK_NODE = '{"access_token":"t","open_id":"o"}'
ERROR_NODE = '{"msg":"Invalid Arguments","code":"40002","sub_msg":"授权码code无效","sub_code":"isv.code-invalid"}'


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (f'{{"alipay_system_oauth_token_response":{OK_NODE}}}', ReplyUnsigned),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":""}}', ReplyUnsigned),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":null}}', ReplyUnsigned),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":1}}', ReplyUnsigned),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":["AAAA"]}}', ReplyUnsigned),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":"AAAA"}}', ReplySignatureMismatch),
        (f'{{"alipay_system_oauth_token_response":{OK_NODE},"sign":"!"}}', ReplySignatureMismatch),
        (signed(OK_NODE).replace('"o"', '"p"'), ReplySignatureMismatch),
        (signed(OK_NODE)[:-1] + f',"alipay_system_oauth_token_response":{OK_NODE}}}', NonsenseReply),
        (signed('{"access_token":"","open_id":"o"}'), NonsenseReply),
        (signed('{"access_token":"t"}'), NonsenseReply),
        (signed('{"access_token":"t","open_id":1}'), NonsenseReply),
        (signed("[]"), NonsenseReply),
        (f'{{"error_response":{ERROR_NODE}}}', LoginCodeRejected),
        (f'{{"error_response":{ERROR_NODE},"sign":""}}', LoginCodeRejected),
        (signed(ERROR_NODE, "error_response"), LoginCodeRejected),
        (signed(ERROR_NODE, "error_response").replace("40002", "20000"), ReplySignatureMismatch),
        ("", NonsenseReply),
        ("<html>502 Bad Gateway</html>", NonsenseReply),
        ("{}", NonsenseReply),
        ('{"sign":"x"}', NonsenseReply),
        (b"\xff\xfe", NonsenseReply),
        ("[" * 5000, NonsenseReply),
    ],
)
def test_reply_is_refused(body: str | bytes, refusal: type[HaomaError]) -> None:
    """Unsigned successes, forged replies and nonsense are refused; an error needs no signature to be one."""
    with pytest.raises(refusal) as caught:
        with_reply(body)
    assert type(caught.value) is refusal


NAMED = "alipay_system_oauth_token_response"


def saying(words: str, name: str = NAMED) -> str:
    return f'{{"{name}":{{"code":"40002","sub_code":"isv.code-invalid",{words}}}}}'


@pytest.mark.parametrize(
    ("body", "code", "step", "said"),
    [
        (f'{{"{NAMED}":{OK_NODE}}}', "trust.reply-unsigned", 3, {}),
        (f'{{"{NAMED}":{{"code":"10000","open_id":"o"}}}}', "trust.reply-unsigned", 3, {}),
        (f'{{"{NAMED}":{OK_NODE},"sign":"AAAA"}}', "trust.reply-signature-mismatch", 3, {"keys_tried": 1}),
        ("x", "outside.nonsense-reply", 3, {"reason": "not JSON", "status": 200, "bytes": 1}),
        ("{}", "outside.nonsense-reply", 3, {"reason": "no response node", "status": 200, "bytes": 2}),
        ('{"error_response":""}', "outside.nonsense-reply", 3, {"reason": "no response node", "status": 200, "bytes": 21}),
        (f'{{"{NAMED}":1}}', "outside.nonsense-reply", 3, {"reason": "no response node", "status": 200, "bytes": 40}),
        (signed('"AAAA"'), "outside.nonsense-reply", 3, {"reason": "sealed"}),
        (signed('"A/"').replace("A/", "A\\/"), "outside.nonsense-reply", 3, {"reason": "sealed"}),
        (signed('{"access_token":"t"}'), "outside.nonsense-reply", 3, {"reason": "success without token or id"}),
        (signed('{"open_id":"o"}'), "outside.nonsense-reply", 3, {"reason": "success without token or id"}),
        (saying('"sub_msg":"a","msg":"b"'), "platform.login-code-rejected", 5, "a"),
        (saying('"sub_msg":"","msg":"b"'), "platform.login-code-rejected", 5, "b"),
        (saying('"msg":"no a-code"', "error_response"), "platform.login-code-rejected", 5, "no ***"),
        (saying('"sub_msg":null', "error_response"), "platform.login-code-rejected", 5, ""),
    ],
)  # fmt: skip
def test_the_facts_of_a_reply_that_is_refused(body: str, code: str, step: int, said: object) -> None:
    """Each refusal bears the number of its step, and says why: in our words, or in the gateway's."""
    with pytest.raises(HaomaError) as caught:
        with_reply(body)
    error = caught.value
    assert (error.code, error.step) == (code, step)
    assert said == (error.platform_message if error.platform_code else error.because)
    assert error.platform_sub_code == ("isv.code-invalid" if error.platform_code else "")
    assert error.spent is (Spent.UNKNOWN if code in NOT_TOLD else Spent.YES)


NOT_TOLD = ("trust.reply-signature-mismatch", "outside.nonsense-reply")


@pytest.mark.parametrize("node", ['{"msg":"m"}', '{"code":"10000","access_token":"t","open_id":"o","msg":"m"}'])
def test_an_error_node_is_a_refusal_whatever_it_says(node: str) -> None:
    """Its name decides, signed or not, and no user comes of it."""
    for body in (f'{{"error_response":{node}}}', signed(node, "error_response")):
        with pytest.raises(PlatformRefusal) as caught:
            with_reply(body)
        assert (caught.value.code, caught.value.platform_message) == ("platform.refused", "m")


@pytest.mark.parametrize(
    ("node", "openid", "unionid", "user_id"),
    [
        ({"open_id": "o"}, "o", "", ""),
        ({"open_id": "o", "union_id": "u", "user_id": "2088"}, "o", "u", "2088"),
        ({"user_id": "2088"}, "", "", "2088"),
        ({"alipay_user_id": "2088"}, "", "", "2088"),
        ({"user_id": "2088", "alipay_user_id": "other"}, "", "", "2088"),
        ({"open_id": 1, "union_id": ["u"], "user_id": "2088", "code": "10000"}, "", "", "2088"),
    ],
)
def test_who_logged_in(node: dict[str, Any], openid: str, unionid: str, user_id: str) -> None:
    """Each id under each of its names; what is no text is none."""
    login = with_reply(signed(json.dumps({"access_token": "t", **node})))
    assert (login.subject.openid, login.subject.unionid, login.subject.user_id) == (openid, unionid, user_id)
    assert (login.app, login.at) == ("alipay", NOW)


@pytest.mark.parametrize(
    ("missing", "needed"),
    [({"app_private_key": ""}, "app_private_key"), ({"isv_app_id": "2021000000000009"}, "app_auth_token")],
)
def test_a_login_that_cannot_be_checked(missing: dict[str, Any], needed: str) -> None:
    """The setting that is missing is named, before anything is sent."""
    with pytest.raises(NotProven) as caught:
        next(log_in(configured(**missing), Secret("x"), NOW))
    assert caught.value.because == {"not_proven": "login", "needed": needed}


def test_nothing_is_asked_without_a_key() -> None:
    """A caller that has not looked for the key makes a mistake of its own, which no platform hears of."""
    with pytest.raises(ValueError, match="no private key"):
        next(call(configured(app_private_key=""), "m", {}, NOW, for_merchant=False))


def test_what_is_signed() -> None:
    """Parameters by name, without the empty ones and without a signature."""
    assert (
        string_to_sign({"b": "2 &", "a": "1", "sign": "x", "c": "", "sign_type": "RSA2"}) == "a=1&b=2 &&sign_type=RSA2"
    )


@pytest.mark.parametrize("entry", catalogue.refusals("alipay").values(), ids=lambda entry: entry.native)
def test_a_code_becomes_its_error(entry: catalogue.Entry) -> None:
    """Every code of the table is raised with its words and its next step, wherever it may stand."""
    native, _, place = entry.native.partition("@")
    code, _, sub = native.partition("/")
    app = configured()
    raised = []
    if not place:  # inside an envelope
        inside = json.dumps({"code": code, "msg": "?", "subCode": sub})
        aes_key = base64.b64decode(MIRROR.settings(BASE)["alipay"]["aes_key"])
        sealed = forge_cbc(aes_key, bytes(16), inside.encode())
        envelope = {"response": sealed, "sign": forge_signature(MIRROR.alipay_key, f'"{sealed}"')}
        with pytest.raises(PlatformRefusal) as caught:
            verify_offline(app, envelope)
        raised.append(caught.value)
    if place or f"{native}@login" not in catalogue.refusals("alipay"):
        reply = json.dumps({"code": code, "msg": "?", "sub_code": sub})
        with pytest.raises(PlatformRefusal) as caught:
            with_reply(signed(reply, "error_response"), app)
        raised.append(caught.value)
    assert raised
    for error in raised:
        assert (error.code, error.platform_code, error.platform_sub_code) == (entry.code, code, sub)
        assert error.explain("zh") == entry.words("zh")
        assert not entry.ask_again or error.next_action is Next.ASK_AGAIN


@pytest.mark.parametrize(
    ("failure", "becomes"),
    [(TimedOut(), OutcomeUnknown), (ConnectionLost(), OutcomeUnknown), (ConnectFailed(), ConnectFailed)],
)
def test_lost_connections(failure: HaomaError, becomes: type[HaomaError]) -> None:
    """After the code was sent nobody knows whether it is used; before that it certainly is not."""
    flow = log_in(configured(), Secret("a-code"), NOW)
    sent(flow)
    with pytest.raises(becomes) as caught:
        flow.throw(failure)
    expected = (Spent.UNKNOWN, 2) if becomes is OutcomeUnknown else (Spent.NO, 0)
    assert (caught.value.spent, caught.value.step) == expected
