"""The registry of platforms. Adding one is a folder and a line here.

A platform is imported when it is first asked for by its name: a program that uses one platform imports one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from haoma.platforms.base.contract import Platform

_PLACES: Final = {
    "alipay": "haoma.platforms.alipay:ALIPAY",
    "baidu": "haoma.platforms.baidu:BAIDU",
    "dingtalk": "haoma.platforms.dingtalk:DINGTALK",
    "douyin": "haoma.platforms.douyin:DOUYIN",
    "huawei": "haoma.platforms.huawei:HUAWEI",
    "kuaishou": "haoma.platforms.kuaishou:KUAISHOU",
    "wechat": "haoma.platforms.wechat:WECHAT",
}


class _Platforms(Mapping[str, "Platform[Any, Any]"]):
    """The platforms by name. To list the names, or to look whether there is one, imports none."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Platform[Any, Any]] = {}

    def __getitem__(self, name: str) -> Platform[Any, Any]:
        loaded = self._loaded.get(name)
        if loaded is None:
            # Two threads may both come here: the import is done once, and both find the same object.
            loaded = self._loaded[name] = load(self._places[name])
        return loaded

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def load(place: str) -> Any:
    """Return what a platform declares by its place, ``module:name``, so that only its readers import it."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


PLATFORMS: Final[Mapping[str, Platform[Any, Any]]] = _Platforms(_PLACES)
