"""The HTTP service: verified phone numbers for back ends in any language.

`serve` runs the service. `create_app` returns the ASGI application for another server.
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
    from haoma.service import app  # imported on use: the framework takes longer to import than the rest of haoma

    return app.create_app(settings)
