"""python-weixin, judged: WXBizDataCrypt. Its WXBizMsgCrypt wants a ToUserName, which a ticket does not have."""

from __future__ import annotations

import json
import sys
from typing import Any

from weixin.lib.wxcrypt import WXBizDataCrypt


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "wechat" or case["way"] != "session-key":
        return {"unsupported": True}
    try:
        return sealed(case)
    except ValueError as error:
        return {"refused": type(error).__name__}
    except Exception as error:
        if str(error) == "Invalid Buffer":  # a bare Exception is how it says no
            return {"refused": "Invalid Buffer"}
        raise


def sealed(case: dict[str, Any]) -> dict[str, Any]:
    keys, sent = case["keys"], case["input"]
    found = WXBizDataCrypt(keys["app_id"], keys["session_key"]).decrypt(sent["encryptedData"], sent["iv"])
    return {"phone_number": f"+{found['countryCode']}{found['purePhoneNumber']}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
