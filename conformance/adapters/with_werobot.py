"""Tests WeRoBot: MessageCrypt, which checks signature and receiver."""

from __future__ import annotations

from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from glue import UNSUPPORTED, answer, text
from werobot.crypto import MessageCrypt
from werobot.crypto.exceptions import AppIdValidationError, InvalidSignature


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["way"] != "push":
        return UNSUPPORTED
    keys, query = case["keys"], case["input"]["query"]
    crypt = MessageCrypt(keys["token"], keys["encoding_aes_key"], keys["app_id"])
    encrypted = element(case["input"]["body"], "Encrypt")
    message = crypt.decrypt_message(query["timestamp"], query["nonce"], query.get("msg_signature"), encrypted)
    return {"ticket": element(message, "ComponentVerifyTicket")}


def element(xml: str | bytes, name: str) -> str:
    try:
        return text(xmltodict.parse(xml).get("xml"), name)
    except ExpatError as error:
        raise ValueError(str(error)) from None


if __name__ == "__main__":
    answer(judge, AppIdValidationError, InvalidSignature)
