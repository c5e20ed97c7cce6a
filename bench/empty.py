"""The yardstick of the HTTP part: a route that does nothing, on the same server and framework as the service."""

from __future__ import annotations

import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from litestar import Litestar, Response, post

BODY = b'{"status":"ok"}'


@post("/v1/apps/shop/phone-number", status_code=200)
async def empty() -> Response[bytes]:
    """Answer."""
    return Response(BODY, media_type="application/json")


app = Litestar([empty], openapi_config=None, logging_config=None)


def main(port: int) -> None:
    """Serve with one worker, as ``haoma serve`` does."""
    Granian(
        "bench.empty:app",
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
