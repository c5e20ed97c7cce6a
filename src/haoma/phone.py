"""A phone number."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

MAINLAND: Final = "86"
_SHORTEST: Final = 4  # no numbering plan has shorter subscriber numbers
_LONGEST: Final = 15  # ITU-T E.164: country code and national number together
_MASKED: Final = "****"


class PhoneNumber(msgspec.Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """A phone number: country code and national number, ASCII digits only.

    ``repr`` and ``str`` show the masked form. Read the full number from `e164` or the two fields.
    """

    country_code: str
    national_number: str

    @property
    def e164(self) -> str:
        """The number in E.164 form, ``+8613800138000``."""
        return f"+{self.country_code}{self.national_number}"

    @property
    def masked(self) -> str:
        """The masked number, safe to display: ``138****8000``, or ``+852 51****67`` outside the mainland."""
        number = self.national_number
        if self.country_code == MAINLAND and len(number) == 11:
            return f"{number[:3]}{_MASKED}{number[7:]}"
        keep = 2 if len(number) > 6 else 0
        hidden = f"{number[:keep]}{_MASKED}{number[-2:]}"
        return hidden if self.country_code == MAINLAND else f"+{self.country_code} {hidden}"

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked!r})"

    def __str__(self) -> str:
        return self.masked

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("masked", self.masked)]


def is_digits(text: str) -> bool:
    """Return True if ``text`` is one or more ASCII digits. ``str.isdigit`` also accepts full-width ones."""
    return text.isascii() and text.isdigit()


def parse_e164(text: str) -> PhoneNumber | None:
    """Return the number that ``+8613800138000`` is, or None. Spaces and other forms are not accepted."""
    digits = text[1:]
    if text[:1] != "+" or not is_digits(digits):
        return None
    for length in (1, 2, 3):  # no country code begins with another one
        if digits[:length] in _country_codes():
            return from_parts(digits[:length], digits[length:])
    return None


def masked_e164(text: str) -> str:
    """Return the masked form of a number in E.164 form."""
    found = parse_e164(text)
    return _MASKED if found is None else found.masked


@cache
def _country_codes() -> frozenset[str]:
    # Imported on first use: the metadata takes 50 ms to load, and most numbers are mainland ones.
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def from_parts(country_code: str, national_number: str) -> PhoneNumber | None:
    """Return the number, or None if the parts cannot be a phone number.

    Only three things are checked: digits, the lengths of E.164, and an assigned country code. Country numbering plans
    are not applied, because platforms have sent mainland numbers of unusual length.
    """
    digits = country_code + national_number
    if not (is_digits(digits) and len(national_number) >= _SHORTEST and len(digits) <= _LONGEST):
        return None
    if country_code != MAINLAND and country_code not in _country_codes():
        return None
    return PhoneNumber(country_code, national_number)
