"""A Django project as a team has it: users of its own, allauth, DRF, Ninja, admin, and haoma.

It is set up once in a process, when this package is imported; Django cannot be set up twice.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(tempfile.mkdtemp(prefix="haoma-django-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "rest_framework",
    "rest_framework.authtoken",
    "haoma.integrations.django",
    "support.django_shop",
]

if not settings.configured:
    settings.configure(
        ACCOUNT_ADAPTER="support.django_shop.adapter.Adapter",
        ACCOUNT_LOGIN_BY_CODE_ENABLED=True,
        ACCOUNT_LOGIN_METHODS={"phone"},
        ACCOUNT_PHONE_VERIFICATION_SUPPORTS_CHANGE=True,
        ACCOUNT_RATE_LIMITS=False,
        ACCOUNT_SIGNUP_FIELDS=["phone*", "password1*"],
        ALLOWED_HOSTS=["*"],
        AUTHENTICATION_BACKENDS=[
            "haoma.integrations.django.backends.HaomaBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        AUTH_USER_MODEL="django_shop.User",
        BASE_DIR=FOLDER,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "django.sqlite3"}},
        INSTALLED_APPS=APPS,
        LANGUAGE_CODE="en",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # fast
        MIGRATION_MODULES={name.rpartition(".")[2]: None for name in APPS},  # tables are made at once
        ROOT_URLCONF="support.django_shop.urls",
        SECRET_KEY="support-django-shop",
        SILENCED_SYSTEM_CHECKS=["models.W042"],
        STATIC_URL="/static/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        USE_TZ=True,
    )
    django.setup()
