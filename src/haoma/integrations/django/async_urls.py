"""The addresses of mini programs with asynchronous views, for ``include("haoma.integrations.django.async_urls")``."""

from __future__ import annotations

from haoma.integrations.django.urls import patterns

app_name = "haoma"
urlpatterns = patterns(asynchronous=True)
