"""Baidu: ``getPhoneNumber`` of smart mini programs. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.baidu.app import SETTINGS, BaiduApp, configure
from haoma.platforms.baidu.flow import METHODS, find, find_under_key, one_time
from haoma.platforms.baidu.login import log_in
from haoma.platforms.baidu.read import SEALED, Message, read, read_sealed
from haoma.platforms.baidu.token import token_source
from haoma.platforms.base.contract import Platform

BAIDU: Final = Platform[BaiduApp, Message](
    name="baidu",
    also_called=("swan", "bd"),
    settings=SETTINGS,
    sealed=SEALED,
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    find_under_key=find_under_key,
    methods=METHODS,
    read_sealed=read_sealed,
    mirror="haoma.platforms.baidu.mirror:MIRROR",
    symptoms="haoma.platforms.baidu.symptoms:SYMPTOMS",
    token_source=token_source,
)
