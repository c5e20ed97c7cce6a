"""The table ``[sms]``: who sends codes by text message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.platforms.base.setting import Kind, Setting
from haoma.sms import SmsSettings
from haoma.sms.providers import ALIYUN_URL, TENCENT_URL, VERIFY_URL, AliyunSms, AliyunVerify, Hook, Tencent

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table
    from haoma.sms.providers import Provider

_URLS: Final = {"aliyun-verify": VERIFY_URL, "aliyun": ALIYUN_URL, "tencent": TENCENT_URL}
SMS: Final = (
    Setting("provider", Kind.WORD, default="aliyun-verify", choices=(*_URLS, "hook")),
    Setting("access_key_id"),
    Setting("access_key_secret", secret=True),
    Setting("sign_name"),
    Setting("template"),
    Setting("sdk_app_id"),
    Setting("region", default="ap-guangzhou"),
    Setting("code_key", secret=True),
    Setting("countries", Kind.LIST),
    Setting("daily_limit", Kind.NUMBER, default=1000, least=1, most=10_000_000, whole=True),
    Setting("api_base_url", Kind.ADDRESS),
    Setting("send", Kind.FUNCTION),
    Setting("captcha", Kind.FUNCTION),
)
_LEAST_CODE_KEY: Final = 32


def read_sms(table: Table) -> SmsSettings | None:
    """Read the table; faults are left with it. Returns None if there are some."""
    name = table.choice("provider")
    provider = _hook(table) if name == "hook" else _provider(table, name)
    code_key, countries = None, ["86"]
    if name != "aliyun-verify":  # which makes the codes, and sends to the mainland alone
        code_key = table.secret("code_key", required=True)
        countries = table.texts("countries") or countries
        if code_key is not None and len(code_key.reveal()) < _LEAST_CODE_KEY:
            table.fault("config.wrong-type", "code_key", needed=f"{_LEAST_CODE_KEY} random characters or more")
    if not all(each.isdecimal() and len(each) < 4 for each in countries):
        table.fault("config.wrong-type", "countries", needed='["86", "852"]')
    limit, captcha = int(table.number("daily_limit")), table.function("captcha")
    table.finish()
    if table.broken or provider is None:
        return None
    return SmsSettings(provider, code_key, tuple(countries), limit, captcha)


def _hook(table: Table) -> Provider | None:
    function = table.function("send")
    if function is None:
        table.fault("config.missing-setting", "send")
        return None
    return Hook(function)


def _provider(table: Table, name: str) -> Provider | None:
    key_id, secret = table.text("access_key_id", required=True), table.secret("access_key_secret", required=True)
    sign, template = table.text("sign_name", required=True), table.text("template", required=True)
    url = table.url("api_base_url", default=_URLS[name])
    sdk_app_id = table.text("sdk_app_id", required=True) if name == "tencent" else ""
    region = table.text("region") if name == "tencent" else ""
    if secret is None:
        return None
    if name == "tencent":
        return Tencent(key_id, secret, sign, template, sdk_app_id, region, url)
    kind = AliyunVerify if name == "aliyun-verify" else AliyunSms
    return kind(key_id, secret, sign, template, url)
