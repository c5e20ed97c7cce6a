"""The application of the contract (`support.contract`), once for each framework. A server imports it.

Every one has the same paths: ``/v1`` for mini programs, ``/back`` for a back end, ``/habit`` in ``{code, msg, data}``,
``/team`` with users, ``/verified`` with the number in the application's own route, ``/form`` where the application has
read the form before, ``/boom`` with a mistake of its own, ``/readyz``.
"""

from __future__ import annotations

from typing import Any

from haoma.link import Link
from haoma.verified import VerifiedPhone

USER = "X-User"
"""The header that stands for the user who is logged in."""


def user_of(request: Any) -> str | None:
    """Return the user or session of a request."""
    found: str | None = request.headers.get(USER)
    return found


def on_verified(phone: VerifiedPhone, link: Link | None) -> dict[str, object]:
    """Find or create the user: here its id is made of the account, so that all processes agree."""
    return {"user": f"u-{phone.account}", "link": link and link.value, "masked": phone.masked}


def respond(user: dict[str, object], *_request: object) -> dict[str, object]:
    """Return what the mini program gets."""
    return {"token": f"token of {user['user']}", "link": user["link"]}
