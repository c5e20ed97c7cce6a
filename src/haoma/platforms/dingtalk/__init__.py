"""DingTalk: an ``authCode``, for apps of organisations. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.dingtalk.app import SETTINGS, DingTalkApp, configure
from haoma.platforms.dingtalk.flow import METHODS, find, log_in, one_time
from haoma.platforms.dingtalk.read import PHONE_CODE, CodeMessage, read

DINGTALK: Final = Platform[DingTalkApp, CodeMessage](
    name="dingtalk",
    also_called=("dd", "dingding"),
    settings=SETTINGS,
    phone_code=PHONE_CODE,
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    methods=METHODS,
    mirror="haoma.platforms.dingtalk.mirror:MIRROR",
    symptoms="haoma.platforms.dingtalk.symptoms:SYMPTOMS",
)
