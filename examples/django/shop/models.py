"""The users of the shop."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A user, who is one of haoma's accounts.

    A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay envelope can be
    replayed with somebody else's login. haoma has decided that. Never look up a user by the number alone.
    """

    haoma_account = models.CharField(max_length=36, unique=True, null=True, editable=False)
