"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.signals import setting_changed

from haoma.integrations.django import conf
from haoma.io.http import silence


class HaomaConfig(AppConfig):
    """Reads the options when Django starts, so that a misspelt one stops it."""

    name = "haoma.integrations.django"
    label = "haoma"
    verbose_name = "haoma"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and what follows a change of the setting.

        Raises:
            ImproperlyConfigured: The setting ``HAOMA`` has an option that is unknown.
        """
        from haoma.integrations.django.checks import check_configuration, check_deployment, check_project

        silence()  # Django has configured logging before
        setting_changed.connect(conf.reload, dispatch_uid="haoma")
        checks.register(check_configuration, checks.Tags.security)
        checks.register(check_project, checks.Tags.security)
        checks.register(check_deployment, checks.Tags.security, deploy=True)
        if hasattr(settings, "HAOMA"):
            conf.options()
