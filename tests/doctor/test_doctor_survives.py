"""Captures, folders and files that were made to be broken end in a diagnosis."""

import os
import subprocess

import pytest

from haoma.doctor.captures.capture import kinds
from haoma.doctor.captures.inspect import inspect as look
from haoma.doctor.configuration.offline import examine
from haoma.doctor.mini_program.scan import scan
from haoma.errors import ConfigFaults
from haoma.settings.reader import load


@pytest.mark.parametrize(
    "sent",
    ["https://[::1?code=x", "GET https://[/?iv=1", "/p?" + "&".join(f"a{n}=1" for n in range(99)) + "&code=x",
     "trust.cannot-open step=\u00b2", "trust.cannot-open step=" + "9" * 5000, '{"errno": ' + "9" * 5000 + "}"],
    ids=range(6),
)  # fmt: skip
def test_captures(sent):
    """Addresses that are none, too many fields, digits that are no number, and numbers without end."""
    looked = look(sent.encode(), now=0.0)
    assert looked.kind in kinds()
    assert looked.found


def test_a_thousand_folders_in_each_other(tmp_path):
    """What is found at the bottom is told; a folder too deep to open is counted."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    file = os.open("p.js", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"const appSecret = '0123456789abcdef0123456789abcdef'")
    os.close(file)
    os.close(here)
    try:
        assert "doctor.secret-in-front-end" in {each.code for each in scan(tmp_path)}
    finally:  # nothing that calls itself for each folder could remove them, pytest included
        subprocess.run(["rm", "-rf", str(tmp_path / "a")], check=True)


def test_a_number_without_end_in_a_file(tmp_path):
    """Python reads none of more than some thousand digits."""
    path = tmp_path / "haoma.toml"
    path.write_text("x = " + "9" * 5000)
    with pytest.raises(ConfigFaults, match=r"config\.not-toml"):
        load(path)
    assert "config.not-toml" in {each.code for each in examine(str(path))[2]}


def test_lists_that_share_their_items(tmp_path):
    """A list of nine that holds a list of nine, nine deep, has a billion parts; what is sent is looked at all the same."""
    program = (
        "let s = [e, e, e, e, e, e, e, e, e];" + "s = s.map(x => s);" * 9 + "wx.request({url: 'https://a', data: s})"
    )
    (tmp_path / "i.wxml").write_text('<button open-type="getPhoneNumber" bindgetphonenumber="h">x</button>')
    (tmp_path / "i.js").write_text(f"Page({{h(e) {{ {program} }}}})")
    assert {each.file for each in scan(tmp_path)} <= {"i.wxml", "i.js", ""}
