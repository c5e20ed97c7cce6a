"""The registry of platforms. Adding one is a folder and a line here."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from haoma.platforms.alipay import ALIPAY
from haoma.platforms.baidu import BAIDU
from haoma.platforms.dingtalk import DINGTALK
from haoma.platforms.douyin import DOUYIN
from haoma.platforms.huawei import HUAWEI
from haoma.platforms.kuaishou import KUAISHOU
from haoma.platforms.wechat import WECHAT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.contract import Platform

PLATFORMS: Final[Mapping[str, Platform[Any, Any]]] = MappingProxyType(
    {each.name: each for each in (ALIPAY, BAIDU, DINGTALK, DOUYIN, HUAWEI, KUAISHOU, WECHAT)}
)
