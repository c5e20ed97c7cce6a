"""Xiaohongshu: ``getPhoneNumber``. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.xiaohongshu.app import SETTINGS, XiaohongshuApp, configure
from haoma.platforms.xiaohongshu.flow import METHODS, find, find_under_key, one_time
from haoma.platforms.xiaohongshu.login import log_in
from haoma.platforms.xiaohongshu.read import Message, read, read_sealed
from haoma.platforms.xiaohongshu.token import token_source

XIAOHONGSHU: Final = Platform[XiaohongshuApp, Message](
    name="xiaohongshu",
    also_called=("xhs", "rednote", "redmini"),
    settings=SETTINGS,
    sealed=("encryptedData",),
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    find_under_key=find_under_key,
    methods=METHODS,
    read_sealed=read_sealed,
    mirror="haoma.platforms.xiaohongshu.mirror:MIRROR",
    symptoms="haoma.platforms.xiaohongshu.symptoms:SYMPTOMS",
    token_source=token_source,
)
