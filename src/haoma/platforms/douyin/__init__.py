"""Douyin's ``getPhoneNumber``: code flow and session_key flow. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.douyin.app import SETTINGS, DouyinApp, configure
from haoma.platforms.douyin.flow import METHODS, find, find_under_key, one_time
from haoma.platforms.douyin.login import log_in
from haoma.platforms.douyin.read import Message, read, read_sealed
from haoma.platforms.douyin.token import token_source

DOUYIN: Final = Platform[DouyinApp, Message](
    name="douyin",
    also_called=("tt", "toutiao", "bytedance"),
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
    read_sealed=read_sealed,
    mirror="haoma.platforms.douyin.mirror:MIRROR",
    symptoms="haoma.platforms.douyin.symptoms:SYMPTOMS",
    token_source=token_source,
)
