"""The addresses of the shop."""

from __future__ import annotations

from allauth import urls as allauth_urls
from django.contrib import admin
from django.urls import include, path
from ninja import NinjaAPI

from haoma.integrations.django import async_urls
from haoma.integrations.django.drf import PhoneNumberView
from haoma.integrations.django.ninja import router

ninja = NinjaAPI(urls_namespace="ninja")
ninja.add_router("", router())
aninja = NinjaAPI(urls_namespace="aninja")
aninja.add_router("", router(asynchronous=True))

urlpatterns = [
    path("", include("haoma.integrations.django.urls")),
    path("async/", include((async_urls.urlpatterns, "async"))),
    path("drf/v1/apps/<str:app>/phone-number", PhoneNumberView.as_view()),
    path("ninja/", ninja.urls),
    path("aninja/", aninja.urls),
    path("accounts/", include(allauth_urls)),
    path("admin/", admin.site.urls),
]
