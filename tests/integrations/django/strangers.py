"""What strangers do with the page and the example of Django, in processes of their own: ``make integrations``."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import postgres
from support.service_process import free_port

ROOT = Path(__file__).parents[3]
PAGE, EXAMPLE = ROOT / "docs" / "django.md", ROOT / "examples" / "django"
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
FILE = re.compile(r"# (\S+\.py)\n")
LATER = ("shop/settings.py", "users/models.py")
"""Files to which a block is added."""


def write(folder: Path, text: str) -> None:
    """Write a block to the file that it names: a new one, or at its end."""
    found = FILE.match(text)
    assert found, text
    path = folder / found[1]
    before = path.read_text() if path.exists() and (found[1] in LATER or found[1] == "shop/urls.py") else ""
    path.write_text(f"{before}\n\n{text}".lstrip())


class Reader:
    """Somebody who does what the page says, in a shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name, module in (("python", ""), ("haoma", "-m haoma "), ("django-admin", "-m django ")):
            path = folder / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n')
            path.chmod(0o755)
        self.work = folder / "work"
        self.work.mkdir()
        self.simulator, self.server = free_port(), free_port()
        self.groups: list[int] = []

    def run(self, commands: str) -> str:
        """Run commands; those in the background go on. A simulator or a server listens before the next command."""
        lines = []
        here = {
            "8900": str(self.simulator),
            "haoma simulate": f"haoma simulate --listen 127.0.0.1:{self.simulator}",
            "runserver": f"runserver --noreload {self.server}",
        }
        for shown in commands.splitlines():
            if shown.startswith("pip "):
                continue
            line = re.sub("|".join(here), lambda found: here[found[0]], shown)
            lines.append(line)
            if line.endswith("&"):
                port = self.server if "runserver" in line else self.simulator
                lines[-1] = line.replace("&", "> /dev/null 2>&1 &")
                lines.append(f"until curl -so /dev/null http://127.0.0.1:{port}/; do sleep 0.2; done")
        env = {name: value for name, value in os.environ.items() if not name.startswith(("HAOMA_", "DJANGO_"))}
        env |= {"PATH": f"{self.folder / 'bin'}:{env['PATH']}", "PYTHONPATH": str(ROOT / "src")}
        script = "\n".join(["set -e", *lines])
        with (self.folder / "log").open("ab+") as log:
            process = subprocess.Popen(
                ["sh", "-c", script], cwd=self.work, env=env, stdout=log, stderr=log, start_new_session=True
            )
            self.groups.append(process.pid)
            code = process.wait(240)
        said = (self.folder / "log").read_text("utf-8", "replace")
        assert code == 0, f"{script}\n{said[-3000:]}"
        return said

    def stop(self) -> None:
        """End what runs in the background."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


def test_ten_minutes(tmp_path: Path) -> None:
    """A new project reaches: logged in by WeChat and Kuaishou as one user, Alipay's conflict resolved by proof of both."""
    parts = PAGE.read_text("utf-8").split("\n## ")
    named = {part.partition("\n")[0].strip(): part for part in parts}
    reader = Reader(tmp_path)
    try:
        for kind, text in FENCE.findall(named["Ten minutes"]):
            if kind == "sh":
                said = reader.run(text)
            else:
                write(reader.work, text)
        assert "Ran 1 test" in said
        assert "OK" in said
        # The rest of the page, on top of it: a token, then the team's own table.
        for name in ("Settings", "The store beside your tables", "Your own table of users", "django-allauth"):
            for _kind, text in FENCE.findall(named[name]):
                write(reader.work, text)
        (reader.work / "users" / "tests.py").write_text(textwrap.dedent(OWN_TABLE))
        assert "Ran 2 tests" in reader.run("python manage.py makemigrations users\npython manage.py test")
    finally:
        reader.stop()


OWN_TABLE = """
    from django.contrib.auth import get_user_model
    from django.core import signing
    from django.test import TestCase, override_settings
    from haoma.integrations.django.conf import loaded
    from haoma.integrations.django.testing import simulated_phones

    from shop import settings
    from users import adapter, answers

    class OwnTable(TestCase):
        @classmethod
        def setUpTestData(cls):
            cls.phones = cls.enterClassContext(simulated_phones())

        def tap(self, platform, user="anna"):
            tap = self.phones.tap(platform, user=user, number="13800138000")
            return self.client.post(tap.path, tap.body, content_type="application/json")

        def test_the_table_of_the_team(self):
            for platform in ("wechat", "wechat", "kuaishou"):
                self.assertEqual(self.tap(platform).status_code, 200)
            self.assertEqual(self.tap("alipay", "thief").status_code, 409)
            user = get_user_model().objects.get()
            self.assertEqual((user.logins.count(), user.phone.number, user.haoma_account), (2, "+8613800138000", None))
            self.assertGreater(user.phone.bound_at, 0)

        def test_what_else_the_page_shows(self):
            self.assertTrue(settings.STORE_URL.endswith("db.haoma.db"))
            self.assertTrue(issubclass(adapter.Adapter, adapter.DefaultAccountAdapter))
            with override_settings(HAOMA={**settings.HAOMA, "CONFIG": loaded(), "RESPOND": answers.token}):
                found = self.tap("wechat").json()
            self.assertEqual(signing.loads(found["token"], salt="login"), get_user_model().objects.get().pk)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy, so that nothing is left behind."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "django", ignore=shutil.ignore_patterns("__pycache__", "*.db*")))


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAOMA_", "DJANGO_"))}
    return {**kept, "PYTHONPATH": str(ROOT / "src")}


def test_with_pytest(project: Path) -> None:
    """The fixture gives pytest-django's tests the simulated platforms; the options of the project stay."""
    (project / "test_shop.py").write_text("""
import pytest
from django.test import Client

@pytest.mark.haoma("wechat", accounts=True)
@pytest.mark.parametrize("again", [1, 2])
def test_login(db, client: Client, haoma_django, again):
    tap = haoma_django.person("anna", number="13900139000").tap()
    answer = client.post(f"/v1/apps/{tap.app}/phone-number", tap.body, content_type="application/json")
    assert answer.json().keys() == {"masked", "token"}
""")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "haoma.pytest_plugin"]
    command += ["--ds", "shop.settings"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(project), "-W", "error", "test_shop.py"]
    done = subprocess.run(command, cwd=project, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


SAME_DATABASE = """
import os
from urllib.parse import urlsplit
from haoma.integrations.django.conf import database_url

_SERVER = urlsplit(os.environ["SERVER"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": _SERVER.username,
    "PASSWORD": _SERVER.password, "HOST": _SERVER.hostname, "PORT": _SERVER.port, "ATOMIC_REQUESTS": True}}
from haoma.simulator import Simulator
from haoma.store.config import format_key
from haoma.store.sealing import StoreKey

def _key(name):
    return [format_key(StoreKey(1, name.encode().ljust(32)))]

HAOMA = {"RESPOND": "haoma.integrations.django.answers.drf_token", **SIMULATOR.stage.settings(SIMULATOR.url),
    "store": {"database_url": database_url(DATABASES["default"]), "keys": _key("store")},
    "accounts": {name: _key(name) for name in ("keys", "peppers", "audit_keys")}}
ALLOWED_HOSTS = ["*"]
DEBUG = False
ROOT_URLCONF = "shop.rolled_back"
"""
ROLLED_BACK = """
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from haoma.integrations.django.login import log_in
from shop.urls import urlpatterns

@csrf_exempt
def rolled_back(request):
    get_user_model().objects.create(username="of the view")  # the transaction has written before haoma does
    log_in(request, "wechat")
    raise PermissionDenied

urlpatterns = [path("rolled-back", rolled_back), *urlpatterns]
"""
TRY = """
import os, warnings
warnings.simplefilter("ignore")
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.same_database"
import django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from haoma import accounts
from haoma.integrations.django.conf import client
from shop.settings import SIMULATOR

call_command("migrate", verbosity=0)
call_command("haoma", "db", "upgrade")
tables = connection.introspection.table_names()
assert {"shop_user", "haoma_ledger"} <= set(tables), tables
users = get_user_model().objects

tap = SIMULATOR.tap("wechat", "ok")
asked = lambda: SIMULATOR.calls["wechat"].get("/wxa/business/getuserphonenumber", 0)
refused = Client().post("/rolled-back", tap.body, "application/json")
assert refused.status_code == 403, refused.content
assert users.count() == 0 and asked() == 1
account = client().run(accounts.look_up(phone_number=tap.phone_number, by="test")).account
assert account and client().run(accounts.read(account, by="test")).user is None
again = Client().post("/v1/apps/wechat/phone-number", tap.body, "application/json")
assert again.status_code == 200, again.content
assert asked() == 1 and users.get().haoma_account == account
assert client().run(accounts.read(account, by="test")).user == str(users.get().pk)

def post(body):
    try:
        return Client().post("/v1/apps/wechat/phone-number", body, "application/json").status_code
    finally:
        connections.close_all()

tap = SIMULATOR.tap("wechat", "ok")
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(post, [tap.body] * 16)) == [200] * 16
assert users.count() == 2
print("as it should be")
"""


def test_the_same_database_as_django(project: Path) -> None:
    """On PostgreSQL haoma's tables lie beside Django's, every request is a transaction, and nothing waits for itself."""
    with postgres() as server:
        settings = project / "shop" / "settings.py"
        started = "from haoma.simulator import Simulator\nSIMULATOR = Simulator(platforms=['wechat']).start()\n"
        settings.write_text(f"{settings.read_text()}\n{started}")
        (project / "shop" / "same_database.py").write_text(f"from shop.settings import *\n{SAME_DATABASE}")
        (project / "shop" / "rolled_back.py").write_text(ROLLED_BACK)
        done = subprocess.run(
            [sys.executable, "-c", TRY], cwd=project, env={**environ(), "SERVER": server.url},
            capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
    assert "as it should be" in done.stdout, done.stdout + done.stderr


def test_one_command_starts_it(project: Path) -> None:
    """A tap on the simulated phone is posted to the shop, whose token reads the orders."""
    said = re.search(r"(?m)^haoma (simulate) (-- .*)$", (project / "shop" / "settings.py").read_text())
    assert said
    phone, shop = free_port(), free_port()
    started = said[2].replace("runserver", f"runserver --noreload {shop}").replace("python ", f"{sys.executable} ")
    command = f"{sys.executable} -m haoma simulate --listen 127.0.0.1:{phone} {started}"
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", command], cwd=project, env=environ(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while True:
            with suppress(OSError):
                if "orders" not in ask(f"127.0.0.1:{shop}", "GET", "/orders", None):
                    break
            assert time.monotonic() < deadline, (project / "log").read_text()
            assert process.poll() is None, (project / "log").read_text()
            time.sleep(0.1)
        tap = ask(f"127.0.0.1:{phone}", "POST", "/device/wechat/tap", {"scene": "ok"})
        answer = ask(f"127.0.0.1:{shop}", "POST", f"/v1/apps/{tap['app']}/phone-number", tap["body"])
        orders = ask(f"127.0.0.1:{shop}", "GET", "/orders", None, Authorization=f"Token {answer['token']}")
        assert orders == {"user": 1, "orders": []}
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.wait(30)


def ask(address: str, method: str, path: str, body: object, **headers: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json", **headers})
        found: dict[str, object] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()
