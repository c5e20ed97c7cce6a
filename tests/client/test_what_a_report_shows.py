"""What reports errors shows the variables of each frame: none of ours holds what the user has sent."""

from __future__ import annotations

import asyncio
from types import TracebackType

import pytest

import haoma
from haoma.errors import HaomaError

SENT = {"login_code": "a-login-code-of-a-user", "authorization": {"code": "a-phone-code-of-a-user"}}


def shown(error: BaseException) -> str:
    """Return the variables of the frames of haoma, as such a tool has them."""
    found, frames = [], error.__traceback__
    while isinstance(frames, TracebackType):
        if "/haoma/" in frames.tb_frame.f_code.co_filename:
            found.append(repr(frames.tb_frame.f_locals))
        frames = frames.tb_next
    assert found
    return "\n".join(found)


def app() -> haoma.App:
    return haoma.configure(
        "wechat",
        app_id="wx0123456789abcdef",
        app_secret="0123456789abcdef" * 2,
        api_base_url="http://127.0.0.1:1",
        allow_insecure_upstreams=True,
    )


@pytest.mark.filterwarnings("ignore::haoma.HaomaWarning")  # the address is plain http
def test_no_frame_holds_what_was_sent() -> None:
    """Neither with the sync client nor with the async one, by any verb."""
    with haoma.Client(app()) as client:
        for act in (
            lambda: client.get_phone_number("wechat", SENT),
            lambda: client.log_in("wechat", "a-login-code-of-a-user"),
        ):
            with pytest.raises(HaomaError) as caught:
                act()
            assert "of-a-user" not in shown(caught.value)

    async def asked() -> None:
        client = haoma.AsyncClient(app())
        for coming in (client.get_phone_number("wechat", SENT), client.log_in("wechat", "a-login-code-of-a-user")):
            with pytest.raises(HaomaError) as caught:
                await coming
            assert "of-a-user" not in shown(caught.value)
        await client.aclose()

    asyncio.run(asked())
