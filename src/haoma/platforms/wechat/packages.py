"""Packages that a service provider buys in bulk and assigns to mini programs.

A provider has an account of its own on the service provider platform (fuwu.weixin.qq.com), with an AppID and an
AppSecret that are neither a mini program's nor a third-party platform's. With these, and only with these, it asks what
is left of what it has bought, and assigns packages: to mini programs of its own company, and to those that have granted
permission set 18 to its third-party platform.

To assign is asynchronous. WeChat pushes the result to the provider's own address, which haoma does not have; the same
request with the same ``request_id`` is the same assignment, and its answer tells how far it is.

Pages: https://developers.weixin.qq.com/doc/oplatform/partner/service_market/charge/api/charge_sp_assign_package,
https://developers.weixin.qq.com/doc/oplatform/partner/service_market/charge/api/charge_sp_cancel_assign.html,
https://developers.weixin.qq.com/doc/oplatform/partner/service_market/charge/api/charge_sp_get_convertible_skus.html,
https://developers.weixin.qq.com/doc/oplatform/partner/service_market/charge/api/charge_sp_get_usage_detail.html,
https://developers.weixin.qq.com/doc/oplatform/service_market/interface/value_added/get_fuwu_access_token.html
(read 2026-12). The README lists what is uncertain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import Spent, wrong_argument
from haoma.platforms.base.access_tokens import CachedToken, TokenUse, token_place
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, read_token

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer, Query
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_PATH: Final = "/wxa/charge/service-provider/"
_STABLE: Final = "/cgi-bin/stable_token"
_QUICK: Final = "10000117"
_REALTIME: Final = "10000120"
_ALREADY: Final = "10121009"
_UNDER_WAY: Final = "10121011"
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z_-]{10,64}")


class Assigned(StrEnum):
    """How far an assignment is."""

    ACCEPTED = "accepted"
    """WeChat has it, and works on it."""
    DONE = "done"
    """The mini program has the package."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that may be assigned.

    Attributes:
        sku_id: WeChat's id of it, for `assign`.
        name: WeChat's name of it.
        quota: How many numbers it is for; None if WeChat does not say.
    """

    sku_id: str
    name: str
    quota: int | None


def bought(app: WeChatApp, *, realtime: bool = False) -> Flow[Answer]:
    """Ask what is left of what the provider has bought; return WeChat's answer, which is no refusal.

    Raises:
        PlatformRefusal, OutsideError: WeChat could not be asked.
    """
    query = (("spuId", _REALTIME if realtime else _QUICK), ("offset", "0"), ("limit", "20"))
    return (yield from _Account(app).get("usage/get", query))


def assignable(app: WeChatApp, order_id: str) -> Flow[tuple[Package, ...]]:
    """Ask which packages can be assigned from an order.

    Args:
        app: An app with the settings ``provider_…``.
        order_id: WeChat's id of the order, such as ``DD2970445798112968704``.

    Raises:
        PlatformRefusal, OutsideError: WeChat could not be asked.
    """
    answer = yield from _Account(app).get("package/get_convertible_skus", (("orderId", order_id),))
    found = answer.found.get("skuList")
    if not isinstance(found, list):
        raise answer.nonsense("skuList", 0, Spent.NO)
    return tuple(_package(each) for each in found if isinstance(each, Mapping) and each.get("skuId"))


def assign(app: WeChatApp, *, order_id: str, sku_id: str, request_id: str) -> Flow[Assigned]:
    """Assign a package to this mini program.

    Args:
        app: The mini program that gets it, with the settings ``provider_…``.
        order_id: The order that pays for it.
        sku_id: Which package; see `assignable`.
        request_id: Your id of this assignment, 10 to 64 characters. The same id is the same assignment, so after a
            time-out ask again with it. Keep it: `cancel` needs it.

    Raises:
        WrongArgument: ``config.wrong-argument``: the request id has another form.
        PlatformRefusal, OutsideError: WeChat refused, or could not be asked.
    """
    content = {"orderId": order_id, "skuId": sku_id, "receiverAppId": app.app_id, "requestId": _checked(request_id)}
    answer = yield from _Account(app).post("package/assign", content, but=(_ALREADY, _UNDER_WAY))
    return Assigned.DONE if answer.errcode == _ALREADY else Assigned.ACCEPTED


def cancel(app: WeChatApp, *, order_id: str, request_id: str) -> Flow[None]:
    """Take an assignment back: within seven days, and as long as nothing of the package is used.

    Args:
        app: An app with the settings ``provider_…``.
        order_id: The order that paid for it.
        request_id: The id with which it was assigned.

    Raises:
        WrongArgument: ``config.wrong-argument``: the request id has another form.
        PlatformRefusal, OutsideError: WeChat refused, or could not be asked.
    """
    content = {"orderId": order_id, "requestId": _checked(request_id)}
    yield from _Account(app).post("package/cancel_assign", content)


def _checked(request_id: object) -> str:
    if not (isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id)):
        raise wrong_argument("request_id", request_id, "10 to 64 of 0-9 A-Z a-z _ -")
    return request_id


def _package(found: Mapping[str, Any]) -> Package:
    quota: Any = found
    for name in ("attr", "proportion", "quota", "quota"):
        quota = quota.get(name) if isinstance(quota, Mapping) else None
    counted = isinstance(quota, str | int) and re.fullmatch(r"[0-9]{1,18}", str(quota))
    return Package(str(found["skuId"]), str(found.get("skuName", "")), int(quota) if counted else None)


class _Account:
    """The provider's calls, with its own token."""

    def __init__(self, app: WeChatApp) -> None:
        if app.provider is None:
            raise wrong_argument("app", app, "an app with provider_app_id and provider_app_secret")
        self._app, self._provider = app, app.provider
        place = token_place("provider", app.api_base_url, self._provider.app_id)
        self._access = TokenUse(CachedToken(place, self._token))

    def get(self, name: str, query: Query) -> Flow[Answer]:
        """Send a GET request; return the answer, which is no refusal."""
        return self._given(lambda token: api.get(self._app, _PATH + name, (("access_token", token.reveal()), *query)))

    def post(self, name: str, content: dict[str, str], *, but: tuple[str, ...] = ()) -> Flow[Answer]:
        """Send a POST request; return the answer, which is no refusal but those named."""
        return self._given(
            lambda token: api.post(self._app, _PATH + name, content, (("access_token", token.reveal()),)), but
        )

    def _given(self, question: Any, but: tuple[str, ...] = ()) -> Flow[Answer]:
        answer: Answer = yield from self._access.ask(question)
        if answer.refused and answer.errcode not in but:
            raise answer.refusal("package", 0, self._access.token)
        return answer

    def _token(self) -> Flow[tuple[Secret, float]]:
        """Fetch a token. The stable one: it leaves the tokens of the provider's other programs alone."""
        provider = self._provider
        wanted = {"grant_type": "client_credential", "appid": provider.app_id, "secret": provider.secret.reveal()}
        answer = yield from api.post(self._app, _STABLE, wanted)
        if answer.refused:
            raise answer.refusal("token", STEP, provider.secret)
        return read_token(answer, "access_token", provider.app_id)
