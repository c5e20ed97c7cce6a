"""The application of the contract in Django: ``app`` for ASGI, ``wsgi`` for WSGI. It keeps users in SQLite."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings

CONFIG = Path(os.environ["HAOMA_CONFIG"])
ASYNCHRONOUS = "DJANGO_ASYNC" in os.environ

settings.configure(
    ALLOWED_HOSTS=["*"],
    AUTHENTICATION_BACKENDS=["haoma.integrations.django.backends.HaomaBackend"],
    AUTH_USER_MODEL="shop_users.User",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": CONFIG.parent / "django.sqlite3",
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    HAOMA={"CONFIG": CONFIG, "RESPOND": "support.web_apps.django_app.respond", "CALLER": "support.web_apps.user_of"},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "haoma.integrations.django",
        "support.web_apps.shop_users",
    ],
    MIDDLEWARE=["haoma.integrations.django.middleware.Refusals"],
    MIGRATION_MODULES={"auth": None, "contenttypes": None, "shop_users": None},
    ROOT_URLCONF=__name__,
    SECRET_KEY="support-web-apps",
    USE_TZ=True,
)

import django  # noqa: E402

django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

from haoma.integrations.django.login import averified_phone, verified_phone  # noqa: E402
from haoma.integrations.django.urls import patterns  # noqa: E402


def respond(user: Any, request: HttpRequest) -> dict[str, object]:
    """Return what the mini program gets."""
    return {"token": f"token of u-{user.haoma_account}", "link": request.verified_phone.link}


@csrf_exempt
def verified(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"masked": verified_phone(request, "wechat").masked})


@csrf_exempt
async def averified(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"masked": (await averified_phone(request, "wechat")).masked})


@csrf_exempt
def form(request: HttpRequest) -> HttpResponse:
    characters = len(request.POST["code"])
    return JsonResponse({"characters": characters, "masked": verified_phone(request, "wechat").masked})


@csrf_exempt
def boom(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError(verified_phone(request, "wechat").masked)


def ready(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("", include(patterns(asynchronous=ASYNCHRONOUS, logs_in=False))),
    path("back/", include(patterns(asynchronous=ASYNCHRONOUS, logs_in=False, trusted=True))),
    path("habit/", include(patterns(asynchronous=ASYNCHRONOUS, logs_in=False, envelope="code-msg-data"))),
    path("team/", include(patterns(asynchronous=ASYNCHRONOUS))),
    path("verified", averified if ASYNCHRONOUS else verified),
    path("form", form),
    path("boom", boom),
    path("readyz", ready),
]


def _make_tables() -> None:
    with (CONFIG.parent / "tables").open("w") as lock:  # one process makes them
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", run_syncdb=True, verbosity=0)


with ThreadPoolExecutor(1) as pool:  # an event loop may be running here
    pool.submit(_make_tables).result()

app, wsgi = get_asgi_application(), get_wsgi_application()
