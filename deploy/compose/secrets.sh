#!/bin/sh
# Makes the secrets of compose.yaml, once: what is there is never overwritten. Prints the key for your back end.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
keep() { if [ -e "secrets/$1" ]; then echo "secrets/$1 is there already" >&2; else printf '%s' "$2" >"secrets/$1"; fi; }
keep database-password "$(random)"
keep database-url "postgresql://haoma:$(cat secrets/database-password)@postgres/haoma"
keep server-key "hk_server_$(random)"
keep store-key "1:$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
# The processes in the containers are neither root nor this user.
chmod 0444 secrets/*
chmod 0711 secrets
echo "The key of your back end is in secrets/server-key." >&2
