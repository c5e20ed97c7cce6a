"""Signing and verifying webhooks, against the vectors of the Standard Webhooks project and by other means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haoma import webhooks
from haoma.errors import WebhookNotVerified, WrongArgument

# libraries/go/webhook_test.go of github.com/standard-webhooks/standard-webhooks, TestWebhookSign.
VECTOR: dict[str, Any] = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
NOW = 1_800_000_000
SECRET = webhooks.format_secret(b"canary-webhook-secret-of-32-bytes")
OTHER = webhooks.format_secret(b"canary-webhook-other-of-32-bytes!")
ID = "019a1b2c-3d4e-7f00-8000-000000000001"
BODY = json.dumps({
    "id": ID, "type": "phone.verified", "timestamp": "2027-01-15T08:00:00Z", "data": {"account": "a", "new": [1]},
}).encode()  # fmt: skip


def signed(body: bytes = BODY, *, secret: str = SECRET, at: int = NOW, event_id: str = ID) -> dict[str, str]:
    """The headers of a webhook, made by other means."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"Webhook-Id": event_id, "webhook-timestamp": str(at), "WEBHOOK-SIGNATURE": signature}


def refused(headers: Mapping[str, str], body: bytes = BODY, secrets: Any = SECRET, now: float = NOW) -> str:
    """What a webhook is refused for."""
    with pytest.raises(WebhookNotVerified) as caught:
        webhooks.verify(headers, body, secrets, now=now)
    assert "canary" not in repr(caught.value) + str(caught.value)
    return str(caught.value.because["field"])


def test_the_vector_of_the_specification() -> None:
    """The signature is the one that the project's own libraries make; only its body is no event of ours."""
    key = webhooks.parse_secret(VECTOR["secret"])
    assert key is not None
    made = webhooks.headers((key,), VECTOR["id"], VECTOR["timestamp"], VECTOR["body"])
    assert dict(made)["webhook-signature"] == VECTOR["signature"]
    arguments = dict(made), VECTOR["body"], VECTOR["secret"], VECTOR["timestamp"]
    assert refused(*arguments) == "body"
    assert refused({**dict(made), "webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="},
                   *arguments[1:]) == "webhook-signature"  # fmt: skip


def test_what_is_verified_is_an_event() -> None:
    """The names of headers have no case; members that are not known yet are there."""
    event = webhooks.verify(signed(), BODY, [OTHER, SECRET], now=NOW)
    assert (event.id, event.type, event.account, event.data["new"]) == (ID, "phone.verified", "a", [1])
    assert event.timestamp.isoformat() == "2027-01-15T08:00:00+00:00"
    with pytest.raises(AttributeError):
        event.id = "x"  # type: ignore[misc]
    odd = BODY.replace(b'"a"', b"1")
    assert webhooks.verify(signed(odd), odd, SECRET, now=NOW).account is None


def test_the_clock_is_the_computers_without_another() -> None:
    """Whatever was signed long ago is refused."""
    with pytest.raises(WebhookNotVerified):
        webhooks.verify(signed(at=1_600_000_000), BODY, SECRET)


@pytest.mark.parametrize("name", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
def test_each_header_is_needed_once(name: str) -> None:
    """None missing, none empty, none twice in another case."""
    headers = signed()
    rest = {each: value for each, value in headers.items() if each != name}
    for wrong in (rest, {**rest, name: ""}, {**headers, name.swapcase(): "x"}):
        assert refused(wrong) == name.lower()


def test_how_long_a_header_may_be() -> None:
    """4096 characters hold a dozen signatures; an id may have one."""
    right = signed()["WEBHOOK-SIGNATURE"]
    for length, fine in ((4096, True), (4097, False)):
        filled = {**signed(), "WEBHOOK-SIGNATURE": "x" * (length - len(right) - 1) + " " + right}
        assert (refused(filled) if not fine else webhooks.verify(filled, BODY, SECRET, now=NOW).id) == (
            ID if fine else "webhook-signature"
        )
    short = BODY.replace(ID.encode(), b"1")
    assert webhooks.verify(signed(short, event_id="1"), short, SECRET, now=NOW).id == "1"


@pytest.mark.parametrize(("shift", "fine"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes(shift: int, fine: bool) -> None:
    """In both directions."""
    if fine:
        assert webhooks.verify(signed(), BODY, SECRET, now=NOW + shift).id == ID
    else:
        assert refused(signed(), now=NOW + shift) == "webhook-timestamp"


@pytest.mark.parametrize("timestamp", ["-1", "1e9", " 1800000000", "1800000000.0", "１８００００００００", "9" * 13])
def test_a_time_is_digits(timestamp: str) -> None:
    """Nothing that Python or another language would also take for a number."""
    assert refused({**signed(), "webhook-timestamp": timestamp}) == "webhook-timestamp"


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is changed there are two; other versions of the scheme are passed over."""
    wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    right = signed()["WEBHOOK-SIGNATURE"]
    for each in (f"{wrong} {right}", f"{right} {wrong}", f"v1a,xx {right}", f"{wrong} v2,{right[3:]} {right}"):
        assert webhooks.verify({**signed(), "WEBHOOK-SIGNATURE": each}, BODY, SECRET, now=NOW).id == ID
    for each in (wrong, right[3:], "v2," + right[3:], "v1a," + right[3:], right + "=", right.lower(), "é", right[:-1]):
        assert refused({**signed(), "WEBHOOK-SIGNATURE": each}) == "webhook-signature"


def test_rotation() -> None:
    """What is signed with two secrets is believed by whoever has either, and by nobody else."""
    keys = [webhooks.parse_secret(each) for each in (OTHER, SECRET)]
    headers = dict(webhooks.headers([key for key in keys if key], ID, NOW, BODY))
    assert len(headers["webhook-signature"].split()) == 2
    for secrets in (SECRET, OTHER, [SECRET], (OTHER, SECRET)):
        assert webhooks.verify(headers, BODY, secrets, now=NOW).id == ID
    assert refused(headers, secrets=webhooks.format_secret(b"x" * 32)) == "webhook-signature"
    assert refused(headers, secrets=[]) == "webhook-signature"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", BODY.replace(b"2027", b"27"), BODY.replace(b'"data"', b'"dat"'), b"\xef\xbb\xbf" + BODY,
     BODY.replace(b'"type"', b'"id": "x", "type"'), BODY.replace(ID.encode(), b"019a1b2c-3d4e-7f00-8000-000000000002")],
)  # fmt: skip
def test_what_is_signed_and_no_event(body: bytes) -> None:
    """Nor one with another id than the header says, or with a member twice."""
    assert refused(signed(body), body) == "body"


@given(st.data())
def test_any_other_bit_is_refused(data: st.DataObject) -> None:
    """Whichever bit of body, id or signature is another one."""
    body, headers = bytearray(BODY), signed()
    what = data.draw(st.sampled_from(["body", *headers]))
    content = body if what == "body" else bytearray(headers[what].encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    if what != "body":
        headers[what] = content.decode()
    with pytest.raises(WebhookNotVerified):
        webhooks.verify(headers, bytes(body), SECRET, now=NOW)


@pytest.mark.parametrize(
    "secrets",
    ["", "canary", SECRET.removeprefix("whsec_"), SECRET + "=", [SECRET, None], [b"x" * 32], "whsec_" + "A" * 20,
     webhooks.format_secret(b"x" * 23), webhooks.format_secret(b"x" * 65), SECRET.replace("whsec_", "whsk_")],
)  # fmt: skip
def test_a_secret_is_one(secrets: Iterable[Any]) -> None:
    """A mistake of the program is told from a forged webhook, and shows nothing of the secret."""
    with pytest.raises(WrongArgument) as caught:
        webhooks.verify(signed(), BODY, secrets, now=NOW)
    assert "canary" not in str(caught.value)
    assert caught.value.because["instead"] == "whsec_ and base64 of 24 to 64 bytes"
    assert webhooks.SECRET_BYTES == 32


@pytest.mark.parametrize("length", [24, 32, 64])
def test_secrets_are_written_and_read(length: int) -> None:
    """The lengths that the specification allows."""
    assert webhooks.parse_secret(webhooks.format_secret(b"\xff" * length)) == b"\xff" * length


@pytest.mark.parametrize("page", ["webhooks.md", "webhooks.zh-CN.md"])
def test_the_receiver_of_the_documentation(page: str) -> None:
    """It runs as it is printed: an event counts once, and a forged one not at all."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    (code,) = re.findall(r"(?ms)^```python\n(.*?)^```$", text)
    forgotten: list[str] = []
    names: dict[str, Any] = {"SECRETS": [SECRET], "seen": set(), "forget": forgotten.append}
    exec(code, names)  # noqa: S102 - it is ours
    body = BODY.replace(b"phone.verified", b"account.erased")
    at = int(time.time())
    for _ in range(2):
        assert names["receive"](SimpleNamespace(headers=signed(body, at=at), body=body)) == 204
    assert names["receive"](SimpleNamespace(headers=signed(at=at), body=body)) == 401
    assert forgotten == ["a"]
