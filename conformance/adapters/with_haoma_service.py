"""Tests haoma's service over HTTP: one case per line on stdin, one answer per line on stdout.

The service is the ASGI application of ``haoma.service`` on a socket; the platforms that it asks are on another. Only
its clock is not real: it shows the time of the case.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
import time
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from upstreams import Platforms, body_of, settings

from haoma.io import clock
from haoma.service import create_app
from haoma.settings.reader import from_mapping

KEY = "0123456789-server-key-of-the-cases"
FACTS = ("field", "also", "needed")


class Served:
    """The service and the platforms, each behind a port of this machine."""

    def __init__(self) -> None:
        self._platforms: Platforms | None = None
        outer = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                assert outer._platforms is not None
                status, answer = outer._platforms.answer(self.path, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST  # noqa: N815 - the name is the standard library's

            def log_message(self, *_args: object) -> None:
                """Write nothing."""

        there = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        there.daemon_threads = True
        threading.Thread(target=there.serve_forever, daemon=True).start()
        self._there = f"http://127.0.0.1:{there.server_address[1]}"
        self._apps: dict[str, Any] = {}
        self._service: Any = None
        self._open = AsyncExitStack()
        server = uvicorn.Server(
            uvicorn.Config(self._route, port=0, log_level="critical", lifespan="off", interface="asgi3")
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_until_complete, args=(server.serve(),), daemon=True).start()
        while not server.started:
            time.sleep(0.005)
        self._here = http.client.HTTPConnection(*server.servers[0].sockets[0].getsockname())

    async def _route(self, scope: Any, receive: Any, send: Any) -> None:
        await self._service(scope, receive, send)

    async def _serve(self, apps: dict[str, Any]) -> None:
        await self._open.aclose()
        table = {name: settings(app, self._there) for name, app in apps.items()}
        self._service = create_app(from_mapping({
            "allow_insecure_upstreams": True,
            "service": {"server_keys": [KEY], "log_level": "error"},
            "store": {"database_url": "memory"},
            "apps": table,
        }))  # fmt: skip
        await self._open.enter_async_context(self._service.running())

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a case, at its time."""
        clock.forge_now(case["now"] - time.time())
        try:
            return self._answer(case)
        finally:
            clock.forge_now(0.0)  # a test has others in the same process

    def _answer(self, case: dict[str, Any]) -> dict[str, Any]:
        if case["keys"]["apps"] != self._apps:
            self._apps = case["keys"]["apps"]
            asyncio.run_coroutine_threadsafe(self._serve(self._apps), self._loop).result(30)
        self._platforms = platforms = Platforms(case)
        sent = case["input"]
        path = f"/v1/apps/{sent['app']}/phone-number" + (f"?{sent['query']}" if sent["query"] else "")
        headers = {"authorization": f"Bearer {KEY}", "content-type": sent["content_type"]}
        self._here.request(sent["method"], path, body_of(case), {name: text for name, text in headers.items() if text})
        answer = self._here.getresponse()
        found = json.loads(answer.read())
        if answer.status == 200:
            reading = {**platforms.reading(), "app": found["app"]}
            return {"phone_number": found["phone_number"], "reading": reading}
        because = found.get("because", {})
        facts = {name: because[name] for name in FACTS if name in because}
        return {"refused": found["code"], **({"facts": facts} if facts else {})}


def judge(case: dict[str, Any], served: list[Served] = []) -> dict[str, Any]:  # noqa: B006 - one for the process
    """Return the answer to a case."""
    if case["way"] != "request":
        return {"unsupported": True}
    if not served:
        served.append(Served())
    return served[0].ask(case)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
