"""django-allauth: the nine methods of its adapter that it leaves open for phone numbers.

::

    class Adapter(PhoneAdapterMixin, DefaultAccountAdapter): ...        # ACCOUNT_ADAPTER = "shop.adapter.Adapter"
    HAOMA = {..., "SEND_SMS": "shop.sms.send"}                           # (phone, purpose, code) -> None

The number is in two fields of the user model, ``PHONE_FIELD`` and ``PHONE_VERIFIED_FIELD``. A number that nobody has
verified belongs to nobody: it finds no user, so nobody who typed somebody else's number waits for them to log in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import RegexValidator
from django.db import router, transaction

from haoma.integrations.django import conf
from haoma.integrations.django.typed import parse_number

if TYPE_CHECKING:
    _Base = Any
else:
    _Base = object


def no_sms(phone: str, purpose: str, code: str | None) -> None:
    """Say that the project has no function yet. The default of ``SEND_SMS``.

    Raises:
        ImproperlyConfigured: Always.
    """
    del phone, purpose, code
    raise ImproperlyConfigured(f"HAOMA: SEND_SMS {conf.PAGE}")


class PhoneAdapterMixin(_Base):
    """Fills in the phone numbers of an adapter of django-allauth."""

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        """Return the number of a user and whether it is verified, or None."""
        phone, verified = conf.options().phone_fields
        number = getattr(user, phone)
        return (number, getattr(user, verified)) if number else None

    def set_phone(self, user: Any, phone: str, verified: bool) -> None:  # noqa: FBT001 - the signature is allauth's
        """Set the number of a user.

        Raises:
            ValidationError: Somebody else has verified it.
        """
        self._set(user, phone, verified=verified)

    def set_phone_verified(self, user: Any, phone: str) -> None:
        """Note that a user has proved a number.

        Raises:
            ValidationError: Somebody else has verified it.
        """
        self._set(user, phone, verified=True)

    def get_user_by_phone(self, phone: str) -> Any:
        """Return the user who has verified a number, or None."""
        field, verified = conf.options().phone_fields
        return get_user_model()._default_manager.filter(**{field: phone, verified: True}).first()  # noqa: SLF001

    def clean_phone(self, phone: str) -> str:
        """Return a number in E.164 form; eleven digits are one of the mainland.

        Raises:
            ValidationError: It is none.
        """
        found = parse_number(phone)
        if found is None:
            raise ValidationError(RegexValidator.message)
        return str(super().clean_phone(found.e164))

    def phone_form_field(self, **options: Any) -> Any:
        """Return a form field for a number as people type it."""
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
        return _PhoneField(self.clean_phone, **{"widget": widget, **options})

    def send_verification_code_sms(self, user: Any, phone: str, code: str, **_options: Any) -> None:
        """Send a code."""
        del user
        conf.options().send_sms(phone, "code", code)

    def send_unknown_account_sms(self, phone: str, **_options: Any) -> None:
        """Tell the owner of a number that it has no account: to the one who typed it, all numbers look alike."""
        conf.options().send_sms(phone, "unknown-account", None)

    def send_account_already_exists_sms(self, phone: str) -> None:
        """Tell the owner of a number that it has an account already."""
        conf.options().send_sms(phone, "account-exists", None)

    def _set(self, user: Any, phone: str, *, verified: bool) -> None:
        model, fields = get_user_model(), conf.options().phone_fields
        users = model._default_manager  # noqa: SLF001
        with transaction.atomic(using=router.db_for_write(model)):
            others = users.filter(**{fields[0]: phone}).exclude(pk=user.pk)
            if others.filter(**{fields[1]: True}).exists():
                raise ValidationError(self.error_messages["phone_taken"])
            if verified:
                others.update(**{fields[0]: None})  # claims that nobody has proved
            setattr(user, fields[0], phone)
            setattr(user, fields[1], verified)
            user.save(update_fields=fields)


class _PhoneField(forms.CharField):
    def __init__(self, clean_phone: Any, **options: Any) -> None:
        super().__init__(**options)
        self._clean_phone = clean_phone

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        return self._clean_phone(text) if text else text
