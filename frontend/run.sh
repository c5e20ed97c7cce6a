#!/usr/bin/env bash
# All of the front end: installs what the lock files name, builds the examples with their own toolchains, and runs every
# test. Nothing is skipped: what is missing is an error. Arguments go to `node --test`.
set -euo pipefail
cd "$(dirname "$0")"

node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "needs Node 20 or newer" >&2; exit 1; }
[[ -x ${HAOMA_CHROMIUM:-/usr/bin/chromium} ]] || { echo "needs Chromium (Debian: chromium), or HAOMA_CHROMIUM" >&2; exit 1; }

install() {
    [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] && return
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null
}

# What the examples are built with is large, so it is fetched while the others go on.
running=()
for each in examples/uni-app examples/taro tests/pack; do
    [[ -d $each ]] || continue
    install "$each" &
    running+=($!)
done
install .

# Copies of the core are in the repository, so that folders can be taken as they are.
built() { cksum native/*/haoma-phone-button/core.js uni-app/js_sdk/haoma-core.js ../src/haoma/simulator/phone/static/shop-*.js; }
before=$(built)
npm run --silent build
[[ $(built) == "$before" ]] || { echo "what has the core in it was stale; it is new now: commit it" >&2; exit 1; }
for each in "${running[@]}"; do wait "$each"; done

running=()
for each in tests/*/build.mjs; do
    node "$each" &
    running+=($!)
done
npm run --silent check
for each in "${running[@]}"; do wait "$each"; done

node --test --test-concurrency=2 "$@" tests/*/*.test.mjs
