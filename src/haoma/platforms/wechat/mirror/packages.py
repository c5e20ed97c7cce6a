"""The simulated service provider at WeChat: its orders, and the packages that it assigns.

It shares no code with ``haoma.platforms.wechat.packages``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import RandomBytes

PACKAGES: Final = "/wxa/charge/service-provider/"
QUICK: Final = "10000077"
_WHOLESALE: Final = "10000117"
_SKU: Final = "20000252"
_SIZE: Final = 5000
_BOUGHT: Final = 20_000


@dataclass(slots=True)
class _Assignment:
    sku_id: str
    receiver: str
    asked: int = 1


class Provider:
    """A service provider with one order of four packages.

    Args:
        random_bytes: Makes its ids and secrets.
        receivers: App ids of the mini programs to which it has assigned a package already.

    Attributes:
        app_id, secret: Its account.
        order_id: Its order.
    """

    def __init__(self, random_bytes: RandomBytes, receivers: Collection[str] = ()) -> None:
        self.app_id, self.secret = f"wx{random_bytes(8).hex()}", random_bytes(16).hex()
        self.order_id = f"DD{int.from_bytes(random_bytes(8))}"
        self._assigned = {f"first-of-{app_id}": _Assignment(_SKU, app_id) for app_id in receivers}  # by request id

    def settings(self) -> dict[str, Any]:
        """Return the settings of an app to which it assigns packages."""
        return {"provider_app_id": self.app_id, "provider_app_secret": self.secret}

    def assigned(self, app_id: str) -> list[dict[str, Any]]:
        """Return the packages of a mini program that came from this provider."""
        return [
            {"pkgId": f"ZY{request}", "all": str(_SIZE), "used": "0", "status": 1, "spuId": QUICK, "skuId": each.sku_id}
            for request, each in self._assigned.items()
            if each.receiver == app_id
        ]

    def answer(
        self, name: str, query: Mapping[str, str], asked: Mapping[str, Any], merchants: Collection[str]
    ) -> dict[str, Any] | int:
        """Return the answer to a request, or the errcode that refuses it."""
        match name:
            case "usage/get":
                return self._usage(query)
            case "package/get_convertible_skus":
                return self._skus() if query.get("orderId") == self.order_id else 10121001
            case "package/assign":
                return self._assign(asked, merchants)
            case _:
                return self._cancel(asked)

    def _usage(self, query: Mapping[str, str]) -> dict[str, Any]:
        bought = _BOUGHT if query.get("spuId") == _WHOLESALE else 0
        used = len(self._assigned) * _SIZE if bought else 0
        detail = {"pkgId": "ZY0", "all": str(bought), "used": str(used), "status": 1, "orderId": self.order_id}
        counts = {"all": str(bought), "effectiveUse": str(used), "total": 1 if bought else 0}
        return {**counts, "detailList": [detail] if bought else []}

    def _skus(self) -> dict[str, Any]:
        proportion = {"quota": {"quota": str(_SIZE)}}
        attr = {"duration": "31536000", "granularity": 99, "proportion": proportion, "durationType": 1}
        return {"skuList": [{"skuId": _SKU, "spuId": QUICK, "skuName": "5000", "bizId": 1, "attr": attr}]}

    def _assign(self, asked: Mapping[str, Any], merchants: Collection[str]) -> dict[str, Any] | int:
        order, request = asked.get("orderId"), str(asked.get("requestId", ""))
        if not 10 <= len(request) <= 64 or asked.get("skuId") != _SKU:
            return 10120002
        if order != self.order_id:
            return 10121001
        if (known := self._assigned.get(request)) is not None:
            known.asked += 1
            return 10121011 if known.asked == 2 else 10121009  # WeChat needs a while
        if asked.get("receiverAppId") not in merchants:
            return 10045
        if (len(self._assigned) + 1) * _SIZE > _BOUGHT:
            return 10121031
        self._assigned[request] = _Assignment(str(asked["skuId"]), str(asked["receiverAppId"]))
        return {"errmsg": ""}

    def _cancel(self, asked: Mapping[str, Any]) -> dict[str, Any] | int:
        known = asked.get("orderId") == self.order_id and self._assigned.pop(str(asked.get("requestId")), None)
        return {"errmsg": ""} if known else 10121001
