"""The transit engine of Vault and OpenBao over HTTP, as far as haoma uses it, with their words for what is wrong.

Sources: OpenBao's website/content/api-docs/secret/transit.mdx and index.mdx, builtin/logical/transit/path_datakey.go
and path_decrypt.go, sdk/helper/keysutil/policy.go.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROUTE = re.compile(r"/v1/(?P<mount>[\w/-]+?)/(?P<verb>decrypt|datakey/(?P<kind>\w+))/(?P<name>[\w.-]+)")
TOO_OLD = "ciphertext or signature version is disallowed by policy (too old)"


class Refused(Exception):
    """An answer with errors."""

    def __init__(self, told: str, status: int = 400) -> None:
        super().__init__(told)
        self.status = status


class Vault:
    """A Vault that listens while entered.

    Attributes:
        token: The only token that it knows.
        sealed: Whether it is sealed.
        standby: Whether it sends clients to another node.
        may: What the token's policy allows: ``decrypt``, ``datakey/wrapped``, ``datakey/plaintext``.
        least: ``min_decryption_version`` of the key.
        asked: Method and path of every request that arrived.
        garbage: If set, the body of every answer.
    """

    def __init__(self, *, name: str = "haoma", mount: str = "transit", tls: ssl.SSLContext | None = None) -> None:
        self.token = f"hvs.{os.urandom(18).hex()}"
        self.name = name
        self.mount = mount
        self.sealed = self.standby = False
        self.may = {"decrypt", "datakey/wrapped"}
        self.least = 0
        self.asked: list[str] = []
        self.garbage: bytes | None = None
        self._versions = [os.urandom(32)]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.address = f"{'http://127.0.0.1' if tls is None else 'https://localhost'}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def rotate(self) -> None:
        """Make a new version of the key, as `POST /transit/keys/:name/rotate`."""
        self._versions.append(os.urandom(32))

    def wrap(self, secret: bytes) -> str:
        """Return a ciphertext, as `POST /transit/encrypt/:name`."""
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self._versions[-1]).encrypt(nonce, secret, None)
        return f"vault:v{len(self._versions)}:{base64.b64encode(sealed).decode()}"

    def settings(self, **more: object) -> dict[str, object]:
        """Return the table ``[accounts.vault]`` for it."""
        return {"address": self.address, "token": self.token, "key": self.name, "mount": self.mount, **more}

    # --- answers ---

    def _answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            found = self._allowed(method, path, token)
            sent = json.loads(body) if body else {}
            data = self._decrypt(found["name"], sent) if found["kind"] is None else self._data_key(found, sent)
        except Refused as refused:
            return refused.status, {"errors": [str(refused)]}
        return 200, {
            "request_id": str(uuid.uuid4()), "lease_id": "", "renewable": False, "lease_duration": 0, "data": data,
            "wrap_info": None, "warnings": None, "auth": None, "mount_type": "transit",
        }  # fmt: skip

    def _allowed(self, method: str, path: str, token: str | None) -> re.Match[str]:
        if self.sealed:
            raise Refused("Vault is sealed", 503)
        if not token:
            raise Refused("missing client token")
        if token != self.token:
            raise Refused("permission denied", 403)
        found = ROUTE.fullmatch(path)
        if found is None or found["mount"] != self.mount:
            raise Refused(f'no handler for route "{path.removeprefix("/v1/")}". route entry not found.', 404)
        if found["verb"] not in self.may:
            raise Refused("1 error occurred:\n\t* permission denied\n\n", 403)
        if method not in {"POST", "PUT"}:
            raise Refused("unsupported operation", 405)
        return found

    def _decrypt(self, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        ciphertext = sent.get("ciphertext", "")
        if not ciphertext:
            raise Refused("missing ciphertext to decrypt")
        if name != self.name:
            raise Refused("encryption key not found")
        if not ciphertext.startswith("vault:v"):
            raise Refused("invalid ciphertext: no prefix")
        version, colon, sealed = ciphertext.removeprefix("vault:v").partition(":")
        if not colon:
            raise Refused("invalid ciphertext: wrong number of fields")
        if int(version) > len(self._versions):
            raise Refused("invalid ciphertext: version is too new")
        if int(version) < self.least:
            raise Refused(TOO_OLD)
        try:
            raw = base64.b64decode(sealed, validate=True)
            plain = AESGCM(self._versions[int(version) - 1]).decrypt(raw[:12], raw[12:], None)
        except ValueError:
            raise Refused("invalid ciphertext: could not decode base64") from None
        except InvalidTag:
            raise Refused("cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    def _data_key(self, found: re.Match[str], sent: dict[str, Any]) -> dict[str, Any]:
        if found["kind"] not in {"plaintext", "wrapped"}:
            raise Refused("Invalid path, must be 'plaintext' or 'wrapped'")
        if found["name"] != self.name:
            raise Refused("encryption key not found")
        bits = sent.get("bits", 256)
        if bits not in {128, 256, 512}:
            raise Refused("invalid bit length")
        secret = os.urandom(bits // 8)
        plain = {"plaintext": base64.b64encode(secret).decode()} if found["kind"] == "plaintext" else {}
        return {"ciphertext": self.wrap(secret), "key_version": len(self._versions), **plain}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                vault.asked.append(f"{self.command} {self.path}")
                if vault.standby:
                    self.send_response(307)
                    self.send_header("location", f"https://active.example{self.path}")
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                status, answer = vault._answer(self.command, self.path, self.headers.get("x-vault-token"), body)
                text = json.dumps(answer).encode() if vault.garbage is None else vault.garbage
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("cache-control", "no-store")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = _handle  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler
