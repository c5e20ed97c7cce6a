"""Django Ninja: a router.

::

    api = NinjaAPI()
    api.add_router("", router())            # or: router(asynchronous=True)
"""

from __future__ import annotations

from typing import Any, Final

from ninja import Router, Schema

from haoma.integrations.django.views import Door


class Problem(Schema):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    next: str
    retry: bool
    request_id: str | None = None
    dispute: str | None = None


_DOOR: Final = Door()
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"login_code": "the code of login()", "authorization": {"code": "the code of the button"}},
            }
        },
    }
}


def router(*, asynchronous: bool = False, **options: Any) -> Router:
    """Return a router with the addresses of mini programs.

    Args:
        asynchronous: True for ASGI.
        options: Further arguments of `Router`.
    """
    made = Router(**{"tags": ["haoma"], "auth": None, **options})
    refused = dict.fromkeys((400, 403, 404, 409, 422, 429, 502, 503, 504), Problem)
    addresses = {
        "/v1/apps/{app}/phone-number": (_phone_number, _aphone_number),
        "/v1/apps/{app}/login": (_login, _alogin),
        "/v1/disputes/{dispute}/join": (_join, _ajoin),
    }
    for path, functions in addresses.items():
        made.post(path, response={200: dict[str, Any], **refused}, openapi_extra=_BODY)(functions[asynchronous])
    return made


def _phone_number(request: Any, app: str) -> Any:
    """Log in with phone."""
    return _DOOR.phone_number(request, app=app)


async def _aphone_number(request: Any, app: str) -> Any:
    """Log in with phone."""
    return await _DOOR.aphone_number(request, app=app)


def _login(request: Any, app: str) -> Any:
    """Turn a login code into a session handle."""
    return _DOOR.login(request, app=app)


async def _alogin(request: Any, app: str) -> Any:
    """Turn a login code into a session handle."""
    return await _DOOR.alogin(request, app=app)


def _join(request: Any, dispute: str) -> Any:
    """Decide a conflict by a session of each side."""
    return _DOOR.join(request, dispute=dispute)


async def _ajoin(request: Any, dispute: str) -> Any:
    """Decide a conflict by a session of each side."""
    return await _DOOR.ajoin(request, dispute=dispute)
