"""The setting ``HAOMA``, its checks, and haoma's commands in ``manage.py``."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings

import support.django_shop as shop
from haoma.errors import ConfigFaults
from haoma.integrations.django import conf
from haoma.store.config import format_key, new_key

SECRET = "0123456789abcdef0123456789abcdef"
WECHAT = {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": SECRET}
TABLES: dict[str, Any] = {"apps": {"shop": WECHAT}}


def written(folder: Path, text: str = "") -> Path:
    path = folder / "haoma.toml"
    lines = "\n".join(f'{name} = "{value}"' for name, value in WECHAT.items())
    path.write_text(f"[apps.shop]\n{lines}\n{text}")
    path.chmod(0o600)
    return path


def found(**options: Any) -> dict[str, Any]:
    """What `manage.py check` says about haoma, by id."""
    return {each.id: each for each in checks.run_checks(**options) if str(each.id).startswith("haoma.")}


@pytest.mark.parametrize("form", ["path", "text", "dict", "inline"])
def test_where_the_configuration_is(tmp_path: Path, form: str) -> None:
    """The setting is a path, a dict with a path, or the tables themselves; paths may be Path objects."""
    path = written(tmp_path)
    (tmp_path / "secret.txt").write_text(SECRET)
    value = {
        "path": path,
        "text": str(path),
        "dict": {"CONFIG": path},
        "inline": {"apps": {"shop": {**WECHAT, "app_secret": {"file": tmp_path / "secret.txt"}}}},
    }[form]
    with override_settings(HAOMA=value):
        app = conf.client().apps["shop"]
        assert (app.platform, app.app_id) == ("wechat", "wx0123456789abcdef")
        assert conf.async_client().apps["shop"].app_id == app.app_id


def test_a_change_of_the_setting_is_seen_at_once(tmp_path: Path) -> None:
    """`override_settings` gives a new client, and the former one afterwards is made anew."""
    with override_settings(HAOMA=written(tmp_path)):
        one = conf.client()
        assert conf.client() is one
        with override_settings(HAOMA={"apps": {"other": WECHAT}}):
            assert list(conf.client().apps) == ["other"]
        assert list(conf.client().apps) == ["shop"]
        with override_settings(LANGUAGE_CODE="zh-hans"):
            assert conf.client() is conf.client()


@pytest.mark.parametrize(
    "value, says",
    [
        ({"CONFIG": "haoma.toml", "ON_VERIFIEDS": "x.y"}, "nearest=ON_VERIFIED"),
        ({"config": "haoma.toml"}, "nearest=CONFIG"),
        ({"APPS": {}}, "nearest=apps"),
        ({"CONFIG": "haoma.toml", **TABLES}, "not both"),
        ({}, "needed=CONFIG"),
        ({"CONFIG": 7}, "option=CONFIG"),
        ({"CONFIG": "haoma.toml", "ACCOUNT_FIELD": ""}, "option=ACCOUNT_FIELD"),
        (7, "found=int"),
        (None, "found=NoneType"),
    ],
)
def test_an_option_that_is_unknown_is_refused_with_a_link(value: Any, says: str) -> None:
    """The message names what was probably meant, and the page; what was written is not repeated."""
    with override_settings(HAOMA=value), pytest.raises(ImproperlyConfigured) as caught:
        conf.client()
    assert says in str(caught.value)
    assert str(caught.value).endswith("docs/django.md#settings")


def test_a_secret_as_the_name_of_an_option_is_not_repeated() -> None:
    """What is unknown may be a secret in the wrong place."""
    with override_settings(HAOMA={SECRET: 1, **TABLES}), pytest.raises(ImproperlyConfigured) as caught:
        conf.options()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("where", ["file", "inline"])
def test_a_setting_that_was_renamed_names_the_new_one(tmp_path: Path, where: str) -> None:
    """`old_way` is called `accept_encrypted_data` now."""
    path = written(tmp_path, "old_way = true\n")
    value: Any = path if where == "file" else {"apps": {"shop": {**WECHAT, "old_way": True}}}
    with override_settings(HAOMA=value):
        with pytest.raises(ConfigFaults, match="renamed_to=accept_encrypted_data"):
            conf.client()
        told = found()["haoma.config.unknown-setting"]
        assert "accept_encrypted_data" in told.msg
        assert "docs/errors/config.unknown-setting.md" in told.hint


def test_a_project_without_the_setting() -> None:
    """It starts, as somebody may only want `manage.py haoma key`; the check and the first use say what is missing."""
    with override_settings():
        if hasattr(settings, "HAOMA"):
            del settings.HAOMA
        assert found().keys() >= {"haoma.config.missing-setting"}
        with pytest.raises(ImproperlyConfigured, match="needed=HAOMA"):
            conf.client()


def test_checks_are_the_findings_of_the_doctor(tmp_path: Path) -> None:
    """Each finding has the id of its page, its words in the language of the project, and its severity."""
    path = written(tmp_path)
    path.chmod(0o644)
    path.write_text(path.read_text().replace(SECRET, "x" * 32))
    with override_settings(HAOMA=path):
        told = found()
        assert told["haoma.doctor.readable-by-all"].is_serious(checks.WARNING)
        assert not told["haoma.doctor.readable-by-all"].is_serious(checks.ERROR)
    with override_settings(HAOMA=path, LANGUAGE_CODE="zh-hans"):
        assert "所有用户" in found()["haoma.doctor.readable-by-all"].msg + found()["haoma.doctor.readable-by-all"].hint
    with override_settings(HAOMA=tmp_path / "none.toml"):
        assert found()["haoma.config.file-missing"].is_serious(checks.ERROR)
    with override_settings(HAOMA={"apps": {"shop": {**WECHAT, "app_id": "2021000000000000"}}}):
        assert any(name.startswith("haoma.config.app-id") for name in found())


def test_simulated_platforms_are_one_warning(tmp_path: Path) -> None:
    """Of the simulator's configuration only that is told, and faults."""
    path = written(tmp_path)
    path.chmod(0o644)
    path.write_text(f"allow_insecure_upstreams = true\n{path.read_text()}")
    with override_settings(HAOMA=path):
        assert found().keys() == {"haoma.config.insecure-upstreams-allowed"}
    path.write_text(f"{path.read_text()}old_way = true\n")
    with override_settings(HAOMA=path):
        assert "haoma.config.unknown-setting" in found()


def test_checks_of_the_project(tmp_path: Path) -> None:
    """A project that lacks the backend or the field is told so; with a function of its own it needs no field."""
    path = written(tmp_path)
    with override_settings(HAOMA=path):
        assert not {name for name in found() if "django" in name}
    with override_settings(HAOMA=path, AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"]):
        assert "haoma.doctor.django-backend-missing" in found()
    for field, reason in (("nothing", "no such field"), ("first_name", "not unique"), ("username", "not null")):
        with override_settings(HAOMA={"CONFIG": path, "ACCOUNT_FIELD": field}):
            told = found()["haoma.doctor.django-account-field"]
            assert told.is_serious(checks.ERROR)
            assert reason in told.msg
        with override_settings(HAOMA={"CONFIG": path, "ACCOUNT_FIELD": field, "ON_VERIFIED": "shop.users.on_verified"}):
            assert "haoma.doctor.django-account-field" not in found()


def test_checks_of_the_deployment(tmp_path: Path) -> None:
    """Without a store each process forgets alone; `check --deploy` says so, `check` does not."""
    with override_settings(HAOMA=written(tmp_path)):
        assert "haoma.doctor.django-store-missing" not in found()
        assert "haoma.doctor.django-store-missing" in found(include_deployment_checks=True)
    store = f'[store]\ndatabase_url = "sqlite:///haoma.db"\nkeys = ["{format_key(new_key())}"]\n'
    with override_settings(HAOMA=written(tmp_path, store)):
        assert "haoma.doctor.django-store-missing" not in found(include_deployment_checks=True)
    with override_settings(HAOMA={"apps": {}}):  # has faults, which are told once
        assert "haoma.doctor.django-store-missing" not in found(include_deployment_checks=True)


def test_one_sqlite_file_for_both_is_refused(tmp_path: Path) -> None:
    """A view in a transaction would wait for itself; `database_url` names a file beside Django's."""
    database = settings.DATABASES["default"]
    store = {"database_url": f"sqlite:///{database['NAME']}", "keys": [format_key(new_key())]}
    with override_settings(HAOMA={**TABLES, "store": store}):
        assert found()["haoma.doctor.django-sqlite-shared"].is_serious(checks.ERROR)
    store["database_url"] = conf.database_url(database)
    assert store["database_url"] == f"sqlite:///{shop.FOLDER / 'django.haoma.db'}"
    with override_settings(HAOMA={**TABLES, "store": store}):
        assert "haoma.doctor.django-sqlite-shared" not in found()


def test_the_same_database_as_django() -> None:
    """Login, password and name may have any character; defaults are those of the database."""
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "a@b", "PASSWORD": "p/w:#"}
    assert conf.database_url(database) == "postgresql://a%40b:p%2Fw%3A%23@127.0.0.1:5432/shop"
    assert conf.database_url({"ENGINE": "django.db.backends.mysql", "NAME": "shop", "HOST": "db", "PORT": 3307}) == (
        "mysql://db:3307/shop"
    )
    with pytest.raises(ImproperlyConfigured, match="oracle"):
        conf.database_url({"ENGINE": "django.db.backends.oracle", "NAME": "shop"})


MANAGE = """\
import os, sys
from django.conf import settings
from pathlib import Path
settings.configure(BASE_DIR=Path(__file__).parent, INSTALLED_APPS=["django.contrib.auth",
    "django.contrib.contenttypes", "haoma.integrations.django"], HAOMA=eval(os.environ["AS"]), LANGUAGE_CODE="en",
    AUTHENTICATION_BACKENDS=["haoma.integrations.django.backends.HaomaBackend"], SECRET_KEY="x")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


def manage(folder: Path, value: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the project's manage.py as a process."""
    (folder / "manage.py").write_text(MANAGE)
    environ = {**os.environ, "AS": repr(value), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_haoma_in_manage_py(tmp_path: Path) -> None:
    """Every command of haoma runs with the project's configuration, also one that is written in Python."""
    store = {"database_url": "sqlite:///haoma.db", "keys": [format_key(new_key())]}
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.txt").chmod(0o600)
    inline = {"apps": {"shop": {**WECHAT, "app_secret": {"file": "secret.txt"}}}, "store": store}
    done = manage(tmp_path, inline, "haoma", "db", "upgrade")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "haoma.db").is_file()
    # A misspelt option stops whatever is run.
    done = manage(tmp_path, {**inline, "ON_VERIFEID": "x"}, "check")
    assert done.returncode == 1
    assert "nearest=ON_VERIFIED" in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize("system", ["with memfd", "without"])
def test_haoma_by_call_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """`call_command` runs it in the process; what it sets in the environment is gone afterwards."""
    if system == "without":  # such as macOS
        monkeypatch.delattr("os.memfd_create", raising=False)
    before = os.environ.get("HAOMA_CONFIG")
    with override_settings(HAOMA=written(tmp_path)):
        call_command("haoma", "doctor", "--lang", "en", stdout=io.StringIO())
        assert "The configuration can be read" in capsys.readouterr().out
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.txt").chmod(0o600)
    inline = {"apps": {"shop": {**WECHAT, "app_secret": {"file": "secret.txt"}}}}
    with override_settings(HAOMA=inline, BASE_DIR=tmp_path):
        call_command("haoma", "doctor", "--json")
        assert json.loads(capsys.readouterr().out)["counts"]["fault"] == 0
    with override_settings(HAOMA=tmp_path / "none.toml"), pytest.raises(SystemExit) as caught:
        call_command("haoma", "doctor")
    assert caught.value.code == 2
    assert os.environ.get("HAOMA_CONFIG") == before
