"""What a file says about people: a row of CSV, or a line of JSON, becomes a `Person` or a reason why not.

There are two forms. The flat one has the same names in CSV and JSON: `COLUMNS`. The other one is what ``haoma export``
writes: a `haoma.accounts.Account` a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from haoma.accounts import USER_LENGTH, Account
from haoma.ids import parsed
from haoma.link import Login
from haoma.phone import parse_e164
from haoma.platforms.registry import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from haoma.accounts import ConsentRecord, LoginRecord
    from haoma.link import LinkPolicy

COLUMNS: Final = (
    *("phone_number", "user", "app", "openid", "unionid", "user_id", "verified_at", "bound"),
    *("consent_policy", "consent_scene", "consent_at"),
)
"""The columns of CSV, and the members of a flat line of JSON."""
IDS: Final = ("openid", "user_id", "unionid")
_MAINLAND: Final = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_YES: Final = frozenset({"yes", "y", "true", "1"})
_NO: Final = frozenset({"", "no", "n", "false", "0"})
_SECONDS: Final = re.compile(r"[0-9]{10}", re.ASCII)
_MILLISECONDS: Final = re.compile(r"[0-9]{13}", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHINA: Final = timezone(timedelta(hours=8))
IMPORTED: Final = "imported"
"""The assurance of a number that a file brought: no platform says anything about it."""
LONGEST: Final = 128
_AHEAD_MS: Final = 86_400_000
_MOST: Final = 1000
"""Most logins, and consents, of one person."""


class Why(StrEnum):
    """Why a person is not imported. ``words/people.toml`` says each in both languages."""

    NOT_CSV = "not-csv"
    NOT_JSON = "not-json"
    COLUMNS = "columns"
    NUMBER = "number"
    NOTHING = "nothing"
    APP = "app"
    TENANT = "tenant"
    LENGTH = "length"
    DATE = "date"
    NO_DATE = "no-date"
    FUTURE = "future"
    BOUND = "bound"
    POLICY = "policy"
    ACCOUNT = "account"
    # what the store says
    UNBOUND = "unbound"
    STALE = "stale"
    OTHER_ACCOUNT = "other-account"
    OTHER_USER = "other-user"
    OLDER = "older"
    ERASED = "erased"
    UNKNOWN = "unknown"
    KIND = "kind"


class NotImported(Exception):
    """A person is not imported.

    Attributes:
        why: Why not.
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class ImportedApp:
    """What an import knows of a configured app."""

    platform: str
    scope: str
    tenant: str
    link: LinkPolicy


class Agreed(NamedTuple):
    """What somebody agreed to; see `haoma.store.rows.Consent`."""

    app: str
    policy: str
    scene: str
    text_hash: bytes
    audience: str
    at: int
    withdrawn_at: int


class Person(NamedTuple):
    """One person.

    Attributes:
        line: Where in the file.
        number: In E.164 form; empty for none.
        user: The application's own id; empty for none.
        logins: The logins.
        scope: The app of the logins; empty if there are none.
        verified_at, bound_at: Of the number. Milliseconds since 1970; ``bound_at`` is 0 for never.
        assurance: Of the number.
        consents: What the person agreed to.
        account, created_at: Id and age of the account where it comes from; empty and 0 if it is new.
        linked_at: When each login was linked there; empty if it is new.
    """

    line: int
    number: str
    user: str
    logins: tuple[Login, ...]
    scope: str
    verified_at: int
    bound_at: int
    assurance: str
    consents: tuple[Agreed, ...]
    account: bytes = b""
    created_at: int = 0
    linked_at: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Person of line {self.line}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("line", self.line)]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads people for one tenant.

    Args:
        apps: The configured apps by name, and by platform and app id.
        texts: SHA-256 of each version of the consent policy.
        tenant: The tenant.
        now: Milliseconds since 1970.
        trust_bound: Whether to believe that numbers are bound to logins where the file says so.
        verified_at: When numbers were verified of which the file does not say it; 0 if such rows are refused.
    """

    apps: Mapping[str, ImportedApp]
    texts: Mapping[str, bytes]
    tenant: str
    now: int
    trust_bound: bool = False
    verified_at: int = 0
    _lines: msgspec.json.Decoder[Account] = field(default_factory=lambda: msgspec.json.Decoder(Account), repr=False)

    def csv(self, line: int, header: Sequence[str], values: Sequence[str]) -> Person:
        """Return the person of a row of CSV. Raises NotImported."""
        if len(values) != len(header):
            raise NotImported(Why.COLUMNS)
        return self._flat(line, dict(zip(header, values, strict=True)))

    def json(self, line: int, text: bytes) -> Person:
        """Return the person of a line of JSON. Raises NotImported."""
        try:
            if b'"logins"' in text:
                return self._exported(line, self._lines.decode(text))
            values = msgspec.json.decode(text, type=dict[str, str | bool | int | None])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotImported(Why.NOT_JSON) from None
        if not values.keys() <= set(COLUMNS):
            raise NotImported(Why.COLUMNS)
        return self._flat(line, {name: _plain(value) for name, value in values.items()})

    # --- the flat form ---

    def _flat(self, line: int, values: Mapping[str, str]) -> Person:
        get = values.get
        text = get("phone_number", "").strip()
        number = self._number(text) if text else ""
        logins: tuple[Login, ...] = ()
        app = None
        if name := get("app", "").strip():
            app = self._app(name)
        found = [(kind, value) for kind in IDS if (value := get(kind, "").strip())]
        if found:
            if app is None:
                raise NotImported(Why.APP)
            scope, platform = app.scope, app.platform
            logins = tuple(
                Login(platform, "" if kind == "unionid" else scope, kind, _fit(value)) for kind, value in found
            )
        verified_at = self.moment(get("verified_at", ""))
        bound = get("bound", "").strip().lower()
        if bound not in _YES and bound not in _NO:
            raise NotImported(Why.BOUND)
        bound_at = verified_at if bound in _YES and self.trust_bound and logins else 0
        consents: tuple[Agreed, ...] = ()
        if policy := get("consent_policy", "").strip():
            consents = (self._agreed(app, policy, get("consent_scene", "").strip(), get("consent_at", "")),)
        user = get("user", "").strip()
        scope = "" if app is None else app.scope
        return self._made(line, number, user, logins, scope, verified_at, bound_at, "", consents)

    def _number(self, text: str) -> str:
        if _MAINLAND.fullmatch(text):  # as most teams in the mainland keep it
            return f"+86{text}"
        found = parse_e164(text)
        if found is None:
            raise NotImported(Why.NUMBER)
        return found.e164

    def _app(self, name: str) -> ImportedApp:
        app = self.apps.get(name)
        if app is None:
            raise NotImported(Why.APP)
        if app.tenant != self.tenant:
            raise NotImported(Why.TENANT)
        return app

    def _agreed(self, app: ImportedApp | None, policy: str, scene: str, at: str) -> Agreed:
        if app is None:
            raise NotImported(Why.APP)
        if self.texts and policy not in self.texts:
            raise NotImported(Why.POLICY)
        moment = self.moment(at)
        if not moment:
            raise NotImported(Why.NO_DATE)
        return Agreed(app.scope, _fit(policy), _fit(scene), self.texts.get(policy, b""), "", moment, 0)

    def moment(self, text: str) -> int:
        """Return milliseconds since 1970; 0 for nothing. Times without a zone are those of China."""
        text = text.strip()
        if not text:
            return 0
        if _SECONDS.fullmatch(text):
            found = int(text) * 1000
        elif _MILLISECONDS.fullmatch(text):
            found = int(text)
        else:
            try:
                moment = datetime.fromisoformat(text)
                found = round((moment if moment.tzinfo else moment.replace(tzinfo=_CHINA)).timestamp() * 1000)
            except (ValueError, OverflowError):
                raise NotImported(Why.DATE) from None
        return self._past(found)

    def _past(self, moment: int) -> int:
        if moment > self.now + _AHEAD_MS:
            raise NotImported(Why.FUTURE)
        if moment < 0:
            raise NotImported(Why.DATE)
        return moment

    # --- what haoma exports ---

    def _exported(self, line: int, found: Account) -> Person:
        account = parsed(found.account) if found.account else b""
        if account is None:
            raise NotImported(Why.ACCOUNT)
        if len(found.logins) > _MOST or len(found.consents or ()) > _MOST:
            raise NotImported(Why.LENGTH)
        logins = tuple(self._login(each) for each in found.logins)
        scope = next((each.app for each in logins if each.app), "")
        number = self._number(found.phone_number) if found.phone_number else ""
        verified_at = self._past(_ms(found.verified_at))
        bound_at = self._past(_ms(found.bound_at)) if self.trust_bound else 0
        consents = tuple(self._consented(each) for each in found.consents or ())
        person = self._made(
            *(line, number, found.user or "", logins, scope, verified_at, bound_at),
            *(_fit(found.assurance or ""), consents),
        )
        linked_at = tuple(self._past(_ms(each.linked_at)) for each in found.logins)
        return person._replace(account=account, created_at=self._past(_ms(found.created_at)), linked_at=linked_at)

    def _login(self, found: LoginRecord) -> Login:
        unionid = found.kind == "unionid"
        if found.platform not in PLATFORMS or bool(found.app_id) == unionid or found.kind not in IDS or not found.value:
            raise NotImported(Why.APP)
        scope = "" if unionid else f"{found.platform}:{_fit(found.app_id)}"
        app = self.apps.get(scope)
        if app is not None and app.tenant != self.tenant:
            raise NotImported(Why.TENANT)
        return Login(found.platform, scope, found.kind, _fit(found.value))

    def _consented(self, found: ConsentRecord) -> Agreed:
        if found.text_sha256 and not _HASH.fullmatch(found.text_sha256):
            raise NotImported(Why.POLICY)
        texts = _fit(found.app), _fit(found.policy), _fit(found.scene)
        at, withdrawn_at = self._past(_ms(found.at)), self._past(_ms(found.withdrawn_at))
        return Agreed(*texts, bytes.fromhex(found.text_sha256), _fit(found.audience), at, withdrawn_at)

    def _made(
        self,
        line: int,
        number: str,
        user: str,
        logins: tuple[Login, ...],
        scope: str,
        verified_at: int,
        bound_at: int,
        assurance: str,
        consents: tuple[Agreed, ...],
    ) -> Person:
        if not number and not logins:
            raise NotImported(Why.NOTHING)
        if len(user) > USER_LENGTH or not user.isprintable():
            raise NotImported(Why.LENGTH)
        if number and not verified_at:
            verified_at = self.verified_at
            if not verified_at:
                raise NotImported(Why.NO_DATE)
        return Person(
            line, number, user, logins, scope, verified_at, bound_at, assurance or IMPORTED, consents
        )  # fmt: skip


def _plain(value: str | bool | int | None) -> str:  # noqa: FBT001
    return value if isinstance(value, str) else "" if value is None else str(value).lower()


def _fit(text: str) -> str:
    if len(text) > LONGEST or not text.isprintable():
        raise NotImported(Why.LENGTH)
    return text


def _ms(moment: datetime | None) -> int:
    if moment is None:
        return 0
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
