"""Huawei: quick login, and scope ``phone``. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.huawei.app import SETTINGS, HuaweiApp, configure
from haoma.platforms.huawei.flow import METHODS, find, log_in, one_time
from haoma.platforms.huawei.read import PHONE_CODE, CodeMessage, read

HUAWEI: Final = Platform[HuaweiApp, CodeMessage](
    name="huawei",
    also_called=("harmony", "hms"),
    settings=SETTINGS,
    phone_code=PHONE_CODE,
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    methods=METHODS,
    mirror="haoma.platforms.huawei.mirror:MIRROR",
    symptoms="haoma.platforms.huawei.symptoms:SYMPTOMS",
)
