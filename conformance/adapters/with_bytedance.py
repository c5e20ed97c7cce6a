"""bytedance, judged: decrypt_user_data with the app id. What the reply to a phone code holds it leaves encrypted."""

from __future__ import annotations

import json
import sys
from typing import Any

from bytedance.base import ByteDanceError
from bytedance.security import decrypt_user_data


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "douyin" or case["way"] != "session-key":
        return {"unsupported": True}
    keys, sent = case["keys"], case["input"]
    try:
        found = decrypt_user_data(sent["encryptedData"], keys["session_key"], sent["iv"], app_id=keys["app_id"])
    except (ByteDanceError, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"phone_number": f"+{found['countryCode']}{found['purePhoneNumber']}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
