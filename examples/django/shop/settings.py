"""The settings of the shop.

Try it against simulated platforms:
haoma simulate -- sh -c "python manage.py migrate && python manage.py runserver"
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parents[1]
DEBUG = True
SECRET_KEY = os.environ.get("SECRET_KEY", "for the example alone")
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "haoma.integrations.django",
    "shop",
]
MIDDLEWARE = ["haoma.integrations.django.middleware.Refusals"]
AUTHENTICATION_BACKENDS = ["haoma.integrations.django.backends.HaomaBackend"]
AUTH_USER_MODEL = "shop.User"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "shop.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TEST_RUNNER = "haoma.integrations.django.testing.Runner"
HAOMA = {
    "CONFIG": os.environ.get("HAOMA_CONFIG", BASE_DIR / "haoma.toml"),
    "RESPOND": "haoma.integrations.django.answers.drf_token",
}
