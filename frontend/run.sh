#!/usr/bin/env bash
# All of the front end: installs what the lock files name, side by side; builds; runs every test. Nothing is skipped: what
# is missing is an error. Arguments go to `node --test`.
set -euo pipefail
cd "$(dirname "$0")"

node -e 'process.exit(parseInt(process.versions.node) < 20)' || { echo "needs Node 20 or newer" >&2; exit 1; }
[[ -x ${HAOMA_CHROMIUM:-/usr/bin/chromium} ]] || { echo "needs Chromium (Debian: chromium), or HAOMA_CHROMIUM" >&2; exit 1; }

installing=()
for folder in . examples/*; do
    if [[ -f $folder/package-lock.json && ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
        npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent &
        installing+=($!)
    fi
done
for each in "${installing[@]}"; do wait "$each"; done

npm run --silent build
npm run --silent check
node --test --test-concurrency=2 "$@" tests/*/*.test.mjs
