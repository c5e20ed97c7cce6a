"""alipay-sdk-python, judged: the signature over the quoted ciphertext, then decrypt_content."""

from __future__ import annotations

import json
import sys
from typing import Any

import rsa
from alipay.aop.api.exception.Exception import AopException
from alipay.aop.api.util.EncryptUtils import decrypt_content
from alipay.aop.api.util.SignatureUtils import verify_with_rsa


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["way"] != "envelope":
        return {"unsupported": True}
    keys = case["keys"]
    try:
        sent = json.loads(case["input"])
        signed = f'"{sent["response"]}"'.encode()
        if not verify_with_rsa(keys["alipay_public_key"], signed, sent["sign"]):
            return {"refused": "signature"}
        found = json.loads(decrypt_content(sent["response"], "AES", keys["aes_key"], "utf-8"))
    except (AopException, rsa.VerificationError, ValueError) as error:
        return {"refused": type(error).__name__}
    if found["code"] != "10000":
        return {"refused": found["code"]}
    mobile = found["mobile"]
    return {"phone_number": "+" + mobile.replace("-", "") if "-" in mobile else "+86" + mobile}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
