"""The bodies of the requests about accounts and disputes. They are strict: a name that is not listed is refused."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from haoma.accounts import Action
from haoma.crypto.strict import parse_json_object
from haoma.errors import BadField, HaomaError

T = TypeVar("T")


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One id of a user. ``app`` is the name of a configured app."""

    app: str
    kind: Literal["openid", "unionid", "user_id"]
    value: str


class ProofBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session handle of the login route."""

    app: str
    session: str


class LookUpBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/look-up``: one of the two."""

    phone_number: str | None = None
    login: LoginBody | None = None
    reason: str = ""


class ReadBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/read``. ``reveal`` needs a reason."""

    reveal: bool = False
    reason: str = ""


class ExportBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/export``. It needs a reason."""

    reason: str


class ReasonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Verbs that take nothing else."""

    reason: str = ""


class UserBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/user``."""

    user: str
    reason: str = ""


class UnlinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/unlink``."""

    login: LoginBody
    preview: bool = False
    reason: str = ""


class MergeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/merge``."""

    other: str
    proofs: tuple[ProofBody, ...]
    keep_other: bool = False
    preview: bool = False
    reason: str = ""


class EraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/erase``."""

    later: bool = False
    preview: bool = False
    reason: str = ""


class WithdrawBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/accounts/{id}/withdraw-consent``: all consents, or those to one scene."""

    scene: str | None = None
    reason: str = ""


class ResolveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/disputes/{id}/resolve``."""

    action: Action
    proofs: tuple[ProofBody, ...] = ()
    preview: bool = False
    reason: str = ""


def read(body: bytes, kind: type[T]) -> T:
    """Return a body as its type. An empty body is an empty object.

    Raises:
        HaomaError: ``envelope.*``: it is not strict JSON, or not of this shape.
    """
    found = parse_json_object(body) if body.strip() else {}
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")  # its words may quote a value
        because = {"field": place.rstrip("`")} if place else {}
        reason = "unknown field" if said.startswith("Object contains unknown") else "wrong type or value"
        failure: HaomaError = BadField(because={**because, "reason": reason})
    raise failure  # outside `except`: its frames hold what was sent
