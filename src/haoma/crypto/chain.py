"""Verification of a certificate chain: leaf, intermediates, and a root that the operator has configured.

The checks are those of Alipay's own SDKs (alipay-easysdk, AntCertificationUtil.isTrusted): issuer and subject match,
signatures verify, and dates are valid. One more check is added: an issuer must be a CA. Without it, any app's own
certificate could sign one for "Alipay". Nothing is fetched, and revocation is not checked.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import BasicConstraints, Extension, ExtensionNotFound

from haoma.crypto.keys import is_rsa_signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

_LONGEST: Final = 4  # Alipay's chains have three certificates


class ChainBroken(ValueError):
    """The chain is not valid.

    Attributes:
        reason: ``no-issuer`` (the chain is not contradicted, but the issuer's certificate is missing), ``no-root``,
            ``signature``, ``may-not-issue``, ``dates``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_chain(leaf: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], now: float) -> None:
    """Verify the chain from a leaf to one of the RSA-signed roots. The caller checks the dates of the leaf itself.

    Raises:
        ChainBroken: The chain does not lead to a root.
    """
    anchors = [root for root in roots if is_rsa_signed(root) and root.issuer == root.subject]
    at = leaf
    for _ in range(_LONGEST):
        if issuer := _issuer(at, anchors):
            _check_issuer(issuer, now)
            return
        issuer = _issuer(at, [each for each in others if each.issuer != each.subject])
        if issuer is None:
            # A self-issued leaf, or an intermediate under no configured root, is wrong. A leaf without its issuer is
            # only incomplete.
            raise ChainBroken("no-issuer" if at is leaf and at.issuer != at.subject else "no-root")
        _check_issuer(issuer, now)
        at = issuer
    raise ChainBroken("no-root")


def is_current(certificate: Certificate, now: float) -> bool:
    """Return True if a certificate is within its validity dates."""
    moment = datetime.fromtimestamp(now, UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _issuer(certificate: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    named = [each for each in candidates if each.subject == certificate.issuer]
    for each in named:
        with suppress(InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            certificate.verify_directly_issued_by(each)
            return each
    if named:
        raise ChainBroken("signature")
    return None


def may_issue(certificate: Certificate) -> bool:
    """Return True if a certificate is a CA (basic constraints), as roots and intermediates are."""
    constraints: Extension[BasicConstraints] | None = None
    with suppress(ExtensionNotFound, ValueError):
        constraints = certificate.extensions.get_extension_for_class(BasicConstraints)
    return constraints is not None and constraints.value.ca


def _check_issuer(issuer: Certificate, now: float) -> None:
    if not may_issue(issuer):
        raise ChainBroken("may-not-issue")
    if not is_current(issuer, now):
        raise ChainBroken("dates")
