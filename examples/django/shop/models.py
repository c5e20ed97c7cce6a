"""The users of the shop."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A user, who is one of haoma's accounts."""

    haoma_account = models.CharField(max_length=36, unique=True, null=True, editable=False)
