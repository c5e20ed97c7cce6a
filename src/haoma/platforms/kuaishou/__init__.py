"""Kuaishou: ``getPhoneNumber``. The README lists the sources and what is uncertain."""

from __future__ import annotations

from typing import Final

from haoma.platforms.base.contract import Platform
from haoma.platforms.kuaishou.app import SETTINGS, KuaishouApp, configure
from haoma.platforms.kuaishou.flow import METHODS, find, find_under_key, one_time
from haoma.platforms.kuaishou.login import log_in
from haoma.platforms.kuaishou.read import Message, read, read_sealed

KUAISHOU: Final = Platform[KuaishouApp, Message](
    name="kuaishou",
    also_called=("ks",),
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
    mirror="haoma.platforms.kuaishou.mirror:MIRROR",
    symptoms="haoma.platforms.kuaishou.symptoms:SYMPTOMS",
)
