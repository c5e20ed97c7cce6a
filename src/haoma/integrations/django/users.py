"""Who a verified number's user is: by the account of haoma's store. A project may name a function of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, router, transaction

from haoma import accounts
from haoma.errors import NoAccounts
from haoma.integrations.django import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haoma.link import Link
    from haoma.verified import VerifiedPhone

BY = "django"
"""Who asks, in haoma's audit log."""


def on_verified(phone: VerifiedPhone, link: Link | None) -> Any:
    """Return the user of a number's account, who is made if there is none. The default of ``ON_VERIFIED``.

    A user is found by ``ACCOUNT_FIELD``; or by the id that haoma was told, as `haoma import` does, and then the field
    is filled in. A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay
    envelope can be replayed with somebody else's login. haoma's store has decided that before this is called.

    Args:
        phone: The number. Its ``account`` is the person.
        link: How it was linked.

    Raises:
        NoAccounts: ``link.no-accounts``: haoma keeps no accounts, so the project has to name a function of its own.
    """
    del link
    if phone.account is None:
        raise NoAccounts(because={"setting": "HAOMA", "needed": "[accounts], or ON_VERIFIED"})
    model, field = get_user_model(), conf.options().account_field
    users = model._default_manager  # noqa: SLF001 - Django's documented name
    found = users.filter(**{field: phone.account}).first() or _known_before(users, field, phone)
    return found or _new(model, users, field, phone.account)


def caller(request: HttpRequest) -> Any:
    """Return the user who is logged in, or None. The default of ``CALLER`` for views that do not log in.

    For ``repeat_seconds``, only the same one gets the same answer again.
    """
    user = getattr(request, "user", None)
    return user.pk if user is not None and user.is_authenticated else None


def _known_before(users: Any, field: str, phone: VerifiedPhone) -> Any:
    """Return the user whose id haoma was told. Another account's user is never taken."""
    client, account = conf.client(), str(phone.account)
    known = client.run(accounts.read(account, by=BY), tenant=client.apps[phone.app].tenant).user
    if not known:
        return None
    try:
        users.filter(pk=known, **{field: None}).update(**{field: account})
    except (TypeError, ValueError):  # an id that is none of Django's
        return None
    return users.filter(**{field: account}).first()


def _new(model: Any, users: Any, field: str, account: str) -> Any:
    user = model(**{model.USERNAME_FIELD: account, field: account})
    user.set_unusable_password()
    try:
        with transaction.atomic(using=router.db_for_write(model)):
            user.save(force_insert=True)
    except IntegrityError:  # another request was first
        return users.get(**{field: account})
    return user
