"""The addresses of the shop."""

from django.urls import include, path
from rest_framework.authentication import TokenAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response


@api_view()
@authentication_classes([TokenAuthentication])
@permission_classes([IsAuthenticated])
def orders(request):
    """Return the orders of whoever has logged in."""
    return Response({"user": request.user.pk, "orders": []})


urlpatterns = [path("", include("haoma.integrations.django.urls")), path("orders", orders)]
