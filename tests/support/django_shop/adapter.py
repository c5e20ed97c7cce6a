"""django-allauth's adapter, as a team writes it."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter

from haoma.integrations.django.allauth import PhoneAdapterMixin


class Adapter(PhoneAdapterMixin, DefaultAccountAdapter):
    """Keeps numbers in the fields of the user model."""
