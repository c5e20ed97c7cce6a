"""A site with django-allauth as it comes: logs in with each ID token, then with one that is forged."""

import json
import sys

import django
from django.conf import settings

asked = json.load(sys.stdin)
settings.configure(
    SECRET_KEY="not-a-secret-of-anybody",
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
        "allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect",
        "allauth.headless",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    ROOT_URLCONF="allauth_site",
    SITE_ID=1,
    HEADLESS_ONLY=True,
    HEADLESS_CLIENTS=["app"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_AUTO_SIGNUP=True,
    ACCOUNT_LOGIN_METHODS={"username"},
    ACCOUNT_SIGNUP_FIELDS=["username*"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    SOCIALACCOUNT_PROVIDERS={
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "haoma", "name": "haoma", "client_id": "web",
                    "settings": {"server_url": f"{asked['issuer']}/.well-known/openid-configuration"},
                }
            ]
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)  # fmt: skip
sys.modules["allauth_site"] = sys.modules["__main__"]
django.setup()

from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("accounts/", include("allauth.urls")), path("_allauth/", include("allauth.headless.urls"))]
call_command("migrate", verbosity=0)

head, payload, signature = asked["tokens"][0].split(".")
answers = []
for token in (*asked["tokens"], f"{head}.{payload}.{signature[::-1]}"):
    answer = Client().post(
        "/_allauth/app/v1/auth/provider/token",
        {"provider": "haoma", "process": "login", "token": {"client_id": "web", "id_token": token}},
        content_type="application/json",
    )
    answers.append({"status": answer.status_code, "body": answer.json()})
print(json.dumps(answers))
