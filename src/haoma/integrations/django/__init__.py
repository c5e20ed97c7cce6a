"""haoma in Django: settings, checks, "log in with phone", an authentication backend, signals, admin.

::

    INSTALLED_APPS = [..., "haoma.integrations.django"]
    AUTHENTICATION_BACKENDS = ["haoma.integrations.django.backends.HaomaBackend", ...]
    HAOMA = BASE_DIR / "haoma.toml"

    urlpatterns = [path("", include("haoma.integrations.django.urls"))]

See ``docs/django.md``. Nothing of Django is imported here, because settings modules import from this package.
"""
