"""Django REST framework: a view, and a serializer for views of your own.

::

    path("v1/apps/<str:app>/phone-number", PhoneNumberView.as_view())

DRF has no asynchronous views; `haoma.integrations.django.async_urls` has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView

from haoma.errors import HaomaError
from haoma.integrations.django import conf
from haoma.integrations.django.login import log_in
from haoma.integrations.django.views import Replying

if TYPE_CHECKING:
    from rest_framework.request import Request


class Refused(APIException):
    """A refusal as DRF's exception handler answers it. ``detail`` is the problem object."""

    def __init__(self, error: HaomaError, request: Request, app: str) -> None:
        reply = Replying(request, app)
        self.status_code = error.status
        self.detail = reply.problem(error)
        self.wait = error.retry_after or None
        super(APIException, self).__init__(error.code)


class PhoneLoginSerializer(serializers.Serializer):
    """What the front end posts. ``save()`` logs in and returns the user; what a platform sends is not taken apart here.

    ::

        serializer = PhoneLoginSerializer(data=request.data, context={"request": request, "app": "shop"})
        serializer.is_valid(raise_exception=True)
        user = serializer.save()              # raises Refused, which DRF answers
    """

    login_code = serializers.CharField(required=False, write_only=True)
    session = serializers.CharField(required=False, write_only=True)
    authorization = serializers.JSONField(required=False, write_only=True)
    consent = serializers.JSONField(required=False, write_only=True)
    masked = serializers.CharField(read_only=True)

    def __repr__(self) -> str:
        # That of DRF shows what was sent.
        return f"<{type(self).__name__}>"

    def create(self, validated_data: dict[str, Any]) -> Any:
        """Return the user.

        Raises:
            Refused: The request was refused.
        """
        del validated_data  # the platforms' own fields are not among them
        request, app = self.context["request"], self.context["app"]
        try:
            user = log_in(request, app, sent=self.initial_data)
        except HaomaError as error:
            refused = Refused(error, request, app)
        else:
            self.phone = request.verified_phone
            return user
        raise refused

    def to_representation(self, instance: Any) -> dict[str, str]:
        """Return the masked number."""
        del instance
        return {"masked": self.phone.masked}


class PhoneNumberView(APIView):
    """Log in with phone: a number in, the answer of ``RESPOND`` out. Subclass it to limit the rate, for example."""

    authentication_classes = ()
    permission_classes = ()
    serializer_class = PhoneLoginSerializer

    def post(self, request: Request, app: str) -> Any:
        """Answer a tap."""
        django_request = request._request  # noqa: SLF001 - the body as it came
        found = conf.options().respond(log_in(django_request, app), django_request)
        return Response(found) if isinstance(found, dict) else found

    def handle_exception(self, exc: Exception) -> Any:
        """Answer haoma's errors as `haoma serve` does."""
        if isinstance(exc, HaomaError):
            return Replying(self.request, self.kwargs.get("app", "")).refuse(exc)
        return super().handle_exception(exc)
