"""Behind every signature: what is rightly signed, and sealed, and makes no sense, ends in one of our refusals.

WeChat's pushes have the same in ``test_wechat_push_shapes.py``.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from haoma.authorize import log_in, verify_offline
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.errors import HaomaError
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from support.wire import NOW, Bench

MIRROR = AlipayMirror(random.Random(1).randbytes)
SETTINGS = MIRROR.settings("https://gateway.example")["alipay"]
AES = base64.b64decode(SETTINGS["aes_key"])
APP: App = PLATFORMS["alipay"].configure(Table("shop", SETTINGS, now=NOW))  # type: ignore[assignment]
RUBBISH: list[bytes] = [
    b"", b"\0", b"\xff", b"{", b"{}", b"[]", b'""', b"null", b"1", b"true", b"NaN", b'{"code":"10000"}', b"[[[[[[[[[[",
    b'{"code":"10000","mobile":null}', b'{"code":"10000","mobile":{}}', b'{"code":10000,"mobile":"13811112222"}',
    b'{"code":null}', b'{"code":[]}', b'{"code":{}}', b'{"code":"\\ud800"}', b'{"\\ud800":"10000"}', b'{"code":"40003"}',
    b'{"code":"40003","subCode":1}', b'{"code":"40003","sub_code":{}}', b'{"code":"10000","mobile":""}',
    b'{"code":"10000","code":"10000","mobile":"13811112222"}', b'{"mobile":"13811112222"}', b'{"code":1e999}',
    b'\xef\xbb\xbf{"code":"10000","mobile":"13811112222"}', b'{"code":"10000","mobile":"13811112222"}x',
    b'{"code":"10000","mobile":"13811112222\\u0000"}', b"9" * 5000, b'{"code":' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("plain", RUBBISH, ids=lambda plain: repr(plain[:40]))
def test_an_envelope_with_rubbish_inside(plain: bytes) -> None:
    """Sealed under the app's key and signed by Alipay's."""
    sealed = forge_cbc(AES, bytes(16), plain)
    sent = {"response": sealed, "sign": forge_signature(MIRROR.alipay_key, f'"{sealed}"')}
    with pytest.raises(HaomaError):
        verify_offline(APP, sent)


@pytest.mark.parametrize("size", [1, 15, 17, 31, 33])
def test_an_envelope_that_is_not_whole_blocks(size: int) -> None:
    """Signed all the same."""
    sealed = base64.b64encode(bytes(size)).decode()
    with pytest.raises(HaomaError) as caught:
        verify_offline(APP, {"response": sealed, "sign": forge_signature(MIRROR.alipay_key, f'"{sealed}"')})
    assert caught.value.code == "trust.cannot-open"


STEPS: list[tuple[bytes, str, int, str, dict[str, object]]] = [
    (b"{}", "trust.cannot-open", 5, "code", {"keys_tried": 1}),
    (b'{"code":1}', "trust.cannot-open", 5, "code", {"keys_tried": 1}),
    (b"x", "trust.cannot-open", 5, "text", {"keys_tried": 1}),
    (b'{"code":"40003","subCode":"x","subMsg":"a","msg":"c"}', "platform.user-not-authorized", 6, "40003 x a", {}),
    (b'{"code":"40003","sub_code":"y","sub_msg":"b","msg":"c"}', "platform.user-not-authorized", 6, "40003 y b", {}),
    (b'{"code":"40003","msg":"c"}', "platform.user-not-authorized", 6, "40003  c", {}),
    (b'{"code":"10000"}', "platform.no-phone-bound", 7, "10000  mobile is empty", {}),
    (b'{"code":"10000","mobile":""}', "platform.no-phone-bound", 7, "10000  mobile is empty", {}),
    (b'{"code":"10000","mobile":1}', "outside.nonsense-reply", 7, "mobile", {"field": "mobile", "type": "int"}),
    (b'{"code":"10000","mobile":"x"}', "outside.nonsense-reply", 7, "mobile", {"field": "mobile", "type": "str"}),
]


@pytest.mark.parametrize(("plain", "code", "step", "said", "because"), STEPS)
def test_the_step_that_refuses(plain: bytes, code: str, step: int, said: str, because: dict[str, object]) -> None:
    """What is inside of an envelope is refused by the step whose number the refusal bears, with its facts."""
    sealed = forge_cbc(AES, bytes(16), plain)
    with pytest.raises(HaomaError) as caught:
        verify_offline(APP, {"response": sealed, "sign": forge_signature(MIRROR.alipay_key, f'"{sealed}"')})
    error = caught.value
    words = f"{error.platform_code} {error.platform_sub_code} {error.platform_message}".strip() or error.diagnosis
    assert (error.code, error.step, words, error.because) == (code, step, said, because)


@pytest.mark.parametrize(
    ("mobile", "number"),
    [
        ("13811112222", "+8613811112222"),
        ("852-51234567", "+85251234567"),
        ("86-13811112222", "+8613811112222"),
        ("852-5123-4567", None),
        ("852-", None),
        ("-51234567", None),
        ("-", None),
        ("+852-51234567", None),
        ("999-51234567", None),
    ],
)
def test_a_country_before_a_number(mobile: str, number: str | None) -> None:
    """One hyphen stands between them. Whatever else is signed is nonsense, and no other exception."""
    sealed = forge_cbc(AES, bytes(16), json.dumps({"code": "10000", "mobile": mobile}).encode())
    sent = {"response": sealed, "sign": forge_signature(MIRROR.alipay_key, f'"{sealed}"')}
    if number is not None:
        assert verify_offline(APP, sent).e164 == number
        return
    with pytest.raises(HaomaError) as caught:
        verify_offline(APP, sent)
    assert caught.value.code == "outside.nonsense-reply"


def test_what_is_in_clear_text_is_no_word_of_the_platform() -> None:
    """A refusal that anybody could have written says so, and bears no step."""
    with pytest.raises(HaomaError) as caught:
        verify_offline(APP, {"code": "40003", "msg": "m"})
    assert (caught.value.platform_message, caught.value.step, caught.value.because) == ("m", 0, {"unverified": True})


class Gateway:
    """Answers a login with a node that is rightly signed."""

    def __init__(self, node: str, **beside: Any) -> None:
        self.node = node
        self.beside = beside

    def answer(self, _call: Call, _now: float) -> Answer:
        sign = forge_signature(MIRROR.alipay_key, self.node)
        more = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in self.beside.items())
        return Answer(body=f'{{"alipay_system_oauth_token_response":{self.node}{more},"sign":"{sign}"}}'.encode())


NODES = [
    "{}", "[]", '""', "null", "1", "true", '"AAAA"', '{"open_id":null}', '{"open_id":1}', '{"open_id":{}}', '{"open_id":""}',
    '{"open_id":[]}', '{"user_id":true}', '{"open_id":"\\ud800"}', '{"open_id":"a b"}', '{"open_id":"\\u0000"}',
    '{"code":"40002"}', '{"code":40002}', '{"code":{}}', '{"code":"40002","sub_code":{}}', '{"code":"40002","sub_code":1}',
    '{"code":null,"open_id":"o"}', '{"open_id":"o","open_id":"p"}', '{"open_id":NaN}', '{"open_id":"' + "o" * 9000 + '"}',
    '{"union_id":"u"}', '{"open_id":"o","union_id":1}', '{"open_id":"o","user_id":{}}',
]  # fmt: skip


@pytest.mark.parametrize("node", NODES, ids=lambda node: node[:40])
def test_a_reply_of_the_gateway_with_rubbish_inside(node: str) -> None:
    """Signed by Alipay: no login comes of it, and no other exception."""
    bench = Bench(Gateway(node))
    with pytest.raises(HaomaError) as caught:
        bench.run(log_in(APP, {"login_code": "a-code"}, now=NOW))
    assert caught.value.platform == "alipay"


@pytest.mark.parametrize(
    "certificate", [None, 1, {}, [], "", "x", "0" * 31, "0" * 33, "0" * 32 + "\n", "G" * 32, "é" * 32]
)
def test_a_certificate_of_any_name(certificate: Any) -> None:
    """Where the configured key has signed, whatever is named beside it is not looked at."""
    bench = Bench(Gateway('{"access_token":"t","open_id":"the-user"}', alipay_cert_sn=certificate))
    _, login = bench.run(log_in(APP, {"login_code": "a-code"}, now=NOW))
    assert login.subject.openid == "the-user"
    assert sum(bench.calls.values()) == 1
