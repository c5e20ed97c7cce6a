"""The SMS providers as fakes: Aliyun's verification and messages, and Tencent Cloud, with their traps.

They check the signature of each request in their own way, and answer 200 to what they refuse. The last two digits of a
number choose what happens; all others are delivered. ``GET /device/sms?number=…`` shows the code that was delivered.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from haoma.platforms.base.mirroring import Answer, Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.platforms.base.mirroring import Call

KEY_ID: Final = "simulated-key-id"
SECRET: Final = "simulated-key-secret"  # noqa: S105 - a fake's
CODE_KEY: Final = "simulated-code-key-0123456789-0123456789"
PROVIDERS: Final = ("aliyun-verify", "aliyun", "tencent")
SCENES: Final = {
    "01": "flow-control",
    "02": "signature-illegal",
    "03": "arrears",
    "04": "timeout-but-sent",
    "05": "number-illegal",
}
"""What happens to numbers that end so. Codes of Aliyun and Tencent for it are in `_REFUSALS`."""
_REFUSALS: Final = {
    "flow-control": ("isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.PhoneNumberOneHourLimit"),
    "signature-illegal": ("isv.SMS_SIGNATURE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved"),
    "arrears": ("isv.AMOUNT_NOT_ENOUGH", "FailedOperation.InsufficientBalanceInSmsPackage"),
    "number-illegal": ("isv.MOBILE_NUMBER_ILLEGAL", "InvalidParameterValue.IncorrectPhoneNumber"),
}
_PATH: Final = re.compile(r"/sms/(aliyun-verify|aliyun|tencent)/")
_VERIFY_SECONDS: Final = 300


@dataclass
class _Delivered:
    code: str
    at: float
    count: int = 1
    used: bool = False


class Messages:
    """Both providers, and the phones that messages are delivered to."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._delivered: dict[str, _Delivered] = {}

    def settings(self, base_url: str, provider: str) -> dict[str, Any]:
        """Return the table ``[sms]`` for a provider, served at ``base_url``."""
        own: dict[str, Any] = {} if provider == "aliyun-verify" else {"code_key": CODE_KEY}
        if provider == "tencent":
            own["sdk_app_id"] = "1400000000"
        return {
            "provider": provider, "access_key_id": KEY_ID, "access_key_secret": SECRET, "sign_name": "haoma",
            "template": "100001", "api_base_url": f"{base_url}/sms/{provider}", **own,
        }  # fmt: skip

    def delivered(self, number: str) -> dict[str, object]:
        """Return the last code that a number got, and how many messages. Numbers are national, or E.164."""
        found = self._delivered.get(_bare(number))
        return {"code": None, "count": 0} if found is None else {"code": found.code, "count": found.count}

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request to a provider, or return None if it is none."""
        found = _PATH.fullmatch(call.path)
        if found is None:
            return None
        if found[1] == "tencent":
            return self._tencent(call, now)
        return self._aliyun(call, now)

    def _aliyun(self, call: Call, now: float) -> Answer:
        if not _is_acs3(call):
            return _json({"Code": "SignatureDoesNotMatch", "Message": "signature"}, 400)
        return self._asked(call, now)

    def _asked(self, call: Call, now: float) -> Answer:
        sent = call.query
        match call.headers.get("x-acs-action"):
            case "SendSmsVerifyCode":
                number, code = sent["PhoneNumber"], f"{int.from_bytes(self._random_bytes(4)) % 1_000_000:06d}"
                if json.loads(sent["TemplateParam"])["code"] != "##code##":  # noqa: TID251 - a fake's own reading
                    return _json({"Code": "isv.TEMPLATE_PARAMS_ILLEGAL", "Message": "code"})
            case "SendSms":
                number = sent["PhoneNumbers"]
                code = json.loads(sent["TemplateParam"])["code"]  # noqa: TID251
            case "CheckSmsVerifyCode":
                return self._check(sent, now)
            case _:
                return _json({"Code": "InvalidAction.NotFound", "Message": "action"}, 404)
        scene = SCENES.get(number[-2:], "")
        if scene in _REFUSALS:
            return _json({"Code": _REFUSALS[scene][0], "Message": scene, "RequestId": "r-1"})
        self._deliver(number, code, now)
        if scene:
            return Answer(fate=Fate.RESET)
        return _json({"Code": "OK", "Message": "OK", "RequestId": "r-1", "Model": {"BizId": "b-1"}})

    def _check(self, sent: Mapping[str, str], now: float) -> Answer:
        """Say OK to every question: whether the code is right stands in the model."""
        found = self._delivered.get(_bare(sent["PhoneNumber"]))
        right = found is not None and not found.used and now - found.at <= _VERIFY_SECONDS
        right = right and found is not None and found.code == sent["VerifyCode"]
        if right and found is not None:
            found.used = True
        model = {"VerifyResult": "PASS" if right else "UNKNOWN", "OutId": sent.get("OutId", "")}
        return _json({"Code": "OK", "Message": "OK", "RequestId": "r-2", "Model": model})

    def _tencent(self, call: Call, now: float) -> Answer:
        if not _is_tc3(call):
            error = {"Code": "AuthFailure.SignatureFailure", "Message": "signature"}
            return _json({"Response": {"Error": error, "RequestId": "r-1"}})
        sent = json.loads(call.body)  # noqa: TID251
        (number,), (code, _) = sent["PhoneNumberSet"], sent["TemplateParamSet"]
        scene = SCENES.get(number[-2:], "")
        if scene not in _REFUSALS:
            self._deliver(number, code, now)
        if scene == "timeout-but-sent":
            return Answer(fate=Fate.RESET)
        status = {"Code": _REFUSALS[scene][1] if scene in _REFUSALS else "Ok", "Message": scene or "send success"}
        return _json({"Response": {"SendStatusSet": [{"PhoneNumber": number, **status}], "RequestId": "r-1"}})

    def _deliver(self, number: str, code: str, now: float) -> None:
        before = self._delivered.get(_bare(number))
        self._delivered[_bare(number)] = _Delivered(code, now, (before.count if before else 0) + 1)


def _bare(number: str) -> str:
    return number.removeprefix("+").removeprefix("86")


def _json(body: object, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _is_acs3(call: Call) -> bool:
    """Whether a request is signed with the fake's secret."""
    found = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    if found is None or found[1] != KEY_ID:
        return False
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in call.query.items())
    lines = [f"{name}:{call.headers.get(name, '')}" for name in found[2].split(";")]
    digest = hashlib.sha256(call.body).hexdigest()
    text = ["POST", "/", "&".join("=".join(pair) for pair in pairs), *lines, "", found[2], digest]
    hashed = hashlib.sha256("\n".join(text).encode()).hexdigest()
    wanted = hmac.new(SECRET.encode(), f"ACS3-HMAC-SHA256\n{hashed}".encode(), "sha256").hexdigest()
    return call.headers.get("x-acs-content-sha256") == digest and hmac.compare_digest(wanted, found[3])


def _is_tc3(call: Call) -> bool:
    """Whether a request is signed with the fake's secret."""
    found = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=([^/]+)/([0-9-]+)/sms/tc3_request, SignedHeaders=content-type;host, "
        r"Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    if found is None or found[1] != KEY_ID or call.headers.get("x-tc-action") != "SendSms":
        return False
    head = f"content-type:{call.headers['content-type']}\nhost:{call.headers['host']}\n"
    request = ["POST", "/", "", head, "content-type;host", hashlib.sha256(call.body).hexdigest()]
    hashed = hashlib.sha256("\n".join(request).encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{call.headers['x-tc-timestamp']}\n{found[2]}/sms/tc3_request\n{hashed}"
    key = ("TC3" + SECRET).encode()
    for each in (found[2], "sms", "tc3_request"):
        key = hmac.new(key, each.encode(), "sha256").digest()
    return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), found[3])
