"""The callers of the service, recognised by the digests of the configured keys."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haoma.errors import KeyMissing, KeyRejected
from haoma.steps import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.settings.model import ServiceSettings


@dataclass(frozen=True, slots=True)
class Caller:
    """One configured key.

    Attributes:
        id: Short name of the key, for logs and for one-time use.
        digest: SHA-256 of the key.
        trusted: True for a server key, which may read full numbers; False for a publishable key.
        tenant: Whose apps and accounts it may ask about.
    """

    id: str
    digest: bytes = field(repr=False)
    trusted: bool
    tenant: str = DEFAULT_TENANT


class Callers:
    """The configured keys, to find the caller of a request by its ``Authorization`` header."""

    def __init__(self, service: ServiceSettings) -> None:
        self._callers = tuple(
            Caller(key.id, key.digest, trusted, key.tenant)
            for keys, trusted in ((service.server_keys, True), (service.publishable_keys, False))
            for key in keys
        )

    def recognise(self, headers: Sequence[bytes]) -> Caller:
        """Return the caller.

        The header is always compared with every key, so the time does not reveal which one matched. Keys are compared
        by digest, so the time does not reveal how much of a key was right either.

        Two headers are rejected, because a proxy may have checked the other one.

        Args:
            headers: The ``Authorization`` headers of the request.

        Raises:
            KeyMissing: ``caller.key-missing``.
            KeyRejected: ``caller.key-rejected``.
        """
        if len(headers) > 1:
            raise KeyRejected(diagnosis="more than one Authorization header")
        scheme, _, key = next(iter(headers), b"").strip().partition(b" ")
        key = key.strip()
        if scheme.lower() != b"bearer" or not key:
            raise KeyMissing
        digest = hashlib.sha256(key).digest()
        found: Caller | None = None
        for caller in self._callers:
            if hmac.compare_digest(caller.digest, digest):
                found = caller
        if found is None:
            raise KeyRejected
        return found
