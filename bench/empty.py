"""The yardstick of the HTTP part: a route that does nothing, on the same server and framework as the service."""

from __future__ import annotations

import sys

import uvicorn
from litestar import Litestar, Response, post

from haoma.service.run.connection import Connection

BODY = b'{"status":"ok"}'


@post("/v1/apps/shop/phone-number", status_code=200)
async def empty() -> Response[bytes]:
    """Answer."""
    return Response(BODY, media_type="application/json")


app = Litestar([empty], openapi_config=None, logging_config=None)


def main(port: int) -> None:
    """Serve with one worker and the settings of ``haoma serve``."""
    uvicorn.run(
        app,
        port=port,
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
