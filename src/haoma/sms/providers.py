"""The SMS providers: what each is asked, and what its answers mean.

Aliyun's verification service (dypns) makes the code and checks it. With the other providers haoma makes the code. No
SDK is needed: each call is one signed POST.

**Traps.** Both answer HTTP 200 to what they refuse. ``Code: "OK"`` of Aliyun's ``CheckSmsVerifyCode`` only says that it
was asked; ``Model.VerifyResult`` says whether the code is right. Tencent refuses in ``SendStatusSet``.

Pages: https://help.aliyun.com/zh/pnvs/developer-reference/api-dypnsapi-2017-05-25-sendsmsverifycode,
https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms and
https://cloud.tencent.com/document/api/382/55981. The parameters of Aliyun stand in the query, as its pages say; a query
is never logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

from haoma.crypto.strict import parse_json_object
from haoma.errors import (
    BadField,
    CredentialsRejected,
    EnvelopeError,
    NonsenseReply,
    QuotaExhausted,
    RateLimited,
    Refused,
    RequestRejected,
)
from haoma.sms.signing import acs3, tc3
from haoma.steps import Call, Mint, Request, Send, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.errors import HaomaError
    from haoma.phone import PhoneNumber
    from haoma.secret import Secret
    from haoma.steps import Flow

VERIFY_URL: Final = "https://dypnsapi.aliyuncs.com"
ALIYUN_URL: Final = "https://dysmsapi.aliyuncs.com"
TENCENT_URL: Final = "https://sms.tencentcloudapi.com"
MINUTES: Final = 5
_PLACE: Final = "sms"
_NO_PERMISSION: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "Forbidden",
    "AuthFailure",
    "UnauthorizedOperation",
)
_TOO_OFTEN: Final = ("isv.BUSINESS_LIMIT_CONTROL", "biz.FREQUENCY", "FREQUENCY_FAIL", "LimitExceeded", "Throttling")
_NO_MONEY: Final = ("isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "FailedOperation.InsufficientBalance")
_NO_NUMBER: Final = ("isv.MOBILE_NUMBER_ILLEGAL", "MOBILE_NUMBER_ILLEGAL", "InvalidParameterValue.IncorrectPhoneNumber")
_MISCONFIGURED: Final = (
    "isv.SMS_SIGNATURE", "isv.SMS_SIGN", "isv.SMS_TEMPLATE", "isv.TEMPLATE", "isv.INVALID_PARAMETERS",
    "FailedOperation.SignatureIncorrect", "FailedOperation.TemplateIncorrect", "InvalidParameter",
)  # fmt: skip


class Provider(Protocol):
    """Who sends text messages.

    Attributes:
        name: Its name in the configuration.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    def send(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[None]:
        """Send a code. ``code`` is empty if the provider makes it.

        Raises:
            HaomaError: It refuses, or does not answer.
        """


@runtime_checkable
class CodeProvider(Provider, Protocol):
    """A provider that makes the codes itself, and checks them."""

    def check(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[bool]:
        """Return whether a code is the one that was sent."""


@dataclass(frozen=True, slots=True)
class AliyunVerify:
    """Aliyun's verification by text message (dypns): it makes, sends and checks the code. Mainland numbers only."""

    key_id: str
    secret: Secret = field(repr=False)
    sign_name: str
    template: str
    base_url: str = VERIFY_URL
    name: str = "aliyun-verify"

    def send(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[None]:
        """See `Provider.send`."""
        del code
        template = msgspec.json.encode({"code": "##code##", "min": str(MINUTES)}).decode()
        sent = {
            "PhoneNumber": number.national_number, "CountryCode": number.country_code, "SignName": self.sign_name,
            "TemplateCode": self.template, "TemplateParam": template, "CodeLength": "6", "CodeType": "1",
            "ValidTime": str(MINUTES * 60), "Interval": "60", "DuplicatePolicy": "1", "OutId": ticket[:64],
        }  # fmt: skip
        yield from _aliyun(self, "SendSmsVerifyCode", "2017-05-25", sent, now)

    def check(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[bool]:
        """See `CodeProvider.check`."""
        sent = {
            "PhoneNumber": number.national_number, "CountryCode": number.country_code, "VerifyCode": code,
            "OutId": ticket[:64],
        }  # fmt: skip
        answer = yield from _aliyun(self, "CheckSmsVerifyCode", "2017-05-25", sent, now)
        model = answer.get("Model")
        return isinstance(model, dict) and model.get("VerifyResult") == "PASS"


@dataclass(frozen=True, slots=True)
class AliyunSms:
    """Aliyun's text messages (dysms), with codes of ours."""

    key_id: str
    secret: Secret = field(repr=False)
    sign_name: str
    template: str
    base_url: str = ALIYUN_URL
    name: str = "aliyun"

    def send(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[None]:
        """See `Provider.send`."""
        bare = number.national_number if number.country_code == "86" else number.country_code + number.national_number
        sent = {
            "PhoneNumbers": bare, "SignName": self.sign_name, "TemplateCode": self.template,
            "TemplateParam": msgspec.json.encode({"code": code}).decode(), "OutId": ticket[:64],
        }  # fmt: skip
        yield from _aliyun(self, "SendSms", "2017-05-25", sent, now)


@dataclass(frozen=True, slots=True)
class Tencent:
    """Tencent Cloud's text messages, with codes of ours."""

    key_id: str
    secret: Secret = field(repr=False)
    sign_name: str
    template: str
    sdk_app_id: str
    region: str = "ap-guangzhou"
    base_url: str = TENCENT_URL
    name: str = "tencent"

    def send(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[None]:
        """See `Provider.send`."""
        body = msgspec.json.encode({
            "PhoneNumberSet": [number.e164], "SmsSdkAppId": self.sdk_app_id, "SignName": self.sign_name,
            "TemplateId": self.template, "TemplateParamSet": [code, str(MINUTES)], "SessionContext": ticket[:64],
        })  # fmt: skip
        at = int(now)
        headers = (
            ("authorization", tc3(self.key_id, self.secret, "sms", _host(self.base_url), body, at)),
            ("content-type", "application/json; charset=utf-8"),
            ("x-tc-action", "SendSms"),
            ("x-tc-version", "2021-01-11"),
            ("x-tc-timestamp", str(at)),
            ("x-tc-region", self.region),
        )
        request = Request("POST", f"{self.base_url}/", headers=headers, body=body)
        response = (yield from _sent(self.base_url, request)).get("Response")
        if not isinstance(response, dict):
            raise NonsenseReply(because={"field": "Response"})
        error, statuses = response.get("Error"), response.get("SendStatusSet")
        request_id = str(response.get("RequestId", ""))
        if isinstance(error, dict):
            raise refusal(str(error.get("Code")), str(error.get("Message")), request_id)
        if not isinstance(statuses, list) or len(statuses) != 1 or not isinstance(statuses[0], dict):
            raise NonsenseReply(because={"field": "SendStatusSet"})
        if statuses[0].get("Code") != "Ok":
            raise refusal(str(statuses[0].get("Code")), str(statuses[0].get("Message")), request_id)


@dataclass(frozen=True, slots=True)
class Hook:
    """A function of the application: ``send(e164, code, ticket)``, sync, or async with `haoma.AsyncClient`."""

    function: Callable[[str, str, str], Any]
    name: str = "hook"

    def send(self, number: PhoneNumber, code: str, ticket: str, now: float) -> Flow[None]:
        """See `Provider.send`."""
        del now
        yield from ask(Call(self.function, (number.e164, code, ticket)))


def refusal(code: str, message: str, request_id: str) -> HaomaError:
    """Return what a provider's refusal means."""
    said: dict[str, Any] = {
        "place": _PLACE, "platform_code": code, "platform_message": message, "request_id": request_id,
    }  # fmt: skip
    if code.startswith(_NO_NUMBER):
        return BadField(because={"field": "phone_number", "reason": "the provider sends nothing to it"}, **said)
    kinds: tuple[tuple[tuple[str, ...], type[HaomaError]], ...] = (
        (_TOO_OFTEN, RateLimited),
        (_NO_MONEY, QuotaExhausted),
        (_NO_PERMISSION, CredentialsRejected),
        (_MISCONFIGURED, RequestRejected),
    )
    kind = next((kind for codes, kind in kinds if code.startswith(codes)), Refused)
    return kind(**said)


def _aliyun(
    provider: AliyunVerify | AliyunSms, action: str, version: str, sent: dict[str, str], now: float
) -> Flow[dict[str, Any]]:
    nonce = yield from ask(Mint())
    named = {
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce[:32],
    }
    headers = acs3(provider.key_id, provider.secret, _host(provider.base_url), sent, named)
    request = Request("POST", f"{provider.base_url}/", tuple(sent.items()), headers)
    answer = yield from _sent(provider.base_url, request)
    code = answer.get("Code")
    if code != "OK":
        raise refusal(str(code), str(answer.get("Message", "")), str(answer.get("RequestId", "")))
    return answer


def _sent(base_url: str, request: Request) -> Flow[dict[str, Any]]:
    parts = urlsplit(base_url)
    reply = yield from ask(Send(request, (f"{parts.scheme}://{parts.netloc}",), app=_PLACE))
    try:
        return parse_json_object(reply.body)
    except EnvelopeError:
        reason = "no JSON object"
    raise NonsenseReply(because={"status": reply.status, "reason": reason})


def _host(base_url: str) -> str:
    return urlsplit(base_url).netloc
