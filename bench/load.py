"""A load generator in a process of its own: keep-alive connections that repeat the same request.

It reads one JSON object per line: {"port", "request", "answer", "seconds"}. It answers {"requests", "seconds", "busy"},
where ``busy`` is the share of the time in which this process was working. Every answer must end with ``answer``.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from time import perf_counter, process_time

CONNECTIONS = 32


def run(port: int, request: bytes, answer: bytes, seconds: float) -> dict[str, float]:
    """Keep `CONNECTIONS` requests in flight, and count the answers within ``seconds``."""
    with selectors.DefaultSelector() as selector:
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, (connection, bytearray()))
            connection.sendall(request)
        count = 0
        started, worked = perf_counter(), process_time()
        while (now := perf_counter()) < started + seconds:
            for key, _ in selector.select(1.0):
                connection, received = key.data
                received += connection.recv(65536)
                if not received.endswith(answer):
                    if len(received) > 4096 or not received:
                        raise AssertionError(bytes(received))  # a wrong answer, or the connection was closed
                    continue
                if not received.startswith(b"HTTP/1.1 200"):
                    raise AssertionError(bytes(received))
                received.clear()
                connection.sendall(request)
                count += 1
        worked = process_time() - worked
        for connection in connections:
            connection.close()
    return {"requests": count, "seconds": now - started, "busy": worked / (now - started)}


def main() -> None:
    """Answer line by line."""
    for line in sys.stdin:
        asked = json.loads(line)
        done = run(asked["port"], asked["request"].encode(), asked["answer"].encode(), asked["seconds"])
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
