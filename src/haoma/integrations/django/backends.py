"""The authentication backend: a verified number instead of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend

from haoma.integrations.common import linked
from haoma.integrations.django import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haoma.verified import VerifiedPhone


class HaomaBackend(ModelBackend):
    """Answers ``authenticate(request, verified_phone=phone)``. For passwords it answers nothing."""

    def authenticate(self, request: HttpRequest | None, verified_phone: VerifiedPhone) -> Any:
        """Return the user of a verified number, or None for nobody and for an inactive user.

        Args:
            request: The request.
            verified_phone: The number, from a client.

        Raises:
            NumberTaken: ``link.number-taken``: another account has the number, and nobody has decided yet.
            HaomaError: Whatever the function of ``ON_VERIFIED`` raises.
        """
        del request
        user = conf.options().on_verified(verified_phone, linked(verified_phone))
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aauthenticate(self, request: HttpRequest | None, verified_phone: VerifiedPhone) -> Any:
        """Return the user of a verified number; see `authenticate`.

        Raises:
            HaomaError: See `authenticate`.
        """
        return await sync_to_async(self.authenticate)(request, verified_phone)
