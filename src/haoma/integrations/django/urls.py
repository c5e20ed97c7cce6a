"""The addresses of mini programs, for ``include("haoma.integrations.django.urls")``: with threads."""

from __future__ import annotations

from django.urls import path

from haoma.integrations.django import views

app_name = "haoma"
urlpatterns = [
    path("v1/apps/<str:app>/phone-number", views.phone_number, name="phone-number"),
    path("v1/apps/<str:app>/login", views.login, name="login"),
    path("v1/apps/<str:app>/callback", views.callback, name="callback"),
    path("v1/disputes/<str:dispute>/join", views.join, name="join"),
]
