"""A stand-in for WeChat in a process of its own: a code ``NAME-NUMBER`` is answered with the number that it names.

So whoever gets another number than the one in his code has got somebody else's answer. It shares no code with haoma.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import threading
import time
from pathlib import Path

APP_ID = "wx0000000000000000"


def answer(line: bytes, body: bytes, delay: float) -> dict[str, object]:
    if b"token" in line.split(b"?")[0]:
        return {"access_token": "T" * 64, "expires_in": 7200}
    number = json.loads(body)["code"].rpartition("-")[2]
    time.sleep(delay)
    watermark = {"timestamp": int(time.time()), "appid": APP_ID}
    phone = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": watermark}
    return {"errcode": 0, "errmsg": "ok", "phone_info": phone}


def serve(sock: socket.socket, tls: ssl.SSLContext | None, delay: float) -> None:
    try:
        with tls.wrap_socket(sock, server_side=True) if tls else sock as connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                length = 0
                while header := lines.readline().strip():
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                found = json.dumps(answer(line, lines.read(length), delay)).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(found), found))
    except OSError:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", type=Path, help="PEM of key and chain: speak TLS")
    parser.add_argument("--delay", type=float, default=0.02)
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], tls, options.delay), daemon=True).start()


if __name__ == "__main__":
    main()
