#!/bin/sh
# A docker context for each level of a chain: any Docker client of the host talks to any level.
set -eu

name=$(inception up --depth 3 --quiet)
trap 'inception down "$name" --quiet' EXIT  # It takes the contexts along.

for context in $(inception context create "$name"); do
    docker --context "$context" info --format "$context is {{.Name}}, Docker {{.ServerVersion}}"
done
