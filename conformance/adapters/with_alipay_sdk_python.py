"""Tests alipay-sdk-python: the signature over the quoted ciphertext, then decrypt_content."""

from __future__ import annotations

from typing import Any

import rsa
from alipay.aop.api.exception.Exception import AopException
from alipay.aop.api.util.EncryptUtils import decrypt_content
from alipay.aop.api.util.SignatureUtils import verify_with_rsa
from glue import UNSUPPORTED, answer, read, text


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["way"] != "envelope":
        return UNSUPPORTED
    keys, sent = case["keys"], read(case["input"])
    response, sign = text(sent, "response"), text(sent, "sign")
    if not verify_with_rsa(keys["alipay_public_key"], f'"{response}"'.encode(), sign):
        return {"refused": "signature"}
    found = read(decrypt_content(response, "AES", keys["aes_key"], "utf-8"))
    code = text(found, "code")
    if code != "10000":
        return {"refused": code}
    mobile = text(found, "mobile")
    if not mobile:
        return {"refused": "no mobile"}
    return {"phone_number": "+" + mobile.replace("-", "") if "-" in mobile else "+86" + mobile}


if __name__ == "__main__":
    answer(judge, AopException, rsa.VerificationError)
