"""Builds the packages, and installs them as users do: every extra and every `pip install` line of the documentation.

::

    python tools/install_check.py              # make install-check: all of it, some minutes
    python tools/install_check.py django otel  # these sets of extras
    python tools/install_check.py --wheel      # the packages, and the wheel alone; part of .ci/run
    python tools/install_check.py --django6    # make django6: the tests of Django, under Django 6

Each is installed from the index into a virtual environment of its own, outside of this checkout, and then used: the
command line, the doctor, and what the extra is for. Other versions of Python are tried if they are here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CASE = ROOT / "tests" / "vectors" / "alipay" / "success-mainland"
KEY = "server-key-0123456789abcdefghij"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")

CLIENT = "import haoma; client = haoma.AsyncClient.from_file('haoma.toml')\n"
USES = {
    "": """
import haoma
with haoma.Client.from_file("haoma.toml") as client:
    phone = client.get_phone_number("shop", open("authorization.txt", encoding="utf-8").read())
print(phone.masked)
""",
    "django": """
import django
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["*"], AUTHENTICATION_BACKENDS=["haoma.integrations.django.backends.HaomaBackend"],
    HAOMA={"CONFIG": "haoma.toml", "ON_VERIFIED": "builtins.print"}, SECRET_KEY="k",
    ROOT_URLCONF="haoma.integrations.django.urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "haoma.integrations.django"],
)
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check")
assert Client().post("/v1/apps/shop/phone-number", b"[]", "application/json").status_code == 400
print("Django", django.__version__)
""",
    "fastapi": CLIENT + """
import fastapi
from haoma.integrations.fastapi import lifespan, router
app = fastapi.FastAPI(lifespan=lifespan(client))
app.include_router(router(client))
assert "/v1/apps/{app}/phone-number" in app.openapi()["paths"]
print("FastAPI", fastapi.__version__)
""",
    "flask": """
from importlib.metadata import version
from flask import Flask
from haoma.integrations.flask import Haoma
app = Flask(__name__)
app.config["HAOMA_CONFIG"] = "haoma.toml"
Haoma(app)
assert app.test_client().post("/v1/apps/shop/phone-number", data=b"[]").status_code == 400
print("Flask", version("flask"))
""",
    "litestar": CLIENT + """
from importlib.metadata import version
from litestar import Litestar
from haoma.integrations.litestar import HaomaPlugin
app = Litestar([], plugins=[HaomaPlugin(client)])
assert app.route_reverse
print("Litestar", version("litestar"))
""",
    "store": """
import base64, os, sys, haoma
key = base64.b64encode(os.urandom(32)).decode()
store = f'\\n[store]\\ndatabase_url = "sqlite:///own.db"\\nkeys = "1:{key}"\\n'
open("stored.toml", "w", encoding="utf-8").write(open("haoma.toml", encoding="utf-8").read() + store)
from haoma.cli import main
sys.argv = ["haoma", "db", "upgrade", "--config", "stored.toml"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
with haoma.Client.from_file("stored.toml") as client:
    print(client.get_phone_number("shop", open("authorization.txt", encoding="utf-8").read()).masked)
""",
    "postgres": "import asyncpg, haoma.store.postgres; print('asyncpg', asyncpg.__version__)",
    "mysql": """
from importlib.metadata import version
import asyncmy, haoma.store.mysql
print("asyncmy", version("asyncmy"))
""",
    "valkey": "import valkey, haoma.store.cache; print('valkey', valkey.__version__)",
    "otel": """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.version import __version__
print("OpenTelemetry", __version__)
""",
}  # fmt: skip
"""What each extra is for, in an empty folder with a haoma.toml."""


def run(
    *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, codes: tuple[int, ...] = (0,)
) -> str:
    """Run a command, and return what it printed. Raise SystemExit with that if its exit code is none of ``codes``."""
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode not in codes or "Traceback" in done.stderr:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(folder: Path, python: Path | None = None) -> Path:
    """Make a virtual environment without pip, which takes longest, and return the path of its Python."""
    run(python or sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def install(python: Path, *what: str | Path) -> None:
    """Install with pip, as users do."""
    pip: list[str | Path] = ["-m", "pip"]
    if find_spec("pip") is None:  # uv made this environment
        import ensurepip

        pip = [next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")) / "pip"]
    options = "--quiet", "--disable-pip-version-check", "--no-compile"
    run(sys.executable, *pip, "--python", python, "install", *options, *what)


def build(folder: Path) -> tuple[Path, Path]:
    """Build the wheel and the source package, check their metadata and contents, and return their paths."""
    python = environment(folder / "tools")
    install(python, "build", "twine")
    copied = folder / "source"  # without what lies about in a checkout
    names = run("git", "ls-files", "-z").split("\0") if (ROOT / ".git").exists() else _all_files()
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copied / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copied / name)
    run(python, "-m", "build", "--outdir", folder / "dist", copied, cwd=folder)
    (wheel,), (source,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    run(python, "-m", "twine", "check", "--strict", wheel, source)
    package = {
        f"haoma/{path.relative_to(copied / 'src' / 'haoma')}"
        for path in (copied / "src" / "haoma").rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert inside == package, inside ^ package
    with tarfile.open(source) as opened:
        published = {name.partition("/")[2] for name in opened.getnames()}
    assert {f"src/{name}" for name in package} <= published
    assert {name.partition("/")[0] for name in published} <= {
        "src", "docs", "README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "pyproject.toml",
        "PKG-INFO", ".gitignore",
    }, published  # fmt: skip
    print(f"{wheel.name}: {len(package)} files, {wheel.stat().st_size // 1024} KiB; {source.name}", flush=True)
    return wheel, source


def _all_files() -> list[str]:
    return [str(path.relative_to(ROOT)) for top in ("src", "docs") for path in (ROOT / top).rglob("*")] + [
        path.name for path in ROOT.iterdir() if path.is_file()
    ]


def documented() -> list[str]:
    """Return every set of extras that `pip install` lines of the documentation name, and each extra by itself."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("pyproject.toml")]
    pages += [ROOT / "deploy" / "Dockerfile", ROOT / ".github" / "workflows" / "release.yml"]
    lines = "\n".join(path.read_text("utf-8") for path in pages)
    found = set(re.findall(r"(?:haoma|\.whl\)?|'\.)\[([a-z-]+(?:,[a-z-]+)*)\]", lines))
    return sorted((found | PROJECT["optional-dependencies"].keys()) - {"test", "server,test"})


def uses(extras: str) -> list[str]:
    """Return the extras of a set, with those that they bring."""
    found = [""]
    for each in filter(None, extras.split(",")):
        for requirement in PROJECT["optional-dependencies"][each]:
            if match := re.fullmatch(r"haoma\[([a-z,-]+)\]", requirement):
                found += match[1].split(",")
        found.append(each)
    return list(dict.fromkeys(found))


def use(python: Path, extras: str, folder: Path) -> None:
    """Use what was installed, in a folder of its own."""
    folder.mkdir()
    toml = f'[service]\nserver_keys = ["{KEY}"]\nlisten = "127.0.0.1:0"\n'
    (folder / "haoma.toml").write_text(toml + (CASE / "app.toml").read_text("utf-8"), "utf-8")
    (folder / "haoma.toml").chmod(0o600)
    shutil.copy(CASE / "authorization.txt", folder)
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "HAOMA_CONFIG"}}
    program = python.parent / "haoma"
    said = [run(program, "--version", cwd=folder, env=env).strip()]
    assert said == [f"haoma {PROJECT['version']}"], said
    run(program, "doctor", "--config", "haoma.toml", cwd=folder, env=env, codes=(0, 1))
    for each in uses(extras):
        if each in USES:
            said.append(run(python, "-c", USES[each], cwd=folder, env=env).strip().splitlines()[-1])
        elif each == "front-end":
            (folder / "app.js").write_text("wx.login({ success: ({ code }) => send(code) })\n", "utf-8")
            run(program, "doctor", "--config", "haoma.toml", "--front-end", ".", cwd=folder, env=env, codes=(0, 1))
        elif each == "server":
            _serve(program, folder, env)
        else:
            raise SystemExit(f"nothing says what the extra {each} is for")
    print(f"  [{extras}] {', '.join(dict.fromkeys(said))}", flush=True)


def _serve(program: Path, folder: Path, env: dict[str, str]) -> None:
    """Start the service, ask for its health, and stop it."""
    socket = folder / "haoma.sock"
    command = [str(program), "serve", "--config", "haoma.toml", "--listen", f"unix:{socket}"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, env=env, stderr=log) as process:
        try:
            until = time.monotonic() + 60
            while b'"listening"' not in (folder / "log").read_bytes():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit((folder / "log").read_text("utf-8"))
                time.sleep(0.1)
            run(program, "health", "--listen", f"unix:{socket}", cwd=folder, env=env)
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0, process.returncode


def pythons() -> dict[str, Path]:
    """Return the versions of Python that are here, beside the one that runs this."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in VERSIONS:
        named = shutil.which(f"python{version}")
        for path in (*([Path(named)] if named else ()), *sorted(root.glob(f"{version}*/bin/python{version}"))):
            # A shim of pyenv may stand for a version that is not chosen.
            done = subprocess.run([path, "-c", "import ensurepip"], capture_output=True, check=False)
            if done.returncode == 0:
                found[version] = path
                break
        else:
            print(f"Python {version} is not here: nothing was tried with it", flush=True)
    return found


def check(chosen: list[str], *, wheel_alone: bool) -> None:
    """Build, install and use the packages; only ``chosen`` sets of extras if there are some."""
    with tempfile.TemporaryDirectory(prefix="haoma-install-") as name:
        folder = Path(name)
        wheel, source = build(folder)
        sets = [""] if wheel_alone else chosen or ["", *documented()]
        for number, extras in enumerate(sets):
            python = environment(folder / f"venv{number}")
            install(python, f"haoma[{extras}] @ {wheel.as_uri()}" if extras else wheel)
            use(python, extras, folder / f"use{number}")
            shutil.rmtree(python.parents[1])
        if wheel_alone or chosen:
            return
        python = environment(folder / "from-source")
        install(python, source)
        use(python, "", folder / "use-source")
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        every = "server,django,fastapi,flask,litestar,postgres,mysql,valkey,front-end,otel"
        for version, found in pythons().items():
            if version != own:
                print(f"Python {version}:", flush=True)
                python = environment(folder / f"venv-{version}", found)
                install(python, f"haoma[{every}] @ {wheel.as_uri()}")
                use(python, every, folder / f"use-{version}")


def django6() -> None:
    """Run the tests of Django under Django 6, which needs Python 3.12."""
    newer = [path for version, path in pythons().items() if version != "3.11"]
    if not newer:
        raise SystemExit("Django 6 needs Python 3.12 or newer, which is not here. Nothing was run.")
    with tempfile.TemporaryDirectory(prefix="haoma-django6-") as name:
        python = environment(Path(name) / "venv", newer[0])
        install(python, "--editable", f"{ROOT}[server,test]", "django>=6,<7")
        print(run(python, "-c", "import django, sys; print('Django', django.__version__, 'Python', sys.version)"))
        tests = ["tests/integrations/django", "-p", "no:cacheprovider", "-q"]
        raise SystemExit(subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    if "--django6" in sys.argv[1:]:
        django6()
    check([each for each in sys.argv[1:] if each[0] != "-"], wheel_alone="--wheel" in sys.argv[1:])
