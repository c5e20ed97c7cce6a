"""WeRoBot, judged: MessageCrypt, which checks signature and receiver."""

from __future__ import annotations

import json
import sys
from typing import Any

import xmltodict
from werobot.crypto import MessageCrypt
from werobot.crypto.exceptions import AppIdValidationError, InvalidSignature


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["way"] != "push":
        return {"unsupported": True}
    keys, query = case["keys"], case["input"]["query"]
    try:
        crypt = MessageCrypt(keys["token"], keys["encoding_aes_key"], keys["app_id"])
        encrypted = xmltodict.parse(case["input"]["body"])["xml"]["Encrypt"]
        message = crypt.decrypt_message(query["timestamp"], query["nonce"], query.get("msg_signature"), encrypted)
    except (AppIdValidationError, InvalidSignature, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"ticket": xmltodict.parse(message)["xml"]["ComponentVerifyTicket"]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
