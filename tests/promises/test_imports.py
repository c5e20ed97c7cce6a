"""Imports flow one way, and what only one module may do is done nowhere else."""

import ast
import functools
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "haoma"


@functools.cache
def trees():
    """The syntax of every module, by its path."""
    modules = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in modules}


def calls(name, *, bare=False):
    """The modules that call a name, or an attribute of that name; with ``bare`` only calls without arguments."""
    return {
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and not (bare and (node.args or node.keywords))
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) == name
    }


def imports(*names):
    """The modules that import one of the names, or something of it."""
    found = set()
    for module, tree in trees().items():
        for node in ast.walk(tree):
            listed = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            listed += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(each == name or each.startswith(f"{name}.") for each in listed for name in names):
                found.add(module)
    return found


def test_import_contracts():
    """The contracts in pyproject.toml hold."""
    lint = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_every_layer_is_in_the_contract():
    """No module of the package stands outside of the layers, where nothing would watch it."""
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = {name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")}
    tops = {f"haoma.{module.partition('/')[0].removesuffix('.py')}" for module in trees()}
    assert tops - {"haoma.__init__", "haoma.__main__"} == layers


@pytest.mark.parametrize(
    "name, allowed",
    [
        ("VerifiedPhone", {"authorize.py"}),
        ("SignedMessage", {"platforms/alipay/verify.py"}),
        (
            "Finding",
            {
                "platforms/alipay/flow.py",
                "platforms/baidu/flow.py",
                "platforms/douyin/flow.py",
                "platforms/kuaishou/flow.py",
                "platforms/dingtalk/flow.py",
                "platforms/huawei/flow.py",
                "platforms/wechat/flow.py",
            },
        ),
    ],
)
def test_trust_is_built_in_one_place(name, allowed):
    """What must be believed is constructed only where it is verified."""
    assert calls(name) == allowed


REVEALING = {
    "authorization.py": "the fingerprint of a request",
    "authorize.py": "the key of a session in memory",
    "cli/asking.py": "a file of the operator's, and its digest",
    "doctor/codes.py": "comparing the two codes of a capture",
    "io/memory.py": "the keyed digest of what was claimed",
    "session_keys.py": "opening with it, and counting the tries that it has",
    "secret.py": "scrubbing it out of the platform's words",
    "platforms/wechat/app.py": "the shape of the AppSecret",
    "platforms/alipay/gateway.py": "sent to Alipay",
    "platforms/alipay/login.py": "sent to Alipay",
    "platforms/dingtalk/fetch.py": "sent to DingTalk",
    "platforms/huawei/fetch.py": "sent to Huawei",
    "platforms/baidu/login.py": "sent to Baidu",
    "platforms/baidu/token.py": "sent to Baidu",
    "platforms/douyin/fetch.py": "sent to Douyin",
    "platforms/douyin/login.py": "sent to Douyin",
    "platforms/douyin/token.py": "sent to Douyin",
    "platforms/kuaishou/login.py": "sent to Kuaishou",
    "platforms/wechat/fetch.py": "sent to WeChat",
    "platforms/wechat/login.py": "sent to WeChat",
    "platforms/wechat/component.py": "sent to WeChat",
    "platforms/wechat/grant.py": "sent to WeChat",
    "platforms/wechat/push.py": "checking a signature with it",
    "platforms/wechat/session.py": "signing with it",
    "platforms/wechat/token.py": "sent to WeChat",
}


def test_secrets_are_revealed_in_few_places():
    """The value of a secret is taken out only where it is sent, hashed or scrubbed; a new place has to be listed."""
    assert calls("reveal", bare=True) == set(REVEALING)


def test_only_the_clock_reads_a_clock():
    """Time comes in as an argument, from one module."""
    assert {module for module in imports("time") if not module.startswith(("service/", "simulator/"))} <= {
        "io/clock.py",
        "io/blocking.py",  # sleeps
        "io/http.py",  # sleeps
    }


def test_the_service_never_imports_the_simulator():
    """What forges is not reachable from what runs in production."""
    assert not {module for module in imports("haoma.simulator") if module.startswith("service/")}
    assert not {
        module
        for module in imports("haoma.crypto.forging")
        if not module.startswith("simulator/") and not module.endswith("mirror.py") and module != "mirroring.py"
    }
