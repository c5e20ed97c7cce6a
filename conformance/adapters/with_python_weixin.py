"""Tests python-weixin: WXBizDataCrypt. Its WXBizMsgCrypt requires a ToUserName, which a ticket does not have."""

from __future__ import annotations

from typing import Any

from glue import UNSUPPORTED, answer, number
from weixin.lib.wxcrypt import WXBizDataCrypt


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "wechat" or case["way"] != "session-key":
        return UNSUPPORTED
    keys, sent = case["keys"], case["input"]
    try:
        found = WXBizDataCrypt(keys["app_id"], keys["session_key"]).decrypt(sent["encryptedData"], sent["iv"])
    except Exception as error:
        if str(error) == "Invalid Buffer":  # it refuses with a bare Exception
            return {"refused": "Invalid Buffer"}
        raise
    return number(found)


if __name__ == "__main__":
    answer(judge)
