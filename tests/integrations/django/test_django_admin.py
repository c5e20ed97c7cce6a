"""The pages of Django's admin: what staff sees, and what the audit log knows about it."""

from __future__ import annotations

import support.django_shop  # noqa: F401 - sets Django up

# isort: split

import io
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client

from haoma import accounts
from haoma.integrations.django import conf
from haoma.integrations.django.testing import Phones, simulated_phones

pytest_plugins = ["support.django_fixtures"]
ADMIN = "/admin/haoma/phoneaccount/"
REASON = "ticket 4711"


def staff(*permissions: str) -> Client:
    """Somebody of the team who is logged in to the admin."""
    user = get_user_model().objects.create(username="-".join(("staff", *permissions)), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def account(phones: Phones) -> Any:
    """The account of somebody who has logged in."""
    tap = phones.tap("wechat", user="anna")
    assert Client().post(tap.path, tap.body, "application/json").status_code == 200
    found = get_user_model().objects.get()
    return conf.client().run(accounts.read(found.haoma_account, by="test", reveal=True, reason="the test"))


def noted() -> list[dict[str, Any]]:
    """What the audit log says about the admin."""
    with closing(sqlite3.connect(conf.options().load().store.path)) as database:
        rows = database.execute("SELECT entry FROM haoma_audit ORDER BY place").fetchall()
    found = [json.loads(bytes(entry)) for (entry,) in rows]
    return [entry for entry in found if entry["by"].startswith("admin:")]


def test_staff_sees_masked_numbers(account: Any) -> None:
    """An account is found by its number, its id or its user's; each look at it is in the audit log."""
    browser = staff("view_phoneaccount")
    user = get_user_model().objects.get(haoma_account=account.account)
    number = account.phone_number
    for query in (number, number.removeprefix("+86"), account.account, str(user.pk)):
        answer = browser.post(ADMIN, {"query": query})
        assert (answer.status_code, answer["location"]) == (302, f"{ADMIN}{account.account}/")
    page = browser.get(f"{ADMIN}{account.account}/").content.decode()
    assert account.masked in page
    assert "wechat" in page
    assert number[3:] not in page
    assert account.logins[0].value not in page
    assert "Reveal" not in page
    for query in ("", "13900139000", "nobody", "999"):
        assert "There is no such account" in browser.post(ADMIN, {"query": query}).content.decode()


def test_a_number_is_revealed_for_a_reason_that_is_noted(account: Any) -> None:
    """Who may reveal gives a reason; without one nothing is shown. The audit log knows who it was and why."""
    browser = staff("view_phoneaccount", "reveal_phoneaccount")
    page = f"{ADMIN}{account.account}/"
    assert "Reveal the number" in browser.get(page).content.decode()
    for reason in ("", "  ", "x" * 300):
        assert account.phone_number not in browser.post(page, {"reason": reason}).content.decode()
    answer = browser.post(page, {"reason": REASON})
    assert account.phone_number in answer.content.decode()
    assert "no-store" in answer["cache-control"]
    who = get_user_model().objects.get(username__startswith="staff")
    last = noted()[-1]
    assert (last["by"], last["reason"], last["account"]) == (f"admin:{who.pk}", REASON, account.account)


def test_who_may_not(account: Any) -> None:
    """Without the permissions there is nothing to see, and nothing to reveal; nobody adds, changes or deletes."""
    page = f"{ADMIN}{account.account}/"
    for browser in (staff(), staff("add_user")):
        assert browser.get(ADMIN).status_code == browser.get(page).status_code == 403
        assert "haoma" not in browser.get("/admin/").content.decode()
    answer = staff("view_phoneaccount").post(page, {"reason": REASON})
    assert answer.status_code == 403
    assert Client().get(page).status_code == 302
    assert staff("view_phoneaccount", "reveal_phoneaccount").get(f"{ADMIN}add/").status_code in (200, 404)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.create(username="root", is_staff=True, is_superuser=True),
                       "django.contrib.auth.backends.ModelBackend")  # fmt: skip
    assert strict.post(page, {"reason": REASON}).status_code == 403  # without a CSRF token
    assert not [entry for entry in noted() if entry.get("reason")]


def test_an_account_of_another_tenant(database: None) -> None:
    """Staff needs no name of a tenant: accounts of all of them are found."""
    with simulated_phones(wechat={"tenant": "north"}) as phones:
        tap = phones.tap("wechat")
        assert Client().post(tap.path, tap.body, "application/json").status_code == 200
        user, browser = get_user_model().objects.get(), staff("view_phoneaccount")
        page = browser.post(ADMIN, {"query": tap.phone_number})["location"]
        assert page == f"{ADMIN}{user.haoma_account}/"
        assert tap.phone_number[-4:] in browser.get(page).content.decode()


def test_in_chinese(account: Any) -> None:
    """The pages are in the language of the browser."""
    browser = staff("view_phoneaccount")
    page = browser.get(f"{ADMIN}{account.account}/", headers={"accept-language": "zh-hans"}).content.decode()
    assert "号码验证时间" in page


def test_no_migration_is_wanted(database: None) -> None:
    """`makemigrations` has nothing to do for haoma: its tables are not Django's."""
    out = io.StringIO()
    call_command("makemigrations", dry_run=True, check=False, stdout=out, verbosity=1)
    assert "haoma" not in out.getvalue()
    assert out.getvalue()
