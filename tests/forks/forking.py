"""Forks again and again while threads of the parent are busy, and counts what the children are told.

``python forking.py URL --rounds 200 --children 6 --client sync --ca-file ca.pem``: each round forks the children, which
all begin at one moment. Prints a JSON object that counts ``right``, ``wrong``, ``hung`` and other outcomes.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import select
import signal
import threading
import time
import warnings
from typing import Any

import haoma
from haoma.settings.reader import from_mapping

_HANGS = 20.0
_codes = iter(range(10**9))


def outcome(client: Any, code: str) -> str:
    asked = client.get_phone_number("shop", {"code": code})
    found = asyncio.run(asked) if asyncio.iscoroutine(asked) else asked
    return "right" if found.e164 == "+86" + code.rpartition("-")[2] else "wrong"


def tried(client: Any, code: str) -> str:
    try:
        return outcome(client, code)
    except haoma.HaomaError as error:
        return error.code


def fork(client: Any, number: int, begin: float) -> tuple[int, int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    try:
        time.sleep(max(0.0, begin - time.monotonic()))
        found = [tried(client, f"child{number}-{13900000000 + number * 10 + each}") for each in range(2)]
        os.write(writer, json.dumps(found).encode())
    finally:
        os._exit(0)


def join(child: int, reader: int) -> list[str]:
    ready, _, _ = select.select([reader], [], [], _HANGS)
    found = os.read(reader, 4096) if ready else b""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    return json.loads(found) if found else ["hung" if not ready else "died"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--children", type=int, default=6)
    parser.add_argument("--client", choices=["sync", "async"], default="sync")
    parser.add_argument("--ca-file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = from_mapping(
        {
            "allow_insecure_upstreams": True,
            **({"ca_file": options.ca_file} if options.ca_file else {}),
            "apps": {
                "shop": {
                    "platform": "wechat",
                    "app_id": "wx0000000000000000",
                    "app_secret": "0" * 32,
                    "api_base_url": options.url,
                }
            },
        }
    )
    client = (haoma.Client if options.client == "sync" else haoma.AsyncClient)(settings)
    counts: collections.Counter[str] = collections.Counter()
    ended = threading.Event()

    def busy(number: int) -> None:
        while not ended.is_set():
            counts[tried(client, f"parent{next(_codes)}-{13700000000 + number}")] += 1

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for round_ in range(options.rounds):
            begin = time.monotonic() + 0.03
            children = [fork(client, round_ * options.children + each, begin) for each in range(options.children)]
            for child, reader in children:
                counts.update(join(child, reader))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
