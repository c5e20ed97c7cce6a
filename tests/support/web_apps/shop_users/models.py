"""The users."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A user."""

    haoma_account = models.CharField(max_length=36, unique=True, null=True, editable=False)
