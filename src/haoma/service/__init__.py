"""The HTTP service: verified phone numbers for teams in any language.

`serve` runs it; `create_app` gives the ASGI application to those who bring their own server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.service.run.server import serve

if TYPE_CHECKING:
    from haoma.service.app import Application
    from haoma.settings.model import Settings

__all__ = ["create_app", "serve"]


def create_app(settings: Settings) -> Application:
    """Return the service as an ASGI application, for a server of your choice."""
    from haoma.service import app  # imported late: the framework takes longer to import than the rest of haoma

    return app.create_app(settings)
