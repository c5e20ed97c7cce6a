"""The addresses of mini programs: ``path("", include("haoma.integrations.django.urls"))``, or `patterns` with options.

For ASGI include ``haoma.integrations.django.async_urls``.
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from haoma.integrations.django.views import Door, acallback, callback

app_name = "haoma"


def patterns(
    *, asynchronous: bool = False, logs_in: bool = True, envelope: str | None = None, trusted: bool = False
) -> list[Any]:
    """Return the addresses, for ``urlpatterns`` or ``include``.

    Args:
        asynchronous: True for asynchronous views.
        logs_in: See `haoma.integrations.django.views.Door`.
        envelope: See there.
        trusted: See there.
    """
    door = Door(logs_in, envelope, trusted)
    return [
        path("v1/apps/<str:app>/phone-number", door.aphone_number if asynchronous else door.phone_number,
             name="phone-number"),
        path("v1/apps/<str:app>/login", door.alogin if asynchronous else door.login, name="login"),
        path("v1/apps/<str:app>/callback", acallback if asynchronous else callback, name="callback"),
        path("v1/disputes/<str:dispute>/join", door.ajoin if asynchronous else door.join, name="join"),
    ]  # fmt: skip


urlpatterns = patterns()
