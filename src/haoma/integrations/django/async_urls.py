"""The addresses of mini programs, for ``include("haoma.integrations.django.async_urls")``: asynchronous."""

from __future__ import annotations

from django.urls import path

from haoma.integrations.django import views

app_name = "haoma"
urlpatterns = [
    path("v1/apps/<str:app>/phone-number", views.aphone_number, name="phone-number"),
    path("v1/apps/<str:app>/login", views.alogin, name="login"),
    path("v1/apps/<str:app>/callback", views.acallback, name="callback"),
    path("v1/disputes/<str:dispute>/join", views.ajoin, name="join"),
]
