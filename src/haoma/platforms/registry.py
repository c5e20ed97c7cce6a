"""The registry of platforms. To add a platform, add a folder and one line here.

A platform is imported on first use, so a program that uses one platform imports only that one.
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
    "xiaohongshu": "haoma.platforms.xiaohongshu:XIAOHONGSHU",
}


class _Platforms(Mapping[str, "Platform[Any, Any]"]):
    """The platforms by name. Listing or testing names imports nothing."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Platform[Any, Any]] = {}

    def __getitem__(self, name: str) -> Platform[Any, Any]:
        loaded = self._loaded.get(name)
        if loaded is None:
            # Two threads may both get here. The import runs once, so both find the same object.
            loaded = self._loaded[name] = load(self._places[name])
        return loaded

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def load(place: str) -> Any:
    """Return the object at ``module:name``, imported now. Only its readers pay for the import."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


PLATFORMS: Final[Mapping[str, Platform[Any, Any]]] = _Platforms(_PLACES)
