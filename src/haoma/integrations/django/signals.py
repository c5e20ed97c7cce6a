"""Signals. An asynchronous view sends them with ``asend_robust``, the others with ``send_robust``.

The sender is the user model. A receiver that fails is logged by Django and changes no answer. Every error is masked in
its ``repr``, and so is a number.

Attributes:
    phone_verified: A user has logged in with a number: ``request``, ``phone``, ``user``.
    phone_refused: A request was refused: ``request``, ``app`` (a name), ``error``.
    link_conflict: The same, because another account has the number; ``error.because`` may have a ``dispute``.
    authorization_revoked: A platform said that a user has withdrawn: ``app``, ``about`` (a word), ``acted`` (whether an
        account was changed).
"""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

phone_verified: Final = Signal()
phone_refused: Final = Signal()
link_conflict: Final = Signal()
authorization_revoked: Final = Signal()
