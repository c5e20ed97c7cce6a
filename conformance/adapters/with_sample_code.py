"""Tests sample code as tutorials show it. It is here to fail: do not copy it.

With ``--check`` it also does what the platforms' pages call optional: it verifies Alipay's signature if there is one,
and compares the app id in the watermark.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from Crypto.Cipher import AES, PKCS1_v1_5
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15, pss


class Refused(Exception):
    """What the sample raises or returns to refuse."""


def unpad(text: bytes) -> bytes:
    return text[: -text[-1]]


@cache
def imported(key: str | bytes) -> RSA.RsaKey:
    """Return a key. It is checked each time that it is imported, which takes longer than all else."""
    return RSA.import_key(key)


def decrypt(key: str, iv: bytes, text: str) -> bytes:
    return unpad(AES.new(base64.b64decode(key), AES.MODE_CBC, iv).decrypt(base64.b64decode(text)))


def alipay(case: dict[str, Any], *, check: bool) -> str:
    keys, sent = case["keys"], json.loads(case["input"])
    content = sent["response"]
    # As in the sample of Alipay's page: a response that starts with a brace is not encrypted.
    encrypted = not content.startswith("{")
    if check and sent.get("sign"):
        signed = f'"{content}"' if encrypted else content
        public = imported(base64.b64decode(keys["alipay_public_key"]))
        pkcs1_15.new(public).verify(SHA256.new(signed.encode()), base64.b64decode(sent["sign"]))
    found = json.loads(decrypt(keys["aes_key"], bytes(16), content) if encrypted else content)
    if found["code"] != "10000":
        raise Refused(found["code"])
    mobile: str = found["mobile"]
    return "+" + mobile.replace("-", "") if "-" in mobile else "+86" + mobile


def sealed(case: dict[str, Any], *, check: bool) -> str:
    sent, keys = case["input"], case["keys"]
    plain = decrypt(keys["session_key"], base64.b64decode(sent["iv"]), sent["encryptedData"])
    if case["platform"] == "baidu":
        length = int.from_bytes(plain[16:20], "big")
        if check and plain[20 + length :].decode() != keys["app_key"]:
            raise Refused("app_key")
        return str("+86" + json.loads(plain[20 : 20 + length])["mobile"])
    return number(json.loads(plain), case, check=check)


def number(found: dict[str, Any], case: dict[str, Any], *, check: bool) -> str:
    named = {"wechat": "appid", "douyin": "appid", "xiaohongshu": "appId"}.get(case["platform"])
    if check and named and found["watermark"][named] != case["keys"]["app_id"]:
        raise Refused("watermark")
    pure = found["phoneNumber"] if case["platform"] == "kuaishou" else found["purePhoneNumber"]
    return f"+{found['countryCode']}{pure}"


def reply(case: dict[str, Any], *, check: bool) -> str:
    found = json.loads(case["input"])
    if case["platform"] == "wechat":
        if found.get("errcode"):
            raise Refused(found["errcode"])
        return number(found["phone_info"], case, check=check)
    if "openID" in found:  # Huawei, by scope phone
        if not found.get("mobileNumber"):
            raise Refused(found.get("error"))
        return "+86" + str(found["mobileNumber"]).removeprefix("+86").removeprefix("0086")
    if case["platform"] == "huawei":
        if "phoneNumber" not in found:
            raise Refused(found.get("resultCode"))
        return f"+{found['phoneCountryCode'].lstrip('0')}{found['purePhoneNumber']}"
    if "mobile" not in found:
        raise Refused(found.get("code"))
    return f"+{found['stateCode']}{found['mobile']}"


def rsa_reply(case: dict[str, Any], *, check: bool) -> str:
    found = json.loads(case["input"])
    if found["err_no"]:
        raise Refused(found["err_no"])
    for key in case["keys"]["app_private_keys"]:
        private = imported(base64.b64decode(key))
        plain = PKCS1_v1_5.new(private).decrypt(base64.b64decode(found["data"]), None)
        if plain:
            return number(json.loads(plain), case, check=check)
    raise Refused("decrypt")


def secured_reply(case: dict[str, Any], *, check: bool) -> str:
    keys, sent = case["keys"], case["input"]
    headers, body = sent["headers"], json.loads(sent["body"])
    if "data" not in body:  # an error of the gateway is in clear text, and so may be anything else
        return reply({**case, "input": sent["body"]}, check=check)
    beside = f"{keys['url']}|{headers['wechatmp-appid']}|{headers['wechatmp-timestamp']}|{keys['api_sym_sn']}"
    if check:
        lines = f"{keys['url']}\n{headers['wechatmp-appid']}\n{headers['wechatmp-timestamp']}\n{sent['body']}"
        public = imported(keys["api_certificates"][0])
        signature = base64.b64decode(headers.get("wechatmp-signature", ""))
        pss.new(public, salt_bytes=32).verify(SHA256.new(lines.encode()), signature)
    iv, data, tag = (base64.b64decode(body[name]) for name in ("iv", "data", "authtag"))
    cipher = AES.new(base64.b64decode(keys["api_sym_key"]), AES.MODE_GCM, nonce=iv)
    cipher.update(beside.encode())
    plain = cipher.decrypt_and_verify(data, tag) if check else cipher.decrypt(data)
    return reply({**case, "input": plain.decode()}, check=check)


def push(case: dict[str, Any], *, check: bool) -> str:
    keys, query = case["keys"], case["input"]["query"]
    encrypted = element(case["input"]["body"], "Encrypt")
    if check:
        parts = (keys["token"], query["timestamp"], query["nonce"], encrypted)
        if hashlib.sha1("".join(sorted(parts)).encode()).hexdigest() != query.get("msg_signature"):
            raise Refused("msg_signature")
    key = base64.b64decode(keys["encoding_aes_key"] + "=")
    plain = decrypt(keys["encoding_aes_key"] + "=", key[:16], encrypted)
    end = 20 + int.from_bytes(plain[16:20], "big")
    if check and plain[end:].decode() != keys["app_id"]:
        raise Refused("app id")
    return element(plain[20:end].decode(), "ComponentVerifyTicket")


def request(case: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Read a request with the names of tutorials, ask the platform, and return the answer with the number."""
    sent, keys = case["input"], case["keys"]
    app = keys["apps"][sent["app"]]
    data, platform = fields(sent), app["platform"]
    read: dict[str, Any] = {"app": sent["app"], "login_code": None}
    inner = {**case, "keys": {**app, "app_private_keys": [app.get("app_private_key")]}}
    if platform == "alipay":
        read["login_code"], read["number_from"] = data.get("auth_code"), "envelope"
        if read["login_code"]:
            asked(keys, "login", read["login_code"])
        found = alipay({**inner, "input": json.dumps(data)}, check=check)
    elif "encryptedData" in data:
        read["login_code"], read["number_from"] = data["code"], "sealed-data"
        login = json.loads(asked(keys, "login", data["code"]))
        session_key = login.get("data", login).get("session_key")
        if not session_key:
            raise Refused(login)
        inner["keys"]["session_key"] = session_key
        found = sealed({**inner, "input": data}, check=check)
    else:
        named = {"huawei": "authorizationCode", "dingtalk": "authCode"}.get(platform, "code")
        read["phone_code"], read["number_from"] = data[named], "phone-code"
        replied = asked(keys, "phone", data[named])
        found = (rsa_reply if platform == "douyin" else reply)({**inner, "input": replied}, check=check)
    return {"reading": read, "phone_number": found}


def fields(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what a framework makes of a request: the query, the form or the JSON."""
    raw = base64.b64decode(sent["body_base64"]) if "body_base64" in sent else sent["body"].encode()
    if sent["method"] == "GET":
        return {name: values[0] for name, values in parse_qs(sent["query"]).items()}
    if sent["content_type"].startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(raw.decode()).items()}
    found: dict[str, Any] = json.loads(raw)
    return found


def asked(keys: dict[str, Any], what: str, code: str) -> str:
    """Return what the platform answers to a code."""
    reply: str = keys["logins" if what == "login" else "phone_codes"].get(code) or keys["other_codes"][what]
    return reply


def element(text: str, name: str) -> str:
    return ET.fromstring(text).findtext(name) or ""


WAYS = {
    "envelope": alipay,
    "session-key": sealed,
    "reply": reply,
    "rsa-reply": rsa_reply,
    "secured-reply": secured_reply,
    "push": push,
}


def judge(case: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    if case["way"] not in (*WAYS, "request"):
        return {"unsupported": True}
    try:
        if case["way"] == "request":
            return request(case, check=check)
        said = "ticket" if case["way"] == "push" else "phone_number"
        return {said: WAYS[case["way"]](case, check=check)}
    except (Refused, ValueError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line), check="--check" in sys.argv)), flush=True)
