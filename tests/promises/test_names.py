"""Whose name stands where: what is common to the platforms names none of them.

What a platform is stands in its folder (`haoma.platforms.base.contract`). Comments are not counted: they give reasons
and sources.
"""

import ast
import re
from pathlib import Path

from haoma.platforms.registry import PLATFORMS

PACKAGE = Path(__file__).parents[2] / "src" / "haoma"
NAME = re.compile("|".join(PLATFORMS), re.IGNORECASE)

CODE = {
    "platforms/registry.py": "the line by which a platform is added",
    "cli/__init__.py": "the command that one platform alone has",
    "cli/alipay_aes_key.py": "the command that one platform alone has",
    "doctor/mini_program/dart.py": "the name of a component that others publish",
    "doctor/mini_program/sources.py": "the name of a folder that others publish",
    "pytest_plugin.py": "the platform that most teams begin with",
}
"""Files whose code or texts name a platform, and why."""

PROSE = {
    "__init__.py": "an example",
    "catalogue.py": "examples of codes",
    "cli/alipay_aes_key.py": "the command that one platform alone has",
    "cli/explaining.py": "examples of codes",
    "cli/opening.py": "what it opens",
    "client.py": "an example",
    "crypto/chain.py": "whose rules they are",
    "crypto/keys.py": "whose formats they are",
    "crypto/signing.py": "whose signature it is",
    "errors.py": "examples",
    "integrations/django/testing.py": "an example",
    "integrations/django/users.py": "the rule, where people copy from",
    "integrations/users.py": "whose envelopes can be replayed",
    "io/http.py": "a reason",
    "pytest_plugin.py": "an example",
    "settings/reader.py": "examples",
    "simulator/running.py": "an example",
    "steps.py": "a reason",
    "verified.py": "examples",
}
"""Files whose docstrings name one, and why."""


def named(tree):
    """How often the code and its texts, and how often the docstrings of a module name a platform."""
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    counted = {"code": 0, "prose": 0}
    for node in ast.walk(tree):
        for _field, value in ast.iter_fields(node):
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):  # names of variables, functions, attributes, modules; texts
                    counted["prose" if id(node) in prose else "code"] += len(NAME.findall(text))
    return counted


def test_no_file_outside_a_platforms_folder_names_one():
    """A platform is added, and taken away, without a change to what is common. These files alone name one."""
    found: dict[str, dict[str, int]] = {"code": {}, "prose": {}}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if not any(module.startswith(f"platforms/{name}/") for name in PLATFORMS):
            for kind, count in named(ast.parse(path.read_text("utf-8"))).items():
                found[kind] |= {module: count} if count else {}
    assert found["code"].keys() == CODE.keys()
    assert found["prose"].keys() <= PROSE.keys()


def test_an_app_is_asked_only_for_what_the_contract_declares():
    """Outside of the folders nobody tries whether an app has an attribute, and nobody makes up a module's name."""
    tried, loads = set(), set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if any(module.startswith(f"platforms/{name}/") for name in PLATFORMS):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            if isinstance(node, ast.Call) and name in ("getattr", "hasattr", "vars"):
                tried |= {module for each in node.args[:1] if "app" in ast.unparse(each).lower().split(".")}
            loads |= {module} if name in ("import_module", "_import_module", "find_spec") else set()
    assert tried == set()
    assert loads <= {
        "__init__.py",
        "doctor/mini_program/syntax.py",
        "io/http.py",
        "platforms/registry.py",
        "store/opening.py",
    }


def test_names_are_counted():
    """In a variable, a function, a class, an import, a text, a part of an f-string and a docstring; not in comments."""
    source = '"""WeChat."""\nimport haoma.wechat as w\ndef of_wechat(wechat): return a.wechat, "x wechat", f"{w} wechat"\n# wechat'
    assert named(ast.parse(source)) == {"code": 6, "prose": 1}
