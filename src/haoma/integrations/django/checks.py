"""System checks: what the doctor finds in the configuration, and what the project lacks.

The id of a check is ``haoma.`` and the code of its page in ``docs/errors/``, such as ``haoma.config.app-secret-shape``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.utils.translation import get_language

from haoma.doctor.configuration.offline import examine, examine_settings
from haoma.errors import ConfigFaults, Fault
from haoma.integrations.django import conf
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, of_fault, warning
from haoma.words.facts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.settings.model import Settings

BACKEND: Final = "haoma.integrations.django.backends.HaomaBackend"
_SIMULATED: Final = "config.insecure-upstreams-allowed"
_SETTING: Final = "HAOMA"
_KINDS: Final[dict[Severity, Any]] = {Severity.FAULT: checks.Error, Severity.WARNING: checks.Warning}


def check_configuration(**_kwargs: object) -> list[Any]:
    """Report what the doctor finds in the configuration. Nothing is sent anywhere."""
    if not hasattr(settings, _SETTING):
        needed = {"needed": 'HAOMA = BASE_DIR / "haoma.toml"'}
        return _messages([of_fault(Fault("config.missing-setting", _SETTING, because=needed))])
    options = conf.options()
    if isinstance(options.config, str):
        return _messages(_of_use(examine(options.config)[2]))
    try:
        return _messages(_of_use(examine_settings(options.load())))
    except ConfigFaults as error:
        return _messages(map(of_fault, error.faults))


def _of_use(found: list[Diagnosis]) -> list[Diagnosis]:
    """Leave out warnings about simulated platforms but the one that says that they are. The doctor tells the others."""
    simulated = [each for each in found if each.code == _SIMULATED]
    if not simulated:
        return found
    return [*simulated, *(each for each in found if each.severity is Severity.FAULT)]


def check_project(**_kwargs: object) -> list[Any]:
    """Report what the project lacks for users to log in."""
    return _messages(_of_the_project()) if hasattr(settings, _SETTING) else []


def check_deployment(**_kwargs: object) -> list[Any]:
    """Report what is unwise in production: ``manage.py check --deploy``."""
    found = _loaded()
    return [] if found is None else _messages(_of_the_deployment(found))


def _of_the_project() -> Iterator[Diagnosis]:
    options = conf.options()
    if BACKEND not in settings.AUTHENTICATION_BACKENDS:
        yield warning("doctor.django-backend-missing", "AUTHENTICATION_BACKENDS", needed=BACKEND)
    if options.uses_default("ON_VERIFIED"):
        name, model = options.account_field, get_user_model()
        where = f"{settings.AUTH_USER_MODEL}.{name}"
        try:
            field = model._meta.get_field(name)  # noqa: SLF001 - Django's documented name
        except FieldDoesNotExist:
            yield fault("doctor.django-account-field", where, reason="no such field")
        else:
            if not field.unique:
                yield fault("doctor.django-account-field", where, reason="not unique")
            elif not field.null:
                yield fault("doctor.django-account-field", where, reason="not null")
    found = _loaded()
    if found is not None and found.store.kind == "sqlite" and not found.store.embedded:
        files = {Path(each["NAME"]).absolute() for each in settings.DATABASES.values() if each.get("NAME")}
        if found.store.path in files:
            yield fault("doctor.django-sqlite-shared", "store.database_url")


def _of_the_deployment(found: Settings) -> Iterator[Diagnosis]:
    if found.store.embedded or found.store.kind == "memory":
        yield warning("doctor.django-store-missing", "store")


def _loaded() -> Settings | None:
    """Return the settings; None if they have faults, which `check_configuration` reports."""
    try:
        return conf.loaded()
    except (ConfigFaults, ImproperlyConfigured):
        return None


def _messages(found: Any) -> list[Any]:
    lang = "zh" if (get_language() or "").startswith("zh") else "en"
    return [_message(each, lang) for each in found if each.severity in _KINDS]


def _message(found: Diagnosis, lang: str) -> Any:
    words = found.words(lang)
    place = f"{found.file}:{found.line}: " if found.file and found.line else ""
    where = f"{found.where}: " if found.where else ""
    facts = shown(found.because.items(), lang)
    told = f"{place}{where}{words.title}{f' ({facts})' if facts else ''}: {words.cause}"
    return _KINDS[found.severity](told, hint=f"{words.remedy} docs/{words.page}", id=f"haoma.{found.code}")
