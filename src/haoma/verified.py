"""The result of an authorization: a verified phone number and its checks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from haoma.phone import PhoneNumber


class CheckName(StrEnum):
    """A property that an authorization can prove."""

    SIGNATURE = "signature"  # the platform signed it, or sent it to us over its own TLS connection
    APP_BINDING = "app-binding"  # it was issued for this app
    FRESHNESS = "freshness"  # it was issued recently
    LOGIN_BINDING = "login-binding"  # it belongs to the logged-in user
    ONE_TIME_USE = "one-time-use"  # it cannot be used again


class Check(msgspec.Struct, frozen=True, gc=False):
    """One check of a result.

    Attributes:
        name: What was checked.
        proven: Whether it is proven. A check that the platform cannot prove is listed as False, never omitted.
        how: A short English phrase that says how it was proven, or why not.
    """

    name: CheckName
    proven: bool
    how: str


class Assurance(StrEnum):
    """What the platform says about whether the number still reaches its user."""

    PLATFORM = "platform"  # the platform vouches for the number, but not for when it last reached the user
    RECENTLY_REACHABLE = "platform-recently-reachable"  # the platform says that it reached the user recently
    STALE = "platform-stale"  # the platform cannot say so; verify the number with a text message
    SMS = "sms"  # the user has entered a code that was sent to the number


class Subject(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The logged-in user, by the platform's own ids. At least one of ``openid`` and ``user_id`` is set.

    Alipay's ``open_id`` and ``union_id`` are named ``openid`` and ``unionid`` here, as on the other platforms.
    """

    openid: str = ""
    unionid: str = ""
    user_id: str = ""


class VerifiedPhone(msgspec.Struct, frozen=True, gc=False, rename={"_number": "number"}):
    """A verified phone number with its checks. Only ``haoma.authorize`` creates one.

    ``repr`` and ``str`` mask the number. Read the full number from `e164`, or from `country_code` and
    `national_number`.

    Attributes:
        platform: ``alipay``, ``wechat``, …
        app: Name of the configured app.
        subject: The logged-in user, or None if the authorization came without a login.
        checks: All five checks, in the order of `CheckName`.
        assurance: Whether the number still reaches its user. Only Huawei reports it; for others it is ``platform``.
        repeated: True if an identical request was answered before: a second tap, or a retry.
        account: Id of the account that the number belongs to; None if there is none, or accounts are not kept.
        link: How the number and the login were linked: ``new``, ``linked``, ``joined``, ``moved`` or ``review``; None
            if they were not.
        dispute: Id of what has to be decided, with ``review`` and ``moved``; None otherwise.
        user: The application's own id of the user, as its ``on_verified`` returned it; None without one.
    """

    _number: PhoneNumber
    platform: str
    app: str
    subject: Subject | None
    checks: tuple[Check, ...]
    assurance: Assurance = Assurance.PLATFORM
    repeated: bool = False
    account: str | None = None
    link: str | None = None
    dispute: str | None = None
    user: str | None = None

    @property
    def e164(self) -> str:
        """The number in E.164 form, ``+8613800138000``."""
        return self._number.e164

    @property
    def masked(self) -> str:
        """The masked number, safe to display: ``138****8000``."""
        return self._number.masked

    @property
    def country_code(self) -> str:
        """The country code, digits only."""
        return self._number.country_code

    @property
    def national_number(self) -> str:
        """The number within its country, digits only."""
        return self._number.national_number

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__()[1:])
        return f"VerifiedPhone({self.masked!r}, {shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        names = ("masked", *self.__struct_fields__[1:])
        return [(name, getattr(self, name)) for name in names]

    def proves(self, name: CheckName | str) -> bool:
        """Return True if the check with this name is proven."""
        return any(check.proven for check in self.checks if check.name == name)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object of the HTTP service and ``haoma open --json``. It contains the full number."""
        answer: dict[str, object] = msgspec.to_builtins(result_body(self))
        return answer

    def to_masked_dict(self) -> dict[str, object]:
        """Return the same object without the fields that reveal the number."""
        return {name: value for name, value in self.to_dict().items() if name not in _GIVES_AWAY}


class ResultBody(msgspec.Struct, frozen=True, gc=False):
    """The JSON form of a verified phone number. It is not masked, so keep the `VerifiedPhone` instead."""

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
    account: str | msgspec.UnsetType = msgspec.UNSET
    link: str | msgspec.UnsetType = msgspec.UNSET
    dispute: str | msgspec.UnsetType = msgspec.UNSET
    user: str | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        return f"ResultBody({self.masked!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("masked", self.masked)]


def result_body(phone: VerifiedPhone) -> ResultBody:
    """Return the content of `VerifiedPhone.to_dict` as a struct for an encoder.

    ``account``, ``link``, ``dispute`` and ``user`` are written if there are any; every other member always.
    """
    number = phone._number  # noqa: SLF001 - the properties would add a call for each of four members
    return ResultBody(
        number.e164,
        number.country_code,
        number.national_number,
        number.masked,
        phone.platform,
        phone.app,
        phone.subject,
        phone.checks,
        phone.repeated,
        phone.assurance,
        phone.account or msgspec.UNSET,
        phone.link or msgspec.UNSET,
        phone.dispute or msgspec.UNSET,
        phone.user or msgspec.UNSET,
    )


_GIVES_AWAY: Final = frozenset({"phone_number", "country_code", "national_number"})
ALL_CHECKS: Final = tuple(CheckName)
