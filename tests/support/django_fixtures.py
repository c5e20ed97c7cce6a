"""A project of Django with a database, and people who tap in simulated mini programs."""

from __future__ import annotations

import support.django_shop  # noqa: F401 - sets Django up

# isort: split

import warnings
from collections.abc import Iterator
from functools import cache

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.test import Client

from haoma.integrations.django.testing import Phones, simulated_phones


@cache
def _made() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture
def database() -> Iterator[None]:
    """An empty database of the project. It is a file, so that threads and processes share it."""
    _made()
    yield
    get_user_model().objects.all().delete()  # with what belongs to them; `flush` takes longer than most tests
    Session.objects.all().delete()
    connections.close_all()


@pytest.fixture
def phones(database: None) -> Iterator[Phones]:
    """Simulated platforms, and an empty store."""
    with warnings.catch_warnings(), simulated_phones() as found:
        warnings.simplefilter("ignore")
        yield found


@pytest.fixture
def browser() -> Client:
    """What posts to the views. It checks CSRF as browsers are checked."""
    return Client(enforce_csrf_checks=True)
