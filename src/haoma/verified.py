"""The result: a phone number that earned its checks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from haoma.phone import PhoneNumber


class CheckName(StrEnum):
    """What an authorization can prove."""

    SIGNATURE = "signature"  # the platform wrote it, or said it to us over its own TLS connection
    APP_BINDING = "app-binding"  # it was made for this app
    FRESHNESS = "freshness"  # it was made just now
    LOGIN_BINDING = "login-binding"  # it belongs to the user who is logged in
    ONE_TIME_USE = "one-time-use"  # it cannot be used twice


class Check(msgspec.Struct, frozen=True, gc=False):
    """One check of a result.

    Attributes:
        name: What was checked.
        proven: Whether it holds. What a platform cannot prove is listed with False, never left out.
        how: A short English phrase that says by what, or why not.
    """

    name: CheckName
    proven: bool
    how: str


class Assurance(StrEnum):
    """How surely the number still reaches its user: what the platform says of it, beyond giving it away."""

    PLATFORM = "platform"  # the platform vouches for the number, but does not say when it last reached the user
    RECENTLY_REACHABLE = "platform-recently-reachable"  # the platform says that it reached the user lately
    STALE = "platform-stale"  # the platform says that it cannot vouch for that: verify by a text message


class Subject(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who is logged in, in the platform's own ids. At least one of ``openid`` and ``user_id`` is there.

    Alipay's ``open_id`` and ``union_id`` are spelt ``openid`` and ``unionid`` here, as everywhere else.
    """

    openid: str = ""
    unionid: str = ""
    user_id: str = ""


class VerifiedPhone(msgspec.Struct, frozen=True, gc=False, rename={"_number": "number"}):
    """A phone number with the checks that earned it. Only ``haoma.authorize`` builds one.

    ``repr`` and ``str`` mask the number; the full one is read by `e164` or its two parts, on purpose.

    Attributes:
        platform: ``alipay``, ``wechat``, …
        app: Name of the configured app.
        subject: Who is logged in, or None if the authorization came without a login.
        checks: All five checks, in the order of `CheckName`.
        assurance: How surely the number still reaches its user. Only Huawei says so; others are ``platform``.
        repeated: True if this is the answer to the very same request once more: a second tap, or a retry.
    """

    _number: PhoneNumber
    platform: str
    app: str
    subject: Subject | None
    checks: tuple[Check, ...]
    assurance: Assurance = Assurance.PLATFORM
    repeated: bool = False

    @property
    def e164(self) -> str:
        """The number in E.164 form, ``+8613800138000``."""
        return self._number.e164

    @property
    def masked(self) -> str:
        """The number as it may be shown: ``138****8000``."""
        return self._number.masked

    @property
    def country_code(self) -> str:
        """The country code, digits alone."""
        return self._number.country_code

    @property
    def national_number(self) -> str:
        """The number within its country, digits alone."""
        return self._number.national_number

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__()[1:])
        return f"VerifiedPhone({self.masked!r}, {shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        names = ("masked", *self.__struct_fields__[1:])
        return [(name, getattr(self, name)) for name in names]

    def proves(self, name: CheckName | str) -> bool:
        """Tell whether the check of this name holds."""
        return any(check.proven for check in self.checks if check.name == name)

    def to_dict(self) -> dict[str, object]:
        """Return the object that the HTTP service and ``haoma open --json`` answer with. It holds the full number."""
        answer: dict[str, object] = msgspec.to_builtins(result_body(self))
        return answer

    def to_masked_dict(self) -> dict[str, object]:
        """Return the same without anything that gives the number away."""
        return {name: value for name, value in self.to_dict().items() if name not in _GIVES_AWAY}


class ResultBody(msgspec.Struct, frozen=True, gc=False):
    """A verified phone number as it is written. It is not masked: `VerifiedPhone` is the object to keep."""

    phone_number: str
    country_code: str
    national_number: str
    masked: str
    platform: str
    app: str
    subject: Subject | None
    checks: tuple[Check, ...]
    repeated: bool
    assurance: Assurance

    def __repr__(self) -> str:
        return f"ResultBody({self.masked!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("masked", self.masked)]


def result_body(phone: VerifiedPhone) -> ResultBody:
    """Return what `VerifiedPhone.to_dict` makes a dictionary of, for an encoder. Every member is always written."""
    return ResultBody(
        phone.e164,
        phone.country_code,
        phone.national_number,
        phone.masked,
        phone.platform,
        phone.app,
        phone.subject,
        phone.checks,
        phone.repeated,
        phone.assurance,
    )


_GIVES_AWAY: Final = frozenset({"phone_number", "country_code", "national_number"})
ALL_CHECKS: Final = tuple(CheckName)
