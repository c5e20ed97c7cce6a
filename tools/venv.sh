#!/bin/sh
# Make the virtual environment: with uv when it is there, else with venv and pip. Versions come from constraints.txt.
set -eu
venv=$1
say() { printf '%s\n' "$*" >&2; }

python=
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || { say "haoma needs Python 3.11 or newer. 需要 Python 3.11 或更高版本。"; exit 1; }

say "Preparing $venv with $("$python" --version) … 正在准备运行环境 …"
export PIP_CONSTRAINT="$PWD/constraints.txt" UV_CONSTRAINT="$PWD/constraints.txt" UV_BUILD_CONSTRAINT="$PWD/constraints.txt"
if command -v uv >/dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --editable '.[server,test]'
else
    if [ ! -x "$venv/bin/python" ] && ! "$python" -m venv "$venv"; then
        say "Python's venv module is missing; on Debian: apt-get install python3-venv. 缺少 venv 模块。"; exit 1
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[server,test]'
fi
