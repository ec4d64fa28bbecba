#!/bin/sh
# A compose file inside level 2 of a chain, driven from the host: compose talks to that level's engine.
set -eu

cd "$(dirname "$0")"
name=$(inception up --depth 2 --quiet)
trap 'inception down "$name" --quiet' EXIT

eval "$(inception env "$name" --level 2 --shell sh)"
IMAGE=$(docker image ls --format '{{.Repository}}:{{.Tag}}' | head -n 1)
export IMAGE
if docker compose version >/dev/null 2>&1; then compose="docker compose"; else compose=docker-compose; fi
$compose up --abort-on-container-exit --exit-code-from client
$compose down
eval "$(inception env --unset --shell sh)"
