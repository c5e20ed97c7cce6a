"""wechatpy, judged: WeChatWxaCrypto, which checks the watermark's appid itself."""

from __future__ import annotations

import json
import sys
from typing import Any

from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import WeChatException

UNSUPPORTED = {"unsupported": True}


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "wechat" or case["way"] != "session-key":
        return UNSUPPORTED
    keys, sent = case["keys"], case["input"]
    try:
        crypto = WeChatWxaCrypto(keys["session_key"], sent["iv"], keys["app_id"])
        found = crypto.decrypt_message(sent["encryptedData"])
    except (WeChatException, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"phone_number": f"+{found['countryCode']}{found['purePhoneNumber']}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
