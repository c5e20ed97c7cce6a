"""The team's own users."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A user of the shop."""

    haoma_account = models.CharField(max_length=36, unique=True, null=True, editable=False)
    phone = models.CharField(max_length=16, null=True, blank=True)
    phone_verified = models.BooleanField(default=False)
