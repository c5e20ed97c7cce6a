"""pywe-decrypt, judged: its copy of WeChat's sample for sealed data, and its message decryption."""

from __future__ import annotations

import json
import sys
from typing import Any

from pywe_decrypt.data import decrypt as decrypt_data
from pywe_decrypt.msg import decrypt as decrypt_message


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "wechat" or case["way"] not in ("session-key", "push"):
        return {"unsupported": True}
    try:
        return push(case) if case["way"] == "push" else sealed(case)
    except ValueError as error:
        return {"refused": type(error).__name__}
    except Exception as error:
        if str(error) == "Invalid Buffer":  # a bare Exception is how it says no
            return {"refused": "Invalid Buffer"}
        raise


def sealed(case: dict[str, Any]) -> dict[str, Any]:
    keys, sent = case["keys"], case["input"]
    found = decrypt_data(keys["app_id"], keys["session_key"], sent["encryptedData"], sent["iv"])
    return {"phone_number": f"+{found['countryCode']}{found['purePhoneNumber']}"}


def push(case: dict[str, Any]) -> dict[str, Any]:
    keys, query = case["keys"], case["input"]["query"]
    found = decrypt_message(
        keys["app_id"],
        token=keys["token"],
        encodingaeskey=keys["encoding_aes_key"],
        post_data=case["input"]["body"],
        msg_signature=query.get("msg_signature", ""),
        timestamp=query["timestamp"],
        nonce=query["nonce"],
        xmltodict=True,
    )
    return {"ticket": found["ComponentVerifyTicket"]} if found else {"refused": "None"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
