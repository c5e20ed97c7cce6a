"""django-allauth's own views, with its nine methods for phone numbers filled in."""

from __future__ import annotations

import support.django_shop  # noqa: F401 - sets Django up

# isort: split

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.test import Client, override_settings

from haoma.integrations.django import allauth, conf
from support.django_shop.adapter import Adapter

pytest_plugins = ["support.django_fixtures"]
ANNA, BORIS = "+8613800138000", "+8613900139000"
PASSWORD = "correct horse battery"


class Texts(list[tuple[str, str, str | None]]):
    """The text messages that were sent."""

    def __call__(self, phone: str, purpose: str, code: str | None) -> None:
        self.append((phone, purpose, code))

    @property
    def code(self) -> str:
        _phone, purpose, code = self[-1]
        assert purpose == "code"
        assert code
        return code


@pytest.fixture
def texts(database: None) -> Iterator[Texts]:
    found = Texts()
    with override_settings(
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        HAOMA={"apps": {"shop": {}}, "SEND_SMS": found},
        LOGIN_REDIRECT_URL="/admin/",
    ):
        yield found


def sign_up(browser: Client, phone: str) -> Any:
    return browser.post("/accounts/signup/", {"phone": phone, "password1": PASSWORD})


def user(phone: str) -> Any:
    return get_user_model().objects.get(phone=phone)


def test_all_nine_methods_are_there() -> None:
    """Each replaces allauth's, which is empty or raises."""
    nine = (
        "get_phone", "set_phone", "set_phone_verified", "get_user_by_phone", "clean_phone", "phone_form_field",
        "send_verification_code_sms", "send_unknown_account_sms", "send_account_already_exists_sms",
    )  # fmt: skip
    for name in nine:
        assert getattr(Adapter, name) is getattr(allauth.PhoneAdapterMixin, name)
        assert hasattr(DefaultAccountAdapter, name)
    assert get_adapter()._has_phone_impl


@pytest.mark.parametrize("typed", ["13800138000", "138-0013-8000", "+86 138 0013 8000", "0086（138）00138000"])
def test_sign_up_and_verify(texts: Texts, typed: str) -> None:
    """A number is kept in one form, is verified by the code alone, and logs in afterwards."""
    browser = Client()
    assert sign_up(browser, typed).status_code == 302
    assert [each[:2] for each in texts] == [(ANNA, "code")]
    assert not user(ANNA).phone_verified
    assert SESSION_KEY not in browser.session
    assert browser.post("/accounts/phone/verify/", {"action": "verify", "code": texts.code}).status_code == 302
    assert user(ANNA).phone_verified
    assert browser.session[SESSION_KEY] == str(user(ANNA).pk)
    # And again, by a code alone.
    browser = Client()
    browser.post("/accounts/login/code/", {"phone": typed})
    browser.post("/accounts/login/code/confirm/", {"code": texts.code})
    assert browser.session[SESSION_KEY] == str(user(ANNA).pk)


@pytest.mark.parametrize("typed", ["", "138", "23800138000", "+0138", "hello", "+86138001380001234"])
def test_no_number(texts: Texts, typed: str) -> None:
    """What is no number is refused at the form."""
    assert sign_up(Client(), typed).status_code == 200
    assert texts == []
    assert get_user_model().objects.count() == 0


def test_a_number_that_nobody_proved_belongs_to_nobody(texts: Texts) -> None:
    """Whoever typed somebody else's number waits in vain: its owner gets an account of their own, and the number."""
    thief, owner = Client(), Client()
    sign_up(thief, ANNA)
    adapter = get_adapter()
    assert adapter.get_user_by_phone(ANNA) is None
    sign_up(owner, ANNA)
    owner.post("/accounts/phone/verify/", {"action": "verify", "code": texts.code})
    assert owner.session[SESSION_KEY] == str(user(ANNA).pk)
    assert get_user_model().objects.count() == 2
    assert get_user_model().objects.filter(phone=None).count() == 1
    # The thief's own password logs in to nothing that is the owner's.
    assert adapter.get_user_by_phone(ANNA) == user(ANNA)


def test_a_number_that_is_verified_is_nobody_elses(texts: Texts) -> None:
    """To the one who types it, a number with an account looks like any other; its owner is told."""
    browser = Client()
    sign_up(browser, ANNA)
    browser.post("/accounts/phone/verify/", {"action": "verify", "code": texts.code})
    other = get_user_model().objects.create(username="other")
    adapter = get_adapter()
    for change in (lambda: adapter.set_phone_verified(other, ANNA), lambda: adapter.set_phone(other, ANNA, False)):
        with pytest.raises(ValidationError):
            change()
    other.refresh_from_db()
    assert other.phone is None
    texts.clear()
    assert sign_up(Client(), ANNA).status_code == 302
    assert texts == [(ANNA, "account-exists", None)]
    texts.clear()
    assert Client().post("/accounts/login/code/", {"phone": BORIS}).status_code == 302
    assert texts == [(BORIS, "unknown-account", None)]


def test_a_change_of_number(texts: Texts) -> None:
    """A new number is verified before it takes the place of the former one."""
    browser = Client()
    sign_up(browser, ANNA)
    browser.post("/accounts/phone/verify/", {"action": "verify", "code": texts.code})
    assert get_adapter().get_phone(user(ANNA)) == (ANNA, True)
    browser.post("/accounts/phone/change/", {"action": "change", "phone": "13900139000"})
    browser.post("/accounts/phone/verify/", {"action": "verify", "code": texts.code})
    assert get_adapter().get_phone(user(BORIS)) == (BORIS, True)
    assert get_user_model().objects.count() == 1


def test_without_a_function_for_messages(texts: Texts) -> None:
    """A project that names none is told which option is missing."""
    with override_settings(HAOMA={"apps": {"shop": {}}}), pytest.raises(ImproperlyConfigured, match="SEND_SMS"):
        get_adapter().send_verification_code_sms(None, ANNA, "1234")


def test_other_fields(texts: Texts) -> None:
    """The names of the fields are options."""
    with override_settings(
        HAOMA={"apps": {"shop": {}}, "PHONE_FIELD": "first_name", "PHONE_VERIFIED_FIELD": "is_staff"}
    ):
        someone = get_user_model().objects.create(username="someone")
        get_adapter().set_phone(someone, ANNA, False)
        assert get_adapter().get_phone(someone) == (ANNA, False)
        assert conf.options().phone_fields == ("first_name", "is_staff")
