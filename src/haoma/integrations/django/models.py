"""What Django's admin and its permissions need a model for. haoma's tables are not Django's."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.functional import lazy
from django.utils.translation import get_language

from haoma.words import text


def lang() -> str:
    """Return ``zh`` or ``en``, for the language that Django has chosen."""
    return "zh" if (get_language() or "").startswith("zh") else "en"


def _name() -> str:
    return text("django", "account", lang())


def _names() -> str:
    return text("django", "accounts", lang())


_later: Any = lazy  # it has no types


class PhoneAccount(models.Model):
    """An account of haoma. It has no table in Django's database."""

    class Meta:
        """It is read alone, and its number by those who may."""

        managed = False
        default_permissions = ()
        permissions = (
            ("view_phoneaccount", text("django", "may-view", "en")),
            ("reveal_phoneaccount", text("django", "may-reveal", "en")),
        )
        verbose_name = _later(_name, str)()
        verbose_name_plural = _later(_names, str)()

    def __str__(self) -> str:
        return str(self.pk)
