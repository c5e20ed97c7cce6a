"""Writes ``cases/`` from the vectors named in ``chosen.toml``, and a few cases that only this suite has.

The output is the same on every run: the ciphertexts come from the vectors, and everything made here is signed with a
throw-away key, without randomness. Run ``python -m conformance make`` after a change.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conformance import bodies, messages

HERE = Path(__file__).parent
VECTORS = HERE.parent / "tests" / "vectors"
ALIPAY_KEYS = ("app_id", "aes_key", "alipay_public_key")
KEYS = {
    "alipay": ALIPAY_KEYS,
    "wechat": ("app_id",),
    "baidu": ("app_key",),
    "douyin": ("app_id",),
    "kuaishou": ("app_id",),
    "xiaohongshu": ("app_id",),
    "huawei": ("client_id",),
    "dingtalk": ("client_id",),
}
# Where the platform's answer to the login is.
LOGINS = {
    "wechat": "jscode2session",
    "baidu": "jscode2sessionkey",
    "douyin": "jscode2session",
    "kuaishou": "code2session",
    "xiaohongshu": "session",
}
REPLIES = {
    "huawei, scope-phone": "rest.php",
    "wechat": "getuserphonenumber",
    "douyin": "get_phonenumber_info",
    "huawei": "getPhoneNumber",
    "dingtalk": "me",
}
DAY = 24 * 3600
FORGED = "forged: with a throw-away key"


def make() -> dict[str, dict[str, Any]]:
    """Return all cases, by name."""
    chosen = tomllib.loads((HERE / "chosen.toml").read_text("utf-8"))
    made: dict[str, dict[str, Any]] = {}
    for platform, ways in chosen.items():
        for way, groups in ways.items():
            for group, patterns in groups.items():
                for path in _vectors(platform, patterns):
                    either = patterns[path.name] if group == "strictness" else ""
                    _add(made, _derive(path, platform, way, group, either))
    for case in list(_own(made)):
        _add(made, case)
    return made


def _add(made: dict[str, dict[str, Any]], case: dict[str, Any]) -> None:
    if made.setdefault(case["name"], case) is not case:
        raise ValueError(f"two cases {case['name']}")


def _vectors(platform: str, patterns: Iterable[str]) -> Iterator[Path]:
    paths = sorted(path for path in (VECTORS / platform).iterdir() if path.is_dir())
    for pattern in patterns:
        found = [path for path in paths if fnmatch(path.name, pattern)]
        if not found:
            raise ValueError(f"{platform}: no vector {pattern}")
        yield from found


def _derive(path: Path, platform: str, way: str, group: str, either: str) -> dict[str, Any]:
    app = tomllib.loads((path / "app.toml").read_text("utf-8"))["apps"]["shop"]
    expect = tomllib.loads((path / "expect.toml").read_text("utf-8"))
    readme = (path / "README.md").read_text("utf-8")
    why, _, source = readme.partition("\n")[2].partition("\nSource: ")
    keys: dict[str, Any] = {name: app[name] for name in (*KEYS[platform], *({"flow"} & app.keys()))}
    sent: Any = (path / "authorization.txt").read_text("utf-8")
    if way == "session-key":
        login = json.loads((path / "replies" / f"{LOGINS[platform]}.txt").read_text("utf-8"))
        keys["session_key"] = login.get("data", login)["session_key"]
        sealed = json.loads(sent)["authorization"]
        beside = {name: value for name, value in sealed.items() if name in ("session_key", "sessionKey")}
        sent = {"encryptedData": sealed.get("encryptedData") or sealed["data"], "iv": sealed["iv"], **beside}
    elif way in ("reply", "rsa-reply"):
        of_flow = f"{platform}, {app.get('flow', '')}"
        sent = (path / "replies" / f"{REPLIES.get(of_flow, REPLIES[platform])}.txt").read_text("utf-8")
    if way == "rsa-reply":
        private = app["app_private_key"]
        keys["app_private_keys"] = private if isinstance(private, list) else [private]
    now = int((path / "now.txt").read_text("ascii")) if (path / "now.txt").exists() else 1_790_000_000
    outcome = {"phone_number": expect["phone_number"]} if "phone_number" in expect else _refusal(expect["code"])
    if either:
        reason = {name: code for name, code in outcome.items() if name == "reason"}
        outcome = {"either": either, **reason}
    return _case(
        f"{platform}/{way}-{_plain(path.name, platform, way)}", way, group, sent, keys, now, outcome, why, source
    )


def _plain(name: str, platform: str, way: str) -> str:
    """Return the name without the prefix with which the vectors mark the method."""
    if way == "session-key":
        return name.removeprefix("sealed-")
    return name.removeprefix("code-") if platform in ("wechat", "douyin") else name


def _refusal(reason: str) -> dict[str, Any]:
    return {"refuse": True, "reason": reason}


def _case(
    name: str,
    way: str,
    group: str,
    sent: Any,
    keys: dict[str, Any],
    now: int,
    expect: dict[str, Any],
    why: str,
    source: str,
) -> dict[str, Any]:
    kind = re.match(r"official|peer|layout|forged", source)
    if kind is None:
        raise ValueError(f"{name}: {source}")
    return {
        "name": name,
        "platform": name.partition("/")[0],
        "way": way,
        "group": group,
        "why": " ".join(why.split()),
        "source": {"kind": kind[0], "text": " ".join(source.split())},
        "input": sent,
        "keys": keys,
        "now": now,
        "expect": expect,
    }


def _own(made: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield cases that no vector has: other signature schemes, WeChat's messages, and watermarks far from now."""
    genuine = made["alipay/envelope-success-mainland"]
    response = json.loads(genuine["input"])["response"]
    content = f'"{response}"'.encode()
    key = serialization.load_pem_private_key((HERE / "throw-away.pem").read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("throw-away.pem")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = {**genuine["keys"], "alipay_public_key": base64.b64encode(public).decode("ascii")}
    pkcs1 = padding.PKCS1v15()
    mismatch, ours = "trust.signature-mismatch", genuine["keys"]
    schemes = (
        ("sign-sha256", hashes.SHA256(), keys, "", "The scheme of the cases beside it, as it should be."),
        (
            "sign-md5_fail",
            hashes.MD5(),
            keys,
            mismatch,
            "MD5: a verifier that asks the signature for the hash takes it.",
        ),
        ("sign-sha512_fail", hashes.SHA512(), keys, mismatch, "SHA-512: the message does not choose the hash."),
        ("sign-attackers-key_fail", hashes.SHA256(), ours, mismatch, "Well signed, with a key that is not Alipay's."),
    )
    for name, hash_, used, code, why in schemes:
        sign = base64.b64encode(key.sign(content, pkcs1, hash_)).decode("ascii")
        sent = json.dumps({"response": response, "sign": sign}, separators=(",", ":"))
        expect = _refusal(code) if code else genuine["expect"]
        group = "unproven" if code else "genuine"
        yield _case(f"alipay/envelope-{name}", "envelope", group, sent, used, genuine["now"], expect, why, FORGED)
    three, root = messages.forged_for_exponent_three(content, key.public_key().public_numbers().n)
    sent = json.dumps({"response": response, "sign": root}, separators=(",", ":"))
    why = (
        "A cube root in place of a signature, for a public key with exponent 3: what follows the hash is not looked at."
    )
    keys = {**ours, "alipay_public_key": three}
    name, refused = "alipay/envelope-sign-cube-root_fail", _refusal(mismatch)
    yield _case(name, "envelope", "unproven", sent, keys, genuine["now"], refused, why, FORGED)
    for name, way, group, sent, keys, now, reason, why in (
        *messages.pushes(),
        *messages.secured(HERE / "throw-away.pem"),
    ):
        accepted = {"ticket": messages.TICKET} if way == "push" else genuine["expect"]
        expect = _refusal(reason) if reason else accepted
        if group == "strictness":
            expect = {"either": messages.TICKET, "reason": reason}
        yield _case(f"wechat/{name}", way, group, sent, keys, now, expect, why, FORGED)
    for row in bodies.rows():
        yield _case(
            row.name, "request", row.group, row.input(), row.front.keys, bodies.NOW, row.expect(), row.why, row.origin
        )
    sealed = made["wechat/session-key-mainland"]
    for name, days, why in (
        ("watermark-of-last-month_fail", 30, "The number was handed out thirty days ago: a capture, played back."),
        ("watermark-of-tomorrow_fail", -1, "The watermark is of tomorrow."),
    ):
        now = sealed["now"] + days * DAY
        refusal = _refusal("trust.cannot-open")
        yield {
            **sealed,
            "name": f"wechat/session-key-{name}",
            "group": "stale",
            "now": now,
            "why": why,
            "expect": refusal,
        }


def text(case: dict[str, Any]) -> str:
    """Return the text of a case's file."""
    return json.dumps(case, ensure_ascii=False, indent=2) + "\n"


def write() -> int:
    """Write all cases, remove those that are no longer made, and return how many there are."""
    made = make()
    for path in (HERE / "cases").glob("*/*/case.json"):
        if f"{path.parent.parent.name}/{path.parent.name}" not in made:
            path.unlink()
            path.parent.rmdir()
    for name, case in made.items():
        folder = HERE / "cases" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "case.json").write_text(text(case), "utf-8", newline="\n")
    return len(made)
