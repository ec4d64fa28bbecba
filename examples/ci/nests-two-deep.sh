#!/bin/sh
# Whether this machine nests Docker engines two deep: what both CI jobs run.
set -eu

inception --depth 2 --quiet -- docker info --format 'level 2 is {{.Name}}, Docker {{.ServerVersion}}'
