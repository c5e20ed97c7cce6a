"""Alipay: ``my.getPhoneNumber``. The folder's README has the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.contract import Platform
from haoma.platforms.alipay.app import KEY_SETTINGS, AlipayApp, configure
from haoma.platforms.alipay.flow import find, find_offline, one_time
from haoma.platforms.alipay.login import log_in
from haoma.platforms.alipay.read import Message, read

ALIPAY: Final = Platform[AlipayApp, Message](
    name="alipay",
    title="支付宝 Alipay",
    key_settings=KEY_SETTINGS,
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    find_offline=find_offline,
)
