"""Alipay: ``my.getPhoneNumber``. The README of this folder lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.alipay import app, flow, login, push, read
from haoma.platforms.base.contract import Platform

ALIPAY: Final = Platform[app.AlipayApp, read.Message](
    name="alipay",
    also_called=("zhifubao", "ali"),
    sealed=read.SEALED,
    settings=app.SETTINGS,
    keeps_in_process=app.keeps_in_process,
    configure=app.configure,
    read=read.read,
    one_time=flow.one_time,
    find=flow.find,
    log_in=login.log_in,
    find_offline=flow.find_offline,
    take_push=push.take_push,
    methods=flow.METHODS,
    login_step=8,
    mirror="haoma.platforms.alipay.mirror:MIRROR",
    symptoms="haoma.platforms.alipay.symptoms:SYMPTOMS",
)
