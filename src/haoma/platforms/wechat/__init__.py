"""WeChat's ``getPhoneNumber``: code flow and session_key flow. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.wechat.app import SETTINGS, WeChatApp, configure
from haoma.platforms.wechat.callback import take_push
from haoma.platforms.wechat.flow import METHODS, find, find_under_key, one_time
from haoma.platforms.wechat.login import log_in
from haoma.platforms.wechat.read import Message, read, read_sealed
from haoma.platforms.wechat.token import token_source
from haoma.platforms.wechat.usage import quotas

WECHAT: Final = Platform[WeChatApp, Message](
    name="wechat",
    also_called=("weixin", "wx"),
    settings=SETTINGS,
    phone_code=("code",),
    sealed=("encryptedData",),
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    find_under_key=find_under_key,
    methods=METHODS,
    take_push=take_push,
    read_sealed=read_sealed,
    mirror="haoma.platforms.wechat.mirror:MIRROR",
    symptoms="haoma.platforms.wechat.symptoms:SYMPTOMS",
    token_source=token_source,
    quotas=quotas,
)
