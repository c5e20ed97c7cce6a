"""Codecs for stored values.

The format is MessagePack, written by msgspec: it is strictly typed and can represent infinity. New fields of a record
need defaults. If a field is removed or changes its meaning, rename the shelf.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from haoma import errors
from haoma.errors import HaomaError, Next, Spent
from haoma.secret import Secret
from haoma.verified import VerifiedPhone

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from haoma.steps import Outcome

V = TypeVar("V")


def _from_secret(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    msg = f"{type(value).__name__} has no form in bytes"
    raise TypeError(msg)


def _to_secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    msg = f"{kind.__name__} has no form in bytes"
    raise TypeError(msg)


class Record(Generic[V]):
    """The codec of a type that msgspec supports. The type may contain `Secret`.

    Args:
        kind: The type.
    """

    def __init__(self, kind: type[V]) -> None:
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_from_secret)
        self._decoder = msgspec.msgpack.Decoder(kind, dec_hook=_to_secret)

    def encode(self, value: V) -> bytes:
        """Return the bytes of a value."""
        return self._encoder.encode(value)

    def decode(self, found: bytes) -> V:
        """Return the value. Raise msgspec's ValueError if the bytes are invalid."""
        return self._decoder.decode(found)


SECRET: Final = Record(Secret)
MOMENT: Final = Record(float)
"""Unix seconds."""


class _PublicKey:
    """The codec of an RSA public key, stored as DER."""

    def encode(self, value: RSAPublicKey) -> bytes:
        return value.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def decode(self, found: bytes) -> RSAPublicKey:
        return cast("RSAPublicKey", load_der_public_key(found))


PUBLIC_KEY: Final = _PublicKey()


class _Refusal(msgspec.Struct, frozen=True, tag="refusal", omit_defaults=True):
    """A stored error: its code and attributes."""

    code: str
    because: dict[str, Any] = {}
    unlisted: tuple[str, ...] = ()
    spent: Spent = Spent.NO
    next_action: Next | None = None
    retry: bool | None = None
    retry_after: int | None = None
    platform: str = ""
    app: str = ""
    step: int = 0
    diagnosis: str = ""
    platform_code: str = ""
    platform_sub_code: str = ""
    place: str = ""
    platform_message: str = ""
    request_id: str = ""


class _Phone(msgspec.Struct, frozen=True, tag="phone"):
    phone: VerifiedPhone


_ALWAYS: Final = frozenset(_Refusal.__struct_fields__) - {"code", "next_action", "retry", "retry_after"}
_OWN: Final = ("next_action", "retry", "retry_after")  # in the object only if they differ from the class's


_HUGE: Final = 2**63  # MessagePack has no larger integers


@cache
def _classes() -> dict[str, type[HaomaError]]:
    found: dict[str, type[HaomaError]] = {}
    left: list[type[HaomaError]] = [HaomaError]
    while left:
        each = left.pop()
        left += each.__subclasses__()
        # ConfigFaults is raised at start-up and is never the outcome of an authorization.
        if each.__module__ == errors.__name__ and each.code not in {"", errors.ConfigFaults.code}:
            found[each.code] = each
    return found


class _OutcomeCodec:
    """The codec of outcomes. The bytes hold the full number, or details for the operator only."""

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_from_secret)
        self._decoder = msgspec.msgpack.Decoder(_Phone | _Refusal)

    def encode(self, value: Outcome) -> bytes:
        """Return the bytes of an outcome."""
        if isinstance(value, VerifiedPhone):
            return self._encoder.encode(_Phone(value))
        if value.code not in _classes():  # the application's own class
            value = errors.InternalFault(spent=value.spent)
        said: dict[str, Any] = {
            name: list(value.unlisted) if name == "unlisted" else _plain(each)
            for name, each in vars(value).items()
            if name in _ALWAYS or name in _OWN
        }
        # Mostly ASCII. Going through the names would take longer the more there are, and a refusal under a session_key
        # must not: see `haoma.platforms.base.session_keys.judge`.
        if not "".join(value.unlisted).isascii():
            said["unlisted"] = _plain(value.unlisted)
        said["because"] = {_words(name): _plain(each) for name, each in value.because.items()}
        return self._encoder.encode(_Refusal(value.code, **said))

    def decode(self, found: bytes) -> Outcome:
        """Return the outcome. An error is a new object without a traceback."""
        read = self._decoder.decode(found)
        if isinstance(read, _Phone):
            return read.phone
        kind = _classes().get(read.code)
        if kind is None:
            raise ValueError
        error = kind.__new__(kind)
        for name in _ALWAYS:
            setattr(error, name, getattr(read, name))
        error.because = MappingProxyType(dict(read.because))
        for name in _OWN:
            if (value := getattr(read, name)) is not None:
                setattr(error, name, value)
        return error


def _plain(value: object) -> object:
    """Return a fact as it is stored. Facts are only read by people, so other types become text."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _HUGE):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return _words(str(value))


def _words(text: str) -> str:
    """Return text that UTF-8 can encode. An error must be storable even if its text has a lone surrogate."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


OUTCOME: Final = _OutcomeCodec()
