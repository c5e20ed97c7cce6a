"""Anna logs in on three platforms: run it while `haoma simulate -- …` runs."""

import json
import urllib.error
import urllib.request

PLATFORMS, APPLICATION = "http://127.0.0.1:8900", "http://127.0.0.1:8000"
ANNA = {"scene": "ok", "user": "anna", "number": "13900139000"}


def post(url: str, body: object) -> dict:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


def tap(platform: str) -> dict:
    return post(f"{PLATFORMS}/device/{platform}/tap", ANNA)


def phone_number(platform: str) -> dict:
    return post(f"{APPLICATION}/v1/apps/{platform}/phone-number", tap(platform)["body"])


def proof(platform: str) -> dict:
    login_code = {"login_code": tap(platform)["login_code"]}
    return {"app": platform, "session": post(f"{APPLICATION}/v1/apps/{platform}/login", login_code)["session"]}


print("WeChat, a new user:", phone_number("wechat"))
print("Kuaishou, the same user:", phone_number("kuaishou"))
conflict = phone_number("alipay")
print("Alipay, a conflict:", conflict)
proofs = [proof("alipay"), proof("wechat")]
print("proven on both sides:", post(f"{APPLICATION}/v1/disputes/{conflict['dispute']}/join", {"proofs": proofs}))
print("Alipay, the same user:", phone_number("alipay"))
