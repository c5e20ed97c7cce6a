"""What a user who has logged in gets: functions for the option ``RESPOND``. Each is ``(user, request) -> answer``.

The answer is an `HttpResponse`, or anything that can be JSON. ``request.verified_phone`` is the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import login
from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from django.http import HttpRequest


def session(user: Any, request: HttpRequest) -> dict[str, str]:
    """Log the user in as Django does, with a cookie. The default.

    A mini program keeps no cookies by itself; there a token is the usual choice.

    Raises:
        PermissionDenied: A browser came here by a form of some page, which would log its user in as somebody else.
    """
    if request.headers.get("sec-fetch-mode") == "navigate":
        raise PermissionDenied
    login(request, user)
    return {"masked": request.verified_phone.masked}


def drf_token(user: Any, request: HttpRequest) -> dict[str, str]:
    """Return the user's token of ``rest_framework.authtoken``."""
    from rest_framework.authtoken.models import Token

    token, _made = Token.objects.get_or_create(user=user)
    return {"masked": request.verified_phone.masked, "token": token.key}


def simple_jwt(user: Any, request: HttpRequest) -> dict[str, str]:
    """Return the pair of tokens of ``rest_framework_simplejwt``."""
    from rest_framework_simplejwt.tokens import RefreshToken

    refresh = RefreshToken.for_user(user)
    masked = request.verified_phone.masked
    return {"masked": masked, "refresh": str(refresh), "access": str(refresh.access_token)}
