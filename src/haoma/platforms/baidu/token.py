"""The access_token, which login v2 needs.

It lives for a month, by ``expires_in``. Whether a new one kills the one before is not documented, so none is fetched
without need: one fetch at a time (`Share`), kept until shortly before it expires, dropped only if it is still the one
that the gateway has rejected (`Drop` compares), and then fetched once.

Page: https://smartprogram.baidu.com/docs/develop/serverapi/power_exp/ (swan-team/swan-docs, 2020-04).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.errors import HaomaError, Spent
from haoma.phone import is_digits
from haoma.platforms.baidu import api
from haoma.secret import Secret
from haoma.steps import Drop, Keep, Recall, Share, ask

if TYPE_CHECKING:
    from haoma.platforms.baidu.api import Answer
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/oauth/2.0/token"
_TOKEN: Final = re.compile(r"[!-~]{1,2048}")
_MARGIN: Final = 300.0
_LONGEST: Final = 2_592_000 * 2  # Baidu says 2592000; an older sample 86400
_DIGITS: Final = 7


def access_token(app: BaiduApp) -> Flow[Secret]:
    """Return the token, kept or fetched.

    Raises:
        OutsideError: ``outside.*``.
        PlatformRefusal: ``platform.*``.
    """
    kept = yield from ask(Recall(_key(app)))
    if isinstance(kept, Secret):
        return kept
    return (yield from ask(Share(_key(app), lambda: _fetch(app))))


def renewed_token(app: BaiduApp, rejected: Secret) -> Flow[Secret]:
    """Return the token that takes the place of one that Baidu has rejected; it may be the same one.

    Raises:
        OutsideError: ``outside.*``.
        PlatformRefusal: ``platform.*``.
    """
    yield from ask(Drop(_key(app), rejected))
    return (yield from access_token(app))


def _key(app: BaiduApp) -> str:
    return f"access-token:baidu:{app.openapi_base_url}:{app.app_id}"


def _fetch(app: BaiduApp) -> Flow[Secret]:
    kept = yield from ask(Recall(_key(app)))  # a fetch may have ended between the first look and this one
    if isinstance(kept, Secret):
        return kept
    try:
        return (yield from _ask_for_token(app))
    except HaomaError as error:
        error.spent = Spent.NO  # whatever it means, no code has been sent
        raise


def _ask_for_token(app: BaiduApp) -> Flow[Secret]:
    form = (
        ("grant_type", "client_credentials"),
        ("client_id", app.app_id),
        ("client_secret", app.app_secret.reveal()),
        ("scope", "smartapp_snsapi_base"),
    )
    answer = yield from api.post(app, app.openapi_base_url + _PATH, form)
    if answer.code:
        raise answer.refusal("token", STEP, app.app_secret)
    token, seconds = answer.found.get("access_token"), _seconds(answer)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise answer.nonsense("access_token", STEP, Spent.NO)
    yield from ask(Keep(_key(app), Secret(token), max(seconds - _MARGIN, seconds / 2)))
    return Secret(token)


def _seconds(answer: Answer) -> int:
    found = answer.found.get("expires_in")
    if isinstance(found, str) and len(found) <= _DIGITS and is_digits(found):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _LONGEST:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    return found
