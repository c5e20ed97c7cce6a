"""Tests pywe-decrypt: its copy of WeChat's sample for sealed data, and its message decryption."""

from __future__ import annotations

from typing import Any

from glue import UNSUPPORTED, answer, number, text
from pywe_decrypt.data import decrypt as decrypt_data
from pywe_decrypt.msg import decrypt as decrypt_message


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "wechat" or case["way"] not in ("session-key", "push"):
        return UNSUPPORTED
    try:
        found = message(case) if case["way"] == "push" else sealed(case)
    except Exception as error:
        if str(error) == "Invalid Buffer":  # it refuses with a bare Exception
            return {"refused": "Invalid Buffer"}
        raise
    return {"ticket": text(found, "ComponentVerifyTicket")} if case["way"] == "push" else number(found)


def sealed(case: dict[str, Any]) -> object:
    keys, sent = case["keys"], case["input"]
    found: object = decrypt_data(keys["app_id"], keys["session_key"], sent["encryptedData"], sent["iv"])
    return found


def message(case: dict[str, Any]) -> object:
    keys, query = case["keys"], case["input"]["query"]
    found: object = decrypt_message(
        keys["app_id"],
        token=keys["token"],
        encodingaeskey=keys["encoding_aes_key"],
        post_data=case["input"]["body"],
        msg_signature=query.get("msg_signature", ""),
        timestamp=query["timestamp"],
        nonce=query["nonce"],
        xmltodict=True,
    )
    return found


if __name__ == "__main__":
    answer(judge)
