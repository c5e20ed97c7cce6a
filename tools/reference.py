"""The reference of the Python API, made from docstrings: docs/reference.md and its translation; see ``tools/pages.py``.

Every public name is on the page, with its signature, and every error that it raises, linked to the page of its code.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from haoma.errors import BY_CODE

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = {"en": ROOT / "docs" / "reference.md", "zh": ROOT / "docs" / "reference.zh-CN.md"}
MODULES: Final = (
    "haoma", "haoma.accounts", "haoma.tokens", "haoma.id_tokens", "haoma.sms", "haoma.webhooks", "haoma.service",
    "haoma.simulator",
)  # fmt: skip
"""Modules for users, in the order of the page."""
_HEAD: Final = {
    "en": "# Python reference\n\n**English** · [简体中文](reference.zh-CN.md)\n\nWritten from the docstrings. "
    "Each error is a class in `haoma.errors` with the attributes of `HaomaError`; its code leads "
    "to cause and remedy.\n",
    "zh": "# Python 接口参考\n\n[English](reference.md) · **简体中文**\n\n"
    "由代码里的文档字符串生成，因此是英文。每个错误都是 `haoma.errors` 里的一个类，"
    "带有 `HaomaError` 的属性；点错误码可以看到原因和办法。\n",
}
_ROLE: Final = re.compile(r"(?<!`)`([A-Za-z_.]+)`(?!`)")
_QUOTED: Final = re.compile(r"(: |-> )'([^']*)'")
_MODULE: Final = re.compile(r"haoma\.(?:\w+\.)+(\w+)")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+(?=>)")
_CODE: Final = re.compile(r"``([a-z]+\.[a-z0-9-]+)``")
_SECTIONS: Final = ("Args", "Attributes", "Returns", "Raises", "Yields", "Raises at the yield")


def reference(lang: str) -> str:
    """Return the page."""
    return _HEAD[lang] + "".join(_module(name) for name in MODULES)


def _module(name: str) -> str:
    module = import_module(name)
    parts = [f"\n## {name}\n\n{_prose(_first(module))}\n"]
    for public, value in _public(module):
        parts.append(_entry(f"{name}.{public}", value, 3))
        if inspect.isclass(value) and not issubclass(value, BaseException):
            for method, function in vars(value).items():
                if not method.startswith("_") and (inspect.isfunction(function) or isinstance(function, classmethod)):
                    parts.append(_entry(f"{value.__name__}.{method}", getattr(value, method), 4))
    return "".join(parts)


def _public(module: Any) -> Iterator[tuple[str, Any]]:
    names = getattr(module, "__all__", None)
    if names is None:
        own = ((name, value) for name, value in vars(module).items() if not name.startswith("_"))
        names = [name for name, value in own if getattr(value, "__module__", "") == module.__name__]
    for name in sorted(names, key=str.lower):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value


def _entry(name: str, value: Any, level: int) -> str:
    signature = ""
    text = inspect.getdoc(value) or ""
    if inspect.isclass(value) and issubclass(value, Enum):
        text += "\n\n" + ", ".join(f"``{each.value}``" for each in value)
    elif not (inspect.isclass(value) and issubclass(value, BaseException)):
        try:
            signature = _ADDRESS.sub("", str(inspect.signature(value)))
            signature = _MODULE.sub(r"\1", _QUOTED.sub(r"\1\2", signature))
        except ValueError:
            signature = "(…)"
    own = getattr(value, "code", "") if inspect.isclass(value) else ""
    code = f" · {_linked(own)}" if own in BY_CODE else ""
    shown = f"\n```text\n{name.rpartition('.')[2]}{_broken(signature)}\n```\n" if signature else ""
    return f"\n{'#' * level} {name}\n{shown}\n{_body(text)}{code}\n"


def _broken(signature: str) -> str:
    """Return a signature with one parameter a line if it is long."""
    if len(signature) <= 88:
        return signature
    inside, _, after = signature[1:].rpartition(")")
    parts, depth, piece = [], 0, ""
    for letter in inside:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(piece.strip())
            piece = ""
        else:
            piece += letter
    parts.append(piece.strip())
    return "(\n" + "".join(f"    {part},\n" for part in parts if part) + ")" + after


def _first(module: Any) -> str:
    return (inspect.getdoc(module) or "").partition("\n\n")[0]


def _body(text: str) -> str:
    """Return a docstring in Google's style as Markdown."""
    lines, found, section = text.splitlines(), [], ""
    for line in lines:
        head = line.strip().removesuffix(":")
        if line.endswith(":") and not line.startswith(" ") and head in _SECTIONS:
            section = head
            found += ["", f"**{head}**", ""]
        elif section and line.startswith("    ") and not line.startswith("     "):
            name, colon, rest = line.strip().partition(": ")
            found.append(f"- `{name}`: {_prose(rest)}" if colon and len(name) < 60 else f"- {_prose(line.strip())}")
        elif section and line.startswith("     "):
            found[-1] += f" {_prose(line.strip())}"
        else:
            section = "" if line and not line.startswith(" ") else section
            found.append(line if line.startswith("    ") else _prose(line))
    return re.sub(r"::\n", ":\n", "\n".join(found)).strip()


def _prose(text: str) -> str:
    """Return text of a docstring as Markdown: codes are links, names are code."""
    text = _CODE.sub(lambda found: _linked(found[1]), text)
    return re.sub(r"``([^`]+)``", r"`\1`", _ROLE.sub(r"`\1`", text)).replace("<", "\\<")


def _linked(code: str) -> str:
    has_page = code in BY_CODE and (ROOT / "docs" / "errors" / f"{code}.md").exists()
    return f"[`{code}`](errors/{code}.md)" if has_page else f"`{code}`"
