"""The paths about accounts and disputes in the OpenAPI document: what is sent, answered and refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from haoma import accounts, bodies

_ACCOUNT: Final = "01939d2e-7c00-7a1b-8c2d-3e4f5a6b7c8d"
_OTHER: Final = "01939d2e-7c01-7b2c-9d3e-4f5a6b7c8d9e"
_DISPUTE: Final = "01939d2e-7c02-7c3d-8e4f-5a6b7c8d9eaf"
_AT: Final = "2026-12-01T04:00:00Z"
_LOGIN: Final = {"app": "shop", "kind": "openid", "value": "<openid>"}
_PROOFS: Final = [{"app": "shop", "session": "<session>"}, {"app": "other", "session": "<session>"}]
_READ: Final = {
    "account": _ACCOUNT,
    "user": "4711",
    "created_at": _AT,
    "masked": "138****8000",
    "phone_number": None,
    "verified_at": _AT,
    "bound_at": _AT,
    "assurance": "platform",
    "logins": [
        {"platform": "<platform>", "app_id": "<app id>", "kind": "openid", "value": "<openid>", "linked_at": _AT},
    ],
    "consents": None,
}
_EXPORTED: Final = {
    **_READ,
    "phone_number": "+8613800138000",
    "consents": [
        {
            "app": "<platform>:<app id>",
            "policy": "2026-01",
            "scene": "checkout",
            "audience": "",
            "text_sha256": "<64 digits>",
            "at": _AT,
            "withdrawn_at": None,
        }
    ],
}
_CHANGE: Final = {"preview": False, "account": _ACCOUNT, "other": None, "masked": None, "removed": None, "logins": 1}
_NO_ACCOUNT: Final = "link.no-such-account"


@dataclass(frozen=True)
class Described:
    """One route.

    Attributes:
        name: The key of its words, and the id of the operation.
        body: The type of what is sent; None if it is what a front end sent.
        sent: Examples of it.
        answer: The type of what is answered; None if it is not one of ours.
        answered: An example of it.
        refused: The codes that it has beside those that all have.
        optional: Whether the body may be empty.
    """

    name: str
    body: type[Any] | None
    sent: dict[str, Any]
    answer: type[Any] | None
    answered: dict[str, Any]
    refused: tuple[str, ...] = ()
    optional: bool = field(default=False, kw_only=True)


_WHY: Final = {"reason": "ticket 4711"}
DESCRIBED: Final = {
    "/v1/accounts/look-up": Described(
        "look-up",
        bodies.LookUpBody,
        {"phone_number": {"phone_number": "+8613800138000", **_WHY}, "login": {"login": _LOGIN, **_WHY}},
        accounts.Found,
        {"account": _ACCOUNT, "verified_at": _AT},
        ("caller.unknown-app", "caller.too-many-requests"),
    ),
    "/v1/accounts/{id}/read": Described(
        "read-account",
        bodies.ReadBody,
        {"masked": {}, "full": {"reveal": True, **_WHY}},
        accounts.Account,
        _READ,
        (_NO_ACCOUNT,),
        optional=True,
    ),
    "/v1/accounts/{id}/user": Described(
        "set-user", bodies.UserBody, {"user": {"user": "4711"}}, None, {}, (_NO_ACCOUNT,)
    ),
    "/v1/accounts/{id}/number": Described(
        "change-number",
        None,
        {},
        None,
        {},
        ("link.not-theirs", "link.number-taken", "caller.unknown-app", "caller.too-many-refused-codes"),
    ),
    "/v1/accounts/{id}/unlink": Described(
        "unlink",
        bodies.UnlinkBody,
        {"login": {"login": _LOGIN, "preview": True, **_WHY}},
        accounts.Change,
        {**_CHANGE, "preview": True},
        (_NO_ACCOUNT, "link.last-login", "caller.unknown-app"),
    ),
    "/v1/accounts/{id}/merge": Described(
        "merge",
        bodies.MergeBody,
        {"merge": {"other": _OTHER, "proofs": _PROOFS, "keep_other": False, "preview": False, **_WHY}},
        accounts.Change,
        {**_CHANGE, "other": _OTHER, "removed": "139****9000"},
        (_NO_ACCOUNT, "link.not-theirs", "link.erasure-pending", "trust.session-unknown", "caller.unknown-app"),
    ),
    "/v1/accounts/{id}/export": Described(
        "export-account",
        bodies.ExportBody,
        {"export": _WHY},
        accounts.Account,
        _EXPORTED,
        (_NO_ACCOUNT,),
    ),
    "/v1/accounts/{id}/erase": Described(
        "erase",
        bodies.EraseBody,
        {"now": _WHY, "later": {"later": True, **_WHY}},
        accounts.Change,
        _CHANGE,
        (_NO_ACCOUNT,),
        optional=True,
    ),
    "/v1/accounts/{id}/withdraw-consent": Described(
        "withdraw-consent",
        bodies.WithdrawBody,
        {"all": {}, "scene": {"scene": "checkout", **_WHY}},
        None,
        {"withdrawn": 1},
        (_NO_ACCOUNT,),
        optional=True,
    ),
    "/v1/accounts/{id}/revoke-sessions": Described(
        "revoke-sessions", bodies.ReasonBody, {"reason": _WHY}, None, {}, (_NO_ACCOUNT,), optional=True
    ),
    "/v1/disputes/{id}/read": Described(
        "read-dispute",
        bodies.ReasonBody,
        {"reason": _WHY},
        accounts.Dispute,
        {
            "dispute": _DISPUTE,
            "state": "open",
            "app": "<platform>:<app id>",
            "claimant": None,
            "holder": _OTHER,
            "masked": "138****8000",
            "bound": True,
            "at": _AT,
            "forget_at": "2026-12-31T04:00:00Z",
        },
        ("link.no-such-dispute",),
        optional=True,
    ),
    "/v1/disputes/{id}/resolve": Described(
        "resolve",
        bodies.ResolveBody,
        {"join": {"action": "join", "proofs": _PROOFS, "preview": True}, "undo": {"action": "undo", **_WHY}},
        accounts.Change,
        {**_CHANGE, "other": _OTHER, "masked": "138****8000"},
        (
            *("link.no-such-dispute", _NO_ACCOUNT, "link.not-theirs", "link.number-taken"),
            *("trust.session-unknown", "caller.unknown-app"),
        ),
    ),
}
"""The routes by their paths."""

EVERYWHERE: Final = frozenset(
    {
        *("caller.key-missing", "caller.key-rejected", "caller.server-key-needed", "caller.too-slow"),
        *("envelope.too-large", "envelope.not-utf8", "envelope.not-json", "envelope.bad-field"),
        *("internal.fault", "internal.store-unavailable", "internal.store-unreadable", "link.no-accounts"),
    }
)
"""The codes that all of them have."""
