"""The contract of the integrations, against the servers that people run: see `support.contract`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from support import contract
from support.web_servers import MORE, SERVERS, Server, Web, serving

LEAST = 80
"""Requests that each server has to answer."""


def chosen() -> tuple[Server, ...]:
    """Return one server for each framework, or all of them in ``make integrations``."""
    return (*SERVERS, *MORE) if os.environ.get("HAOMA_ALL_SERVERS") else SERVERS


@pytest.fixture(scope="module", params=chosen(), ids=str)
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A running server."""
    with serving(request.param, tmp_path_factory.mktemp("web")) as found:
        yield found


def test_what_is_refused(web: Web) -> None:
    """Whatever is sent, the answer is the right refusal, and the server answers the next one."""
    for request in contract.REQUESTS:
        request.run(web)


def test_what_platforms_say(web: Web) -> None:
    """A refusal of a platform is the answer that its error says."""
    for platform, scene in contract.SCENES:
        contract.play(web, platform, scene)


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
def test_stories(web: Web, story: Callable[[Web], None]) -> None:
    """The stories of the contract."""
    story(web)


def test_what_was_written(web: Web) -> None:
    """It was enough to be a contract, and no log has a number."""
    if not web.requests:  # run alone
        test_what_is_refused(web)
        contract.crowd(web)
    assert web.requests >= LEAST
    contract.canaries(web)
