"""The whole system: a simulator, and the service as a process that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haoma.simulator import Simulator
from support.live import Service, tables


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    apps = simulator.stage.settings(simulator.url)["apps"]
    # The same mini program under another address: nothing is known of it, not even a token.
    apps["herd"] = {**apps["wechat"], "api_base_url": simulator.url.replace("127.0.0.1", "localhost")}
    # All tests call from one address: none may be refused for what another has tried.
    with Service(tmp_path_factory.mktemp("service"), tables(apps), log_level="debug", refused_limit=1000) as service:
        yield service
