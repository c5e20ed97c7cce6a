"""The lines of a TOML file, whatever its style."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haoma.settings.lines import Lines

TEXT = '''# comment = 1
top = 1 # [not.a.table]
dotted . "quoted.key" = true
[apps.shop] # comment
platform = "ali # ] [ }"
keys = [
  "one", # , ]
  { file = "k" }, 'three',
  """
five = 5
[no.table]
"""
  ,
  [1, [2,
  3]],
]
inline = { a = 1, "b c" = { d = "}" }, e = [
  9] }
when = 1979-05-27 07:32:00
  [ "apps" . 'we.chat' ]
text = """"quoted\\""" still """""
raw = \'\'\'
x = 'y'
\'\'\'
empty = ""
"\\u00e9" = []
[[list]]
a = 1
[[list]]
b = 2
[service]
last = 1'''

EXPECTED = {
    "top": 2, "dotted": 3, "dotted.quoted.key": 3, "apps": 4, "apps.shop": 4, "apps.shop.platform": 5,
    "apps.shop.keys": 6, "apps.shop.keys.0": 7, "apps.shop.keys.1": 8, "apps.shop.keys.1.file": 8,
    "apps.shop.keys.2": 8, "apps.shop.keys.3": 9, "apps.shop.keys.4": 14, "apps.shop.keys.4.1.1": 15,
    "apps.shop.inline": 17, "apps.shop.inline.b c.d": 17, "apps.shop.inline.e.0": 18, "apps.shop.when": 19,
    "apps.we.chat": 20, "apps.we.chat.text": 21, "apps.we.chat.raw": 22, "apps.we.chat.empty": 25,
    "apps.we.chat.é": 26, "list": 29, "list.a": 28, "list.b": 30, "service": 31, "service.last": 32,
}  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines(newline):
    """Keys, tables and elements are found in every style that TOML has."""
    tomllib.loads(TEXT.replace("\n", newline))
    lines = Lines(TEXT.replace("\n", newline))
    assert {where: lines.of(where) for where in EXPECTED} == EXPECTED


def test_nearest():
    """What is not there has the line of the nearest table before it, or else the first."""
    lines = Lines(TEXT)
    assert lines.of("apps.shop.aes_key") == 4
    assert lines.of("service.server_keys.3") == 31
    assert lines.of("nothing.at.all") == 1
    assert Lines("").of("x") == 1


@given(st.text(alphabet="ab.[]{}\"'#=,\n\r\t \\10-", max_size=40))
def test_whatever_is_toml_can_be_read(text):
    """No valid document makes the scanner fail or run for ever, and every key of it has a line."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    known = lines._lines
    assert set(values) <= known.keys()
    assert all(1 <= line <= text.count("\n") + 1 for line in known.values())
