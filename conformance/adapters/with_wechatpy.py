"""wechatpy, judged: WeChatWxaCrypto, which checks the watermark's appid itself, and WeChatCrypto for messages."""

from __future__ import annotations

import json
import sys
from typing import Any

import xmltodict
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import WeChatException

UNSUPPORTED = {"unsupported": True}


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["way"] == "push":
        return push(case)
    if case["platform"] != "wechat" or case["way"] != "session-key":
        return UNSUPPORTED
    keys, sent = case["keys"], case["input"]
    try:
        crypto = WeChatWxaCrypto(keys["session_key"], sent["iv"], keys["app_id"])
        found = crypto.decrypt_message(sent["encryptedData"])
    except (WeChatException, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"phone_number": f"+{found['countryCode']}{found['purePhoneNumber']}"}


def push(case: dict[str, Any]) -> dict[str, Any]:
    keys, sent = case["keys"], case["input"]
    query = {name: sent["query"].get(name, "") for name in ("msg_signature", "timestamp", "nonce")}
    try:
        crypto = WeChatCrypto(keys["token"], keys["encoding_aes_key"], keys["app_id"])
        message = crypto.decrypt_message(sent["body"], query["msg_signature"], query["timestamp"], query["nonce"])
    except (WeChatException, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"ticket": xmltodict.parse(message)["xml"]["ComponentVerifyTicket"]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
