"""Tests wechatpy: WeChatWxaCrypto, which checks the watermark's appid itself, and WeChatCrypto for messages."""

from __future__ import annotations

from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from glue import UNSUPPORTED, answer, number, text
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import WeChatException


def judge(case: dict[str, Any]) -> dict[str, Any]:
    keys, sent = case["keys"], case["input"]
    if case["way"] == "push":
        query = {name: sent["query"].get(name, "") for name in ("msg_signature", "timestamp", "nonce")}
        crypto = WeChatCrypto(keys["token"], keys["encoding_aes_key"], keys["app_id"])
        message = crypto.decrypt_message(sent["body"], query["msg_signature"], query["timestamp"], query["nonce"])
        return ticket(message)
    if case["platform"] != "wechat" or case["way"] != "session-key":
        return UNSUPPORTED
    return number(
        WeChatWxaCrypto(keys["session_key"], sent["iv"], keys["app_id"]).decrypt_message(sent["encryptedData"])
    )


def ticket(message: str | bytes) -> dict[str, Any]:
    try:
        return {"ticket": text(xmltodict.parse(message).get("xml"), "ComponentVerifyTicket")}
    except ExpatError as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    answer(judge, WeChatException)
