"""Answers haoma's errors of your own views: ``"haoma.integrations.django.middleware.Refusals"`` in ``MIDDLEWARE``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.deprecation import MiddlewareMixin

from haoma.errors import HaomaError
from haoma.integrations.django.views import Replying

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Refusals(MiddlewareMixin):
    """Turns a `HaomaError` that a view raises into the answer of ``haoma serve``. Other exceptions pass."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the answer, or None."""
        return Replying(request).refuse(exception) if isinstance(exception, HaomaError) else None
