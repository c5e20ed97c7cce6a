"""Imports flow one way, and what only one module may do is done nowhere else."""

import ast
import functools
import inspect
import subprocess
import sysconfig
from pathlib import Path

import pytest

from haoma.errors import HaomaError

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


def test_platforms_are_strangers():
    """A platform's folder imports nothing of another's, and what they have in common imports no platform.

    It needs no list of platforms: to add one is a folder and a line, and that line names no module by an import.
    """
    for module, tree in trees().items():
        folder, _, rest = module.removeprefix("platforms/").partition("/")
        if not module.startswith("platforms/"):
            continue
        allowed = {"haoma.platforms.base"} | ({f"haoma.platforms.{folder}"} if rest else set())
        for node in ast.walk(tree):
            listed = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                listed += [f"{node.module}.{alias.name}" for alias in node.names]
            for name in listed:
                if name.startswith("haoma.platforms"):
                    assert ".".join(name.split(".")[:3]) in allowed, f"{module} imports {name}"


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
                "platforms/xiaohongshu/flow.py",
                "sms/__init__.py",
            },
        ),
    ],
)
def test_trust_is_built_in_one_place(name, allowed):
    """What must be believed is constructed only where it is verified."""
    assert calls(name) == allowed


REVEALING = {
    "platforms/base/access_tokens.py": "where the token that takes its place is kept",
    "authorization.py": "the fingerprint of a request",
    "authorize.py": "the key of a session in memory",
    "codecs.py": "the bytes of what is kept",
    "cli/alipay_aes_key.py": "a file of the operator's, and its digest",
    "doctor/captures/codes.py": "comparing the two codes of a capture",
    "io/memory.py": "the keyed digest of what was reserved",
    "store/decisions.py": "the keyed digest of what was reserved",
    "platforms/base/session_keys.py": "opening with it, and counting the tries that it has",
    "sms/__init__.py": "exchanging the login, and making the code",
    "sms/signing.py": "signing with it",
    "settings/sms.py": "how long it is",
    "id_tokens.py": "a subject that differs from audience to audience",
    "settings/issuer.py": "how long it is",
    "secret.py": "scrubbing it out of the platform's words",
    "platforms/wechat/app.py": "the shape of the AppSecret",
    "platforms/alipay/gateway.py": "sent to Alipay",
    "platforms/alipay/login.py": "sent to Alipay",
    "platforms/dingtalk/fetch.py": "sent to DingTalk",
    "platforms/huawei/fetch.py": "sent to Huawei",
    "platforms/huawei/scope.py": "sent to Huawei",
    "platforms/baidu/login.py": "sent to Baidu",
    "platforms/baidu/token.py": "sent to Baidu",
    "platforms/douyin/fetch.py": "sent to Douyin",
    "platforms/douyin/login.py": "sent to Douyin",
    "platforms/douyin/token.py": "sent to Douyin",
    "platforms/kuaishou/login.py": "sent to Kuaishou",
    "platforms/xiaohongshu/login.py": "sent to Xiaohongshu",
    "platforms/xiaohongshu/token.py": "sent to Xiaohongshu",
    "platforms/wechat/fetch.py": "sent to WeChat",
    "platforms/wechat/login.py": "sent to WeChat",
    "platforms/wechat/packages.py": "sent to WeChat",
    "platforms/wechat/third_party/tokens.py": "sent to WeChat",
    "platforms/wechat/third_party/grant.py": "sent to WeChat",
    "platforms/wechat/push.py": "checking a signature with it",
    "platforms/wechat/session.py": "signing with it",
    "store/keys/vault.py": "sent to Vault",
    "platforms/wechat/token.py": "sent to WeChat",
}


def test_secrets_are_revealed_in_few_places():
    """The value of a secret is taken out only where it is sent, hashed or scrubbed; a new place has to be listed."""
    assert calls("reveal", bare=True) == set(REVEALING)


def test_only_the_simulator_moves_a_clock():
    """There is one caller, in a process that the simulator starts; no setting, variable, route or command leads there."""
    assert calls("forge_now") == {"simulator/clocked.py"}
    assert imports("haoma.simulator.clocked") == {"simulator/beside.py"}
    assert imports("haoma.simulator.beside") == {"simulator/demo.py", "simulator/running.py", *PHONE}
    assert "forge_now" not in (PACKAGE / "simulator" / "beside.py").read_text("utf-8")


PHONE = {"simulator/phone/phone.py", "simulator/phone/service.py"}


def test_only_the_clock_reads_a_clock():
    """Time comes in as an argument, from one module."""
    assert {module for module in imports("time") if not module.startswith(("service/", "simulator/"))} <= {
        "io/clock.py",
        "io/blocking.py",  # sleeps
        "io/http.py",  # sleeps
        "store/sqlite.py",  # sleeps
    }


def test_the_service_never_imports_the_simulator():
    """What forges is not reachable from what runs in production."""
    assert not {module for module in imports("haoma.simulator") if module.startswith("service/")}
    assert not {
        module
        for module in imports("haoma.crypto.forging")
        if not module.startswith("simulator/") and "/mirror/" not in module and module != "platforms/base/mirroring.py"
    }


BUILDING = {
    "errors.py": "builds them",
    "codecs.py": "reads them from bytes",
    "crypto/keys.py": "an exception of its own",
    "service/routes/phone_number.py": "the app of an exchange",
    "service/routes/callbacks.py": "the app of an exchange",
    "service/routes/usage.py": "the app of an exchange",
    "service/observe/log.py": "the next processor of the log",
}


def test_an_error_is_built_once():
    """Whoever an error passes says more with a copy of it (`HaomaError.evolve`); nobody changes the one that is there."""
    attributes = {*inspect.signature(HaomaError.__init__).parameters, "next_action", "retry", "retry_after"}
    changing = set()
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in attributes:
                changing |= {module} if ast.unparse(node.value) != "self" else set()
    assert changing <= set(BUILDING)


# --- circles

TREES = {
    "haoma": PACKAGE,
    **{name: ROOT / name for name in ("conformance", "bench")},
    "support": ROOT / "tests" / "support",
}


def run_time(node):
    """Everything below a node but what is only there for the type checker."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for each in child.orelse:
                yield each
                yield from run_time(each)
        else:
            yield child
            yield from run_time(child)


def imported(modules):
    """For each module those of the others that it imports, also late, inside of a function."""
    names = {module.removesuffix(".__init__"): module for module in modules}
    graph = {}
    for module, source in modules.items():
        found = set()
        for node in run_time(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole in names else str(node.module))
        graph[module] = {names[name] for name in found if name in names} - {module}
    return graph


def between_neighbours(graph):
    """For each folder the same among what lies in it: a file, or a folder with all that is below."""
    folders: dict[str, dict[str, set[str]]] = {}
    for module, others in graph.items():
        for other in others:
            here, there = module.split("."), other.split(".")
            depth = next(at for at, (one, two) in enumerate(zip(here, there, strict=False)) if one != two)
            places = folders.setdefault(".".join(here[:depth]), {})
            places.setdefault(here[depth], set()).add(there[depth])
    return folders


def circles(graph):
    """The nodes from which one comes back to where one began, with the way."""
    found = []
    for start in sorted(graph):
        ways = [[start]]
        seen = set()
        while ways:
            way = ways.pop(0)
            for following in sorted(graph.get(way[-1], ())):
                if following == start:
                    found.append(" -> ".join([*way, start]))
                    ways = []
                    break
                if following not in seen:
                    seen.add(following)
                    ways.append([*way, following])
    return found


def all_circles(modules):
    graph = imported(modules)
    return circles(graph) + [
        f"{folder}: {each}" for folder, places in between_neighbours(graph).items() for each in circles(places)
    ]


@pytest.mark.parametrize("name", TREES)
def test_no_circle(name):
    """No import leads back to where it began, neither between files nor between the folders that they lie in."""
    folder = TREES[name]
    modules = {
        ".".join((name, *path.relative_to(folder).with_suffix("").parts)): path.read_text("utf-8")
        for path in folder.rglob("*.py")
        if "node_modules" not in path.parts
    }
    assert len(modules) > 1
    assert all_circles(modules) == []


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"a.b.c": "def f():\n    from a import d\n"}, ["a.b.c -> a.d -> a.b.c", "a.d -> a.b.c -> a.d"]),
        ({"a.d": "import a.b.c", "a.b.c": "import a.d"}, ["a.b.c -> a.d -> a.b.c", "a.d -> a.b.c -> a.d"]),
        ({"a.b.c": "from a.e import x", "a.e": "from a.d import y"}, ["a.b.c -> a.e -> a.d -> a.b.c"]),
        (
            {"a.b.__init__": "from a.b import c", "a.b.c": "from a.b import x"},
            ["a.b.__init__ -> a.b.c -> a.b.__init__"],
        ),
        ({"a.b.f": "import a.d"}, ["a: b -> d -> b"]),
    ],
    ids=["late", "plain", "of three", "with its package", "between folders alone"],
)
def test_a_circle_is_found(changed, expected):
    """The test above fails on a circle, and lets be what is only for types."""
    types = "if TYPE_CHECKING:\n    from a import d\n"
    modules = {"a.__init__": "", "a.b.__init__": "", "a.b.c": types, "a.b.f": "", "a.d": "from a.b import c", "a.e": ""}
    assert all_circles(modules) == []
    found = all_circles(modules | changed)
    assert set(expected) <= set(found), found
