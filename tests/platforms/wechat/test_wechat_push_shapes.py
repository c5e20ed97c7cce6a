"""Pushes at their limits, and rightly signed ones with anything inside: one refusal, and never another exception."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haoma.authorize import take_push
from haoma.errors import CannotOpen, HaomaError, NonsenseReply, PlatformRefusal
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.push import read_flat_xml
from support.wechat import NOW, Bench

Pushed = tuple[dict[str, str], bytes]
MIRROR = WeChatMirror(random.Random(1).randbytes)
PLATFORM = MIRROR.platform
OWN = PLATFORM.settings()
KEY = base64.b64decode(OWN["component_aes_key"] + "=")
TICKET = f"<CreateTime>{int(NOW)}</CreateTime><InfoType>component_verify_ticket</InfoType>"
WHOLE = f"<AppId>{PLATFORM.app_id}</AppId>{TICKET}<ComponentVerifyTicket>t</ComponentVerifyTicket>"


def app() -> WeChatApp:
    table = Table("shop", MIRROR.settings("https://api.weixin.qq.com")["wechat-component"], now=NOW)
    found = WECHAT.configure(table)
    assert found is not None, table.faults
    return found


APP = app()


def push(pushed: Pushed, now: float = NOW) -> str:
    return Bench(MIRROR).run(take_push(APP, *pushed, now=now)).said


def refused(pushed: Pushed, now: float = NOW) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        push(pushed, now)
    return caught.value


def believed(pushed: Pushed) -> bool:
    """Tell whether a push is taken. What refuses it is the one refusal; any other exception fails the test."""
    try:
        return push(pushed) == "success"
    except CannotOpen:
        return False


def encrypted(plain: bytes) -> str:
    """Return a ciphertext of bytes that are whole blocks of AES, under the console's key; nothing is added."""
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(KEY[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def frame(message: bytes = f"<xml>{WHOLE}</xml>".encode(), *, receiver: str = "", length: int | None = None) -> bytes:
    size = len(message) if length is None else length
    return bytes(16) + size.to_bytes(4) + message + (receiver or PLATFORM.app_id).encode()


def signed(plain: bytes) -> Pushed:
    return PLATFORM.sign(NOW, encrypted(plain))


# --- who has not the token: query and head


def changed(**fields: str) -> Pushed:
    query, body = PLATFORM.push(NOW)
    return {**query, **fields}, body


def test_the_good_one() -> None:
    """What the cases below change is believed as it is."""
    assert believed(PLATFORM.push(NOW))
    assert believed(signed(frame() + bytes([32 - len(frame()) % 32]) * (32 - len(frame()) % 32)))


@pytest.mark.parametrize(
    "timestamp",
    [f"{int(NOW)}x", f"{int(NOW)}\n", f" {int(NOW)}", f"+{int(NOW)}", f"{int(NOW)}.0", f"{int(NOW)}e0", "1_800_000_000",
     "١٨٠٠٠٠٠٠٠٠", "0x6b49d200", "9" * 13, "9" * 5000, "", "-1", "nan", "inf"],
)  # fmt: skip
def test_a_time_that_is_not_written_as_one(timestamp: str) -> None:
    """Digits alone, and not too many; also where the signature covers just that text."""
    assert type(refused(changed(timestamp=timestamp))) is CannotOpen
    sealed = encrypted(frame() + bytes([32 - len(frame()) % 32]) * (32 - len(frame()) % 32))
    query, body = PLATFORM.sign(NOW, sealed)
    query |= {"timestamp": timestamp, "msg_signature": PLATFORM._sha1(timestamp, query["nonce"], sealed)}
    assert type(refused((query, body))) is CannotOpen


@pytest.mark.parametrize("more", ["é", "0", "\n", " ", "\0", "\ud800"])
@pytest.mark.parametrize("before", [True, False])
def test_a_signature_with_more_around_it(more: str, before: bool) -> None:
    """Forty digits and something: no signature, and nothing that a comparison would stumble over."""
    signature = PLATFORM.push(NOW)[0]["msg_signature"]
    assert type(refused(changed(msg_signature=more + signature if before else signature + more))) is CannotOpen


@pytest.mark.parametrize("away", [300, -300])
def test_the_clock(away: float) -> None:
    """Five minutes either way, and not a second more."""
    assert push(PLATFORM.push(NOW, created=NOW), NOW + away) == "success"
    assert type(refused(PLATFORM.push(NOW), NOW + away + (1 if away > 0 else -1))) is CannotOpen


@pytest.mark.parametrize(
    ("kind", "away"), [("ticket", 12 * 3600), ("ticket", -12 * 3600), ("grant", 3600), ("grant", -3600)]
)
def test_when_it_was_created(kind: str, away: float) -> None:
    """A ticket within twelve hours of its making, a grant within one: the end of the time included."""

    def made(created: float) -> Pushed:
        if kind == "ticket":
            return PLATFORM.push(NOW, created=created)
        return PLATFORM._push(NOW, created, InfoType="unauthorized", AuthorizerAppid="wx0000000000000009")

    assert push(made(NOW + away)) == "success"
    assert type(refused(made(NOW + away + (1 if away > 0 else -1)))) is CannotOpen


# --- the XML, which is read before the signature


def test_the_most_elements_of_a_push() -> None:
    """A push of very many elements is not taken apart, or what is sent without a signature would be much work."""

    def xml(count: int) -> str:
        return "<xml>" + "".join(f"<a{number}/>" for number in range(count)) + "</xml>"

    assert len(read_flat_xml(xml(298))) == 298  # with those around them 300 signs
    with pytest.raises(CannotOpen) as caught:
        read_flat_xml(xml(299))
    assert caught.value.diagnosis == "xml"


def test_the_longest_xml() -> None:
    """32 Ki characters are read, one more is not; the cap stands before the signature."""
    query, body = PLATFORM.push(NOW)
    filled = body + b" " * (32 * 1024 - len(body))
    assert push((query, filled)) == "success"
    assert refused((query, filled + b" ")).diagnosis == "xml"
    assert read_flat_xml("<xml>" + " " * (32 * 1024 - 11) + "</xml>") == {}
    with pytest.raises(CannotOpen):
        read_flat_xml("<xml>" + " " * (32 * 1024 - 10) + "</xml>")


@pytest.mark.parametrize("name", ["AppId", "Encrypt", "CreateTime", "InfoType", "ComponentVerifyTicket"])
@pytest.mark.parametrize("where", ["first", "last"])
def test_an_element_twice(name: str, where: str) -> None:
    """Whichever comes first: outside, before the signature, and inside, behind it. No reader may take another one."""
    again = f"<{name}>x</{name}>"
    query, body = PLATFORM.push(NOW)
    outer = body.decode()
    if f"<{name}>" in outer:
        twice = (
            outer.replace("<xml>", f"<xml>{again}") if where == "first" else outer.replace("</xml>", f"{again}</xml>")
        )
        assert refused((query, twice.encode())).diagnosis == "xml"
    if f"<{name}>" in WHOLE:
        assert believed(PLATFORM.seal(NOW, WHOLE))
        assert not believed(PLATFORM.seal(NOW, again + WHOLE if where == "first" else WHOLE + again))


def nest(depth: int) -> str:
    return "".join(f"<a{rung}>" for rung in range(depth)) + "".join(f"</a{rung}>" for rung in reversed(range(depth)))


def test_the_deepest_xml() -> None:
    """Four levels under the root count as empty; a fifth is refused."""
    assert read_flat_xml(f"<xml>{nest(4)}</xml>") == {"a0": ""}
    assert read_flat_xml("<xml><a>1</a><b><a>2</a></b></xml>") == {"a": "1", "b": ""}  # not the same element twice
    with pytest.raises(CannotOpen):
        read_flat_xml(f"<xml>{nest(5)}</xml>")


def test_the_longest_name() -> None:
    """64 characters are a name of an element, 65 are not."""
    assert read_flat_xml(f"<xml><{'a' * 64}>1</{'a' * 64}></xml>") == {"a" * 64: "1"}
    with pytest.raises(CannotOpen):
        read_flat_xml(f"<xml><{'a' * 65}>1</{'a' * 65}></xml>")


# --- who has the token, and not the key; who has both, and writes nonsense


def _raw(size: int) -> Pushed:
    return PLATFORM.sign(NOW, base64.b64encode(random.Random(size).randbytes(size)).decode())


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33, 47, 48, 63, 65, 80, 112])
def test_a_ciphertext_that_is_not_whole_blocks(size: int) -> None:
    """Signed, and of a length that the cipher, or the padding, does not have."""
    assert not believed(_raw(size))


def test_whole_blocks_of_the_cipher_and_not_of_the_padding() -> None:
    """A frame that is right in all but its length: 16 modulo 32 bytes, with a padding that fits that."""
    for extra in range(64):
        inside = frame(f"<xml>{WHOLE}{' ' * extra}</xml>".encode())
        missing = 16 - len(inside) % 16
        if (len(inside) + missing) % 32 == 16:
            assert not believed(signed(inside + bytes([missing]) * missing))


def _then(padding: bytes, plain: bytes) -> bytes:
    return plain + padding


def _in_whole_blocks(make: Callable[[bytes], bytes]) -> bytes:
    """Return a frame whose message is stretched until the whole is blocks of 32."""
    for extra in range(32):
        plain = make(frame(f"<xml>{WHOLE}{' ' * extra}</xml>".encode()))
        if not len(plain) % 32:
            return plain
    raise AssertionError


@pytest.mark.parametrize("size", range(1, 33))
def test_every_padding(size: int) -> None:
    """1 to 32 bytes of it are right; one wrong byte in it, first or middle, is not."""
    assert believed(signed(_in_whole_blocks(lambda plain: plain + bytes([size]) * size)))
    for wrong in {0, size // 2} - {size - 1}:
        padding = bytearray([size]) * size
        padding[wrong] ^= 0x80
        assert not believed(signed(_in_whole_blocks(partial(_then, bytes(padding)))))


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 32, b"\x21" * 33, b"\x40" * 64, b"\xff" * 255, b"\1\2", b""])
def test_a_padding_that_is_none(padding: bytes) -> None:
    """Of no bytes, of more than a block, uneven, or not there."""
    assert not believed(signed(_in_whole_blocks(lambda plain: plain + padding)))


@pytest.mark.parametrize(
    "plain", [b"\x20" * 32, b"\x1f" + b"\x1f" * 31, bytes(12) + b"\x14" * 20, bytes(13) + b"\x13" * 19]
)
def test_a_frame_without_a_head(plain: bytes) -> None:
    """Nothing, or less than random bytes and length, is before the padding."""
    assert not believed(signed(plain))


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32 - 1])
def test_a_length_that_lies(length: int) -> None:
    """The receiver has to stand where the message ends, and to be all of what follows."""
    plain = frame(length=length)
    missing = 32 - len(plain) % 32
    assert not believed(signed(plain + bytes([missing]) * missing))


@pytest.mark.parametrize("away", [-2, -1, 1, 2, 2**16, 2**24])
def test_a_length_that_is_a_little_off(away: int) -> None:
    """One byte more or less, and the receiver is another one."""
    message = f"<xml>{WHOLE}</xml>".encode()
    plain = frame(message, length=len(message) + away)
    missing = 32 - len(plain) % 32
    assert not believed(signed(plain + bytes([missing]) * missing))


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"<xml>", b"{}", b"<xml></xml>\0", "<xml>\ud800</xml>".encode("utf-8", "surrogatepass")]
)
def test_a_message_that_is_none(message: bytes) -> None:
    """For us, sealed and signed, and no XML."""
    plain = frame(message)
    missing = 32 - len(plain) % 32
    assert not believed(signed(plain + bytes([missing]) * missing))


@pytest.mark.parametrize(
    "created",
    [
        "1800000000x",
        "x1800000000",
        "",
        "1e9",
        "9" * 13,
        "9" * 5000,
        "１８００００００００",
        "+1800000000",
        "1800000000.0",
    ],
)
@pytest.mark.parametrize("kind", ["component_verify_ticket", "authorized", "updateauthorized", "unauthorized"])
def test_a_time_inside_that_is_none(created: str, kind: str) -> None:
    """Whatever was announced: a push without the time of its making is not taken."""
    inside = (
        f"<AppId>{PLATFORM.app_id}</AppId><CreateTime>{created}</CreateTime><InfoType>{kind}</InfoType>"
        "<ComponentVerifyTicket>t</ComponentVerifyTicket><AuthorizerAppid>wx0000000000000009</AuthorizerAppid>"
        "<AuthorizationCode>c</AuthorizationCode>"
    )
    assert not believed(PLATFORM.seal(NOW, inside))


# --- whatever comes: the answer, or our error


TEXTS = st.text(max_size=40) | st.sampled_from(
    [str(int(NOW)), "success", "0" * 40, PLATFORM.push(NOW)[0]["msg_signature"]]
)
NAMES = st.sampled_from(["timestamp", "nonce", "msg_signature", "signature", "encrypt_type", "x"])
XML = st.sampled_from(
    ["<xml>", "</xml>", "<Encrypt>", "</Encrypt>", "<![CDATA[", "]]>", "<a>", "</a>", "<a/>", "&", "<", ">", "\0", "é",
     "AAAA", " ", "<AppId>", "</AppId>", "<CreateTime>", "</CreateTime>", "<InfoType>", "</InfoType>", str(int(NOW)),
     "component_verify_ticket", "authorized", "unauthorized", "<AuthorizerAppid>", "</AuthorizerAppid>"],
)  # fmt: skip
BODIES = st.binary(max_size=80) | st.lists(XML | st.text(max_size=6), max_size=20).map(
    lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
)
SIGNED = ("timestamp", "nonce", "msg_signature")
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@QUICK
@given(st.dictionaries(NAMES, TEXTS, max_size=6), BODIES, st.booleans())
def test_any_query_and_body(query: dict[str, str], body: bytes, over_a_good_one: bool) -> None:
    """From anybody: refused as one that cannot be opened, and never by another exception."""
    good, good_body = PLATFORM.push(NOW)
    pushed = {**good, **query}, good_body if over_a_good_one else body
    assert believed(pushed) == (pushed[1] == good_body and all(good[name] == pushed[0][name] for name in SIGNED))


@QUICK
@given(BODIES)
def test_anything_rightly_signed(body: bytes) -> None:
    """From whoever has the token: the ciphertext is any text."""
    query, _ = PLATFORM.push(NOW)
    sealed = base64.b64encode(body).decode()
    assert not believed(PLATFORM.sign(NOW, sealed))
    sealed = body.decode("latin-1")
    query["msg_signature"] = PLATFORM._sha1(query["timestamp"], query["nonce"], sealed)
    assert not believed((query, f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()))


@QUICK
@given(BODIES)
def test_anything_rightly_sealed(body: bytes) -> None:
    """From whoever has token and key: the message is anything, the whole plain text as well."""
    for plain in (frame(body), frame(b"<xml>" + body + b"</xml>"), frame(WHOLE.encode() + body), body):
        missing = 32 - len(plain) % 32
        pushed = signed(plain + bytes([missing]) * missing)
        with suppress(CannotOpen, PlatformRefusal, NonsenseReply):  # the last two: a grant was announced
            assert push(pushed) == "success"
