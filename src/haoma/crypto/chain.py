"""A certificate chain: leaf, intermediates, and one of the roots that the operator has configured.

What is checked is what Alipay's own SDKs check (alipay-easysdk, AntCertificationUtil.isTrusted): issuer and subject
match, signatures fit, nothing is outside of its dates. And what they do not: that whoever issued may issue. Without
that, any app's own certificate could sign one for "Alipay". Nothing is fetched; revocation is not looked at.
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
    """A chain does not hold.

    Attributes:
        reason: ``no-issuer`` (nothing contradicts the chain, but a certificate of it is not at hand), ``no-root``,
            ``signature``, ``may-not-issue``, ``dates``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_chain(leaf: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], now: float) -> None:
    """Follow a leaf to one of the roots with an RSA signature. The dates of the leaf itself are the caller's affair.

    Raises:
        ChainBroken: It does not get there.
    """
    anchors = [root for root in roots if is_rsa_signed(root) and root.issuer == root.subject]
    at = leaf
    for _ in range(_LONGEST):
        if issuer := _issuer(at, anchors):
            _check_issuer(issuer, now)
            return
        issuer = _issuer(at, [each for each in others if each.issuer != each.subject])
        if issuer is None:
            # A name that ends in itself, or an intermediate under no root of ours, is wrong; a leaf alone is not.
            raise ChainBroken("no-issuer" if at is leaf and at.issuer != at.subject else "no-root")
        _check_issuer(issuer, now)
        at = issuer
    raise ChainBroken("no-root")


def is_current(certificate: Certificate, now: float) -> bool:
    """Tell whether a certificate is within its dates."""
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
    """Tell whether a certificate says of itself that it issues others, as roots and intermediates do."""
    constraints: Extension[BasicConstraints] | None = None
    with suppress(ExtensionNotFound, ValueError):
        constraints = certificate.extensions.get_extension_for_class(BasicConstraints)
    return constraints is not None and constraints.value.ca


def _check_issuer(issuer: Certificate, now: float) -> None:
    if not may_issue(issuer):
        raise ChainBroken("may-not-issue")
    if not is_current(issuer, now):
        raise ChainBroken("dates")
