"""Tests bytedance: decrypt_user_data with the app id. It leaves the reply to a phone code encrypted."""

from __future__ import annotations

from typing import Any

from bytedance.base import ByteDanceError
from bytedance.security import decrypt_user_data
from glue import UNSUPPORTED, answer, number


def judge(case: dict[str, Any]) -> dict[str, Any]:
    if case["platform"] != "douyin" or case["way"] != "session-key":
        return UNSUPPORTED
    keys, sent = case["keys"], case["input"]
    return number(decrypt_user_data(sent["encryptedData"], keys["session_key"], sent["iv"], app_id=keys["app_id"]))


if __name__ == "__main__":
    answer(judge, ByteDanceError)
