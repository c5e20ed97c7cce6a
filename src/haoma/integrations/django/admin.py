"""Pages of Django's admin for haoma's accounts: masked and read only. A number is revealed for a reason, noted first.

What staff may do is two permissions: ``haoma.view_phoneaccount`` and ``haoma.reveal_phoneaccount``. haoma's audit log
knows them as ``admin:`` and their id in Django.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.debug import sensitive_variables

from haoma import accounts
from haoma.errors import BadField, HaomaError, NoSuchAccount
from haoma.ids import parsed
from haoma.integrations.django import conf
from haoma.integrations.django.models import PhoneAccount, lang
from haoma.integrations.django.typed import parse_number
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from haoma.steps import Flow

T = TypeVar("T")

_TEMPLATE: Final = "haoma/account.html"
_LIST: Final = "admin:haoma_phoneaccount_changelist"
_ACCOUNT: Final = "admin:haoma_phoneaccount_change"


@admin.register(PhoneAccount)
class PhoneAccountAdmin(admin.ModelAdmin):
    """Finds an account, and shows it."""

    def get_urls(self) -> list[Any]:
        """Return the pages: a form to find an account, and the account."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="haoma_phoneaccount_changelist"),
            path("<str:object_id>/", view(self.account), name="haoma_phoneaccount_change"),
        ]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Nobody adds accounts here."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nobody changes accounts here."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nobody erases accounts here."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Find an account. There is no list: nobody needs to see everybody."""
        del extra_context
        return self._find(request)

    @sensitive_variables()
    def _find(self, request: HttpRequest) -> Any:
        self._admit(request)
        error = ""
        if request.method == "POST":
            try:
                return HttpResponseRedirect(reverse(_ACCOUNT, args=[_found(request)]))
            except HaomaError as failure:
                error = failure.explain(lang()).title
        return self._page(request, error=error)

    @sensitive_variables()
    def account(self, request: HttpRequest, object_id: str) -> Any:
        """Show an account, and its number for a reason."""
        self._admit(request)
        may_reveal = request.user.has_perm("haoma.reveal_phoneaccount")
        reveals = request.method == "POST"
        if reveals and not may_reveal:
            raise PermissionDenied
        error, found = "", None
        by = _by(request)
        try:
            reason = request.POST.get("reason", "")
            # The audit log has the row when this returns.
            found = _run(lambda: accounts.read(object_id, by=by, reveal=reveals, reason=reason))
        except BadField as failure:  # of the reason
            error = f"{failure.explain(lang()).title} ({failure.facts(lang())})"
            found = _run(lambda: accounts.read(object_id, by=by))
        except HaomaError as failure:
            error = failure.explain(lang()).title
        return self._page(request, error=error, found=found, may_reveal=may_reveal)

    def _admit(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, **more: Any) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": text("django", "accounts", lang()),
            "opts": self.opts,
            "words": _words(lang()),
            **more,
        }
        return TemplateResponse(request, _TEMPLATE, context)


def _found(request: HttpRequest) -> str:
    """Return the account that staff asks for by a number, its own id or the id of a user.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
    """
    asked = request.POST.get("query", "").strip()
    by = _by(request)
    number = parse_number(asked)
    if number is not None:
        found = _run(lambda: accounts.look_up(phone_number=number.e164, by=by)).account
    elif parsed(asked) is not None:
        found = asked
    else:
        found = _of_user(asked)
    if found is None:
        raise NoSuchAccount
    return str(found)


def _of_user(asked: str) -> Any:
    from django.contrib.auth import get_user_model

    try:
        users = get_user_model()._default_manager.filter(pk=asked)  # noqa: SLF001
        return users.values_list(conf.options().account_field, flat=True).first()
    except (TypeError, ValueError):
        return None


def _run(ask: Callable[[], Flow[T]]) -> T:
    """Ask the tenants one after the other, and return the first answer with an account.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
    """
    for tenant in conf.loaded().tenants:
        with suppress(NoSuchAccount):
            found: Any = conf.client().run(ask(), tenant=tenant)
            if found.account is not None:
                answer: T = found
                return answer
    raise NoSuchAccount


def _by(request: HttpRequest) -> str:
    return f"admin:{request.user.pk}"


def _words(lang: str) -> dict[str, str]:
    return {
        "find": text("django", "find", lang),
        "find_hint": text("django", "find-hint", lang),
        "number": text("django", "number", lang),
        "no_number": text("django", "no-number", lang),
        "user": text("django", "user", lang),
        "created": text("django", "created", lang),
        "verified": text("django", "verified", lang),
        "bound": text("django", "bound", lang),
        "logins": text("django", "logins", lang),
        "reveal": text("django", "reveal", lang),
        "reason": text("django", "reason", lang),
        "reveal_hint": text("django", "reveal-hint", lang),
    }
