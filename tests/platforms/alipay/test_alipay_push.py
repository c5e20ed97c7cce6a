"""Alipay's message at its limits, and rightly signed ones with anything inside: one refusal, and never another error."""

from __future__ import annotations

import base64
import json
import random
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from haoma.authorize import take_push
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.errors import CannotOpen
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.alipay import ALIPAY
from haoma.platforms.alipay.app import AlipayApp
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.contract import Heard
from haoma.platforms.base.table import Table
from haoma.steps import Withdrawn
from haoma.verified import Subject

NOW = 1_800_000_000.0
MS = int(NOW * 1000)
MIRROR = AlipayMirror(random.Random(1).randbytes)
SETTINGS = MIRROR.settings("https://openapi.alipay.com")
ID = SETTINGS["alipay"]["app_id"]
WORLD = World(None, Memory())  # type: ignore[arg-type]


def app(name: str = "alipay", **more: Any) -> AlipayApp:
    table = Table(name, {**SETTINGS[name], **more}, now=NOW)
    found = ALIPAY.configure(table)
    assert found is not None, table.faults
    return found


APP = app()


def body(content: object = None, *, at: float = NOW, name: str = "alipay", **more: Any) -> bytes:
    said = {"user_id": "2088000000000001", "app_id": ID} if content is None else content
    return MIRROR.message(name, said, at, **more).body


def steps(sent: bytes, at: AlipayApp = APP, now: float = NOW) -> tuple[Heard, list[Withdrawn]]:
    """Take a message; return what was heard, and what was asked for."""
    flow, asked = take_push(at, {}, sent, now=now), []
    try:
        step = next(flow)
        while True:
            assert isinstance(step, Withdrawn)
            asked.append(step)
            step = flow.send(False)
    except StopIteration as end:
        return end.value, asked


def refused(sent: bytes, at: AlipayApp = APP, now: float = NOW) -> str:
    """The message is refused; return the step and the diagnosis."""
    with pytest.raises(CannotOpen) as caught:
        run(take_push(at, {}, sent, now=now), WORLD)
    assert type(caught.value) is CannotOpen
    return f"{caught.value.step} {caught.value.diagnosis}"


def signed(fields: dict[str, str | bytes], **more: Any) -> bytes:
    """Sign fields by hand, as bytes."""
    raw = {name: value if isinstance(value, bytes) else value.encode() for name, value in fields.items()}
    text = b"&".join(name.encode() + b"=" + raw[name] for name in sorted(raw) if name not in ("sign", "sign_type"))
    sign = forge_signature(MIRROR.alipay_key, text.decode("latin-1"), **more) if text.isascii() else by_hand(text)
    return urlencode({**raw, "sign": sign}).encode()


def by_hand(text: bytes) -> str:
    return base64.b64encode(MIRROR.alipay_key.sign(text, PKCS1v15(), SHA256())).decode()


def fields_of(sent: bytes) -> dict[str, Any]:
    return {name: value for name, value in parse_qsl(sent.decode()) if name != "sign"}


GOOD = {"user_id": "2088000000000001", "app_id": ID}
UNSIGNED = fields_of(MIRROR.message("alipay", GOOD, NOW).body)


@pytest.mark.parametrize(
    "sent, why",
    [
        (b"", "1 form"),
        (b"{}", "1 form"),
        (b"\xff=1", "1 form"),
        (b"A=1", "1 form"),
        (b"a", "1 form"),
        (b"a=", "1 form"),
        (b"a=%4", "1 form"),
        (b"a=%zz", "1 form"),
        (b"a=1&a=1", "1 form"),
        (b"sign=AAAA&sign=AAAA", "1 form"),
        (b"a=b", "2 sign"),
        (b"sign=%FF", "2 sign"),
        (b"sign=AAA", "2 sign"),
        (b"sign=AAAA", "2 signature"),
        (signed(UNSIGNED) + b"&extra=1", "2 signature"),
        (signed({**UNSIGNED, "extra": "1"}), "3 fields"),
        (signed({**UNSIGNED, "auth_app_id": ID}), "3 fields"),
        (signed({**UNSIGNED, "charset": b"\xff"}), "3 text"),
        (signed({**UNSIGNED, "biz_content": b'{"a":"\xff"}'}), "3 text"),
        (signed({**UNSIGNED, "version": "2.0"}), "3 version"),
        (signed({**UNSIGNED, "notify_id": "a&b=c"}), "3 notify_id"),
        (signed({**UNSIGNED, "utc_timestamp": str(MS)[:-3]}), "3 utc_timestamp"),
        (signed({**UNSIGNED, "app_id": "2021000000000003"}), "4 app_id"),
        (signed({**UNSIGNED, "biz_content": "{"}), "7 biz_content"),
        (signed({**UNSIGNED, "biz_content": '{"user_id":"a","user_id":"b"}'}), "7 biz_content"),
        (signed({**UNSIGNED, "biz_content": "[]"}), "7 biz_content"),
        (signed({**UNSIGNED, "biz_content": json.dumps(GOOD), "encrypt_type": "AES"}), "7 biz_content"),
        (signed({**UNSIGNED, "biz_content": "AAAAAAAAAAAAAAAAAAAAAA==", "encrypt_type": "AES"}), "7 sealed"),
        (body({"user_id": "", "app_id": ID}), "7 no user"),
        (body({"union_id": "u-000001", "app_id": ID}), "7 no user"),
        (body({**GOOD, "user_id": 2088000000000001}), "7 user_id"),
        (body({**GOOD, "user_id": "a" * 65}), "7 user_id"),
        (body({**GOOD, "user_id": "a" * 5}), "7 user_id"),
        (body({**GOOD, "open_id": "<script>"}), "7 open_id"),
        (body({**GOOD, "open_id": "good-id>"}), "7 open_id"),
        (body({**GOOD, "cancel_time": MS // 1000}), "7 cancel_time"),
        (body({**GOOD, "cancel_time": f"{MS}0"}), "7 cancel_time"),
        (body({**GOOD, "app_id": "2021000000000003"}), "7 app_id"),
    ],
)
def test_the_steps_that_refuse(sent: bytes, why: str) -> None:
    """Each kind of nonsense at its step."""
    assert refused(sent) == why


def test_a_user_by_one_id() -> None:
    """Either id is enough, at its shortest and longest."""
    for name in ("user_id", "open_id"):
        for size in (6, 64):
            assert steps(body({name: "a" * size}))[1]


def test_another_message_is_answered() -> None:
    """Whatever is in it; nothing is done."""
    assert steps(body("{", msg_method="alipay.trade.changed")) == (Heard("success", "other"), [])


def test_sealed_for_the_third_party_application() -> None:
    """A merchant's message may be sealed under the application's own content key."""
    merchant, own = app("alipay-merchant"), SETTINGS["alipay-merchant"]["app_id"]
    key = base64.b64decode(SETTINGS["alipay-merchant"]["isv_aes_key"])
    text = json.dumps({"user_id": "2088000000000001", "app_id": own}).encode()
    sealed = forge_cbc(key, bytes(16), text)
    assert steps(body(sealed, name="alipay-merchant", encrypt_type="AES"), merchant)[1]


def test_what_the_message_says() -> None:
    """Ids under their names, the time of the cancellation, the id of the message, and the app's policy."""
    said = {"cancel_time": MS - 5000, "user_id": "2088000000000001", "open_id": "074a1CcTG1", "union_id": "u-000001"}
    heard, (step,) = steps(body({**said, "app_id": ID}, notify_id="2026n1"), app(on_withdrawn="erase"))
    assert heard == Heard("success", "authorization-withdrawn")
    who = Subject(openid="074a1CcTG1", unionid="u-000001", user_id="2088000000000001")
    assert step == Withdrawn(f"alipay:{ID}", "alipay", "alipay", who, "authorization", "erase", NOW - 5, "2026n1")
    assert "2088" not in repr(step)
    assert "2026n1" not in repr(step)


def test_without_a_time_of_its_own_the_message_is_the_cancellation() -> None:
    """A number or text; without one the time at which the message was sent counts."""
    assert steps(body(at=NOW - 60))[1][0].at == NOW - 60
    assert steps(body({"user_id": "2088000000000001", "cancel_time": str(MS - 1000)}))[1][0].at == NOW - 1


@pytest.mark.parametrize("away", [26 * 3600.0, -300.0])
def test_the_clock(away: float) -> None:
    """As long as Alipay repeats, and five minutes the other way; not a second more."""
    sent = body()
    assert steps(sent, now=NOW + away)[0].said == "success"
    assert refused(sent, now=NOW + away + (1 if away > 0 else -1)) == "5 time"
    late = {"user_id": "2088000000000001", "cancel_time": MS + 300_000}
    assert steps(body(late))[0].said == "success"
    assert refused(body({**late, "cancel_time": MS + 300_001})) == "7 cancel_time"


@pytest.mark.parametrize(
    "name, most",
    [
        ("notify_id", "a" * 64), ("msg_method", "a" * 100), ("charset", "A" * 20), ("sign_type", "A" * 10),
        ("msg_type", "a" * 10), ("msg_uid", "1" * 32), ("msg_app_id", "1" * 32),
    ],
)  # fmt: skip
def test_the_longest_fields(name: str, most: str) -> None:
    """What is documented, and one character more."""
    longest: dict[str, Any] = {name: most}
    longer: dict[str, Any] = {name: most + most[0]}
    assert steps(body(**longest))[0].said == "success"
    assert refused(body(**longer)) == f"3 {name}"


def test_the_most_fields() -> None:
    """Twenty are looked at, one more is not; whoever signed them."""
    fields: dict[str, Any] = {f"extra{number}": "1" for number in range(11)}
    assert refused(body(**fields)) == "3 fields"  # with nine of the message twenty
    assert refused(body(**fields, one_more="1")) == "1 form"
    with pytest.raises(CannotOpen) as caught:
        run(take_push(APP, {}, body(extra="1"), now=NOW), WORLD)
    assert caught.value.unlisted == ("extra",)


@pytest.mark.parametrize(
    "name", ["app_id", "biz_content", "charset", "msg_method", "notify_id", "sign_type", "utc_timestamp", "version"]
)
def test_every_field_is_needed(name: str) -> None:
    """Without one of them, rightly signed: refused."""
    assert refused(signed({each: value for each, value in UNSIGNED.items() if each != name})) == "3 fields"


def test_a_merchants_message() -> None:
    """From the third-party application or for the merchant itself; about this merchant and no other."""
    merchant, own = app("alipay-merchant"), SETTINGS["alipay-merchant"]["app_id"]
    isv = SETTINGS["alipay-merchant"]["isv_app_id"]
    user = {"user_id": "2088000000000001"}
    for content, outside in (
        ({**user, "app_id": own}, isv),
        ({**user, "auth_app_id": own}, isv),
        ({**user, "auth_app_id": own, "app_id": isv}, isv),
        (user, own),
    ):
        assert steps(body(content, name="alipay-merchant", app_id=outside), merchant)[1]
    for content, outside in (
        (user, isv),
        ({**user, "app_id": isv}, isv),
        ({**user, "app_id": ID}, isv),
        ({**user, "auth_app_id": ID, "app_id": own}, isv),
        ({**user, "app_id": own}, ID),
    ):
        assert refused(body(content, name="alipay-merchant", app_id=outside), merchant) == (
            "4 app_id" if outside == ID else "7 app_id"
        )


def test_sealed_for_another_app() -> None:
    """The content key of another app opens nothing."""
    sent = MIRROR.message("alipay-other", {"user_id": "2088000000000001"}, NOW, sealed=True, app_id=ID).body
    assert refused(sent) == "7 sealed"


def test_sha1_only_by_choice() -> None:
    """The configuration decides, whatever ``sign_type`` says."""
    sent = signed({**UNSIGNED, "sign_type": "RSA"}, sha1=True)
    assert refused(sent) == "2 signature"
    legacy = app(allow_sha1_signatures=True)
    assert steps(sent, legacy)[0].said == "success"
    assert refused(sent.replace(b"2088", b"2089"), legacy) == "2 signature"


@given(st.binary(max_size=400))
def test_any_body(sent: bytes) -> None:
    """One refusal."""
    refused(sent)


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=12))
def test_any_form(fields: dict[str, str]) -> None:
    """Unsigned, one refusal."""
    refused(urlencode(fields).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["app_id", "auth_app_id", "user_id", "open_id", "union_id", "cancel_time", "x"])


@settings(max_examples=60)
@given(st.dictionaries(NAMES, JSON | st.just(ID) | st.just("2088000000000001"), max_size=6) | JSON, st.booleans())
def test_anything_rightly_signed(content: object, sealed: bool) -> None:
    """Believed with a user of this app, or refused; and never another exception."""
    try:
        _, (step,) = steps(body(json.dumps(content), sealed=sealed))
    except CannotOpen:
        return
    assert isinstance(content, dict)
    assert step.who.openid or step.who.user_id
    assert content.get("auth_app_id", content.get("app_id", ID)) == ID


@settings(max_examples=60)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_bit(where: float, bit: int) -> None:
    """A message in which one bit was changed says what it said before, or is refused."""
    sent = bytearray(body())
    before = steps(bytes(sent))
    sent[int(where * len(sent))] ^= 1 << bit
    try:
        after = steps(bytes(sent))
    except CannotOpen:
        return
    assert after == before
