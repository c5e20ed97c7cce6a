"""The files of a configuration, remembered: what is in use can be read again, whatever became of them."""

from __future__ import annotations

import copy
import os
import ssl
from pathlib import Path

import pytest
import trustme

from haoma.errors import ConfigFaults
from haoma.io.tls import read_trust
from haoma.settings.reader import load, load_from
from haoma.settings.sources import Sources

KEY = "server-key-0123456789abcdefghij"
TOML = """ca_file = "ca.pem"
[service]
server_keys = { file = "key" }
[policies."2026-01"]
file = "text"
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = { env = "SHOP_SECRET" }
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_SECRET", "0123456789abcdef" * 2)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "text").write_text("May we have your number?")
    (tmp_path / "haoma.toml").write_text(TOML)
    return tmp_path / "haoma.toml"


def elsewhere(sources: Sources) -> Sources:
    """Return them as another process gets them."""
    return copy.copy(sources)


def test_another_process_reads_no_file(config: Path) -> None:
    """It has the same settings and trusts the same authorities after all files are spoiled."""
    sources = Sources()
    before = load_from(sources, config, serving=True)
    for name in ("ca.pem", "key", "text", "haoma.toml"):
        (config.parent / name).write_text("[rubbish")
    there = elsewhere(sources)
    assert there.now == sources.now  # a certificate that expires meanwhile is still in use
    after = load_from(there, config, serving=True)
    assert after.service.keys == before.service.keys
    assert after.apps["shop"].policy == before.apps["shop"].policy
    assert after.ca_file == before.ca_file == str(config.parent / "ca.pem")
    assert read_trust(after.ca_file).get_ca_certs() == read_trust(before.ca_file).get_ca_certs() != []
    with pytest.raises(ssl.SSLError):
        read_trust(str(after.ca_file))
    with pytest.raises(ConfigFaults):
        load(config, serving=True)


def test_a_file_that_was_not_there_does_not_appear(config: Path) -> None:
    there = elsewhere(Sources())
    with pytest.raises(ConfigFaults) as refused:
        load_from(there, config, serving=True)
    assert [fault.code for fault in refused.value.faults] == ["config.file-missing"]


def test_two_readings_differ_by_what_they_found(config: Path) -> None:
    first, second, third = Sources(), Sources(), Sources()
    load_from(first, config)
    os.utime(config)
    load_from(second, config)
    (config.parent / "key").write_text(KEY[::-1])
    load_from(third, config)
    assert first.digest == second.digest != third.digest


def test_nothing_of_them_is_shown(config: Path) -> None:
    sources = Sources()
    load_from(sources, config)
    assert repr(sources) == "Sources(4 files)"
    assert KEY not in sources.digest
