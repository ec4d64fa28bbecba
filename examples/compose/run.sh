#!/bin/sh
# A web service and its database inside level 4, built and run there by the level's own buildx and Compose.
set -eu

cd "$(dirname "$0")"
name=$(inception up --depth 4 --quiet)
trap 'inception down "$name" --quiet' EXIT

tar -c . | inception cp - "$name:/srv"
inception exec "$name" -w /srv -- sh -euc '
echo secret >token
for build in first second; do
    docker compose build --quiet --build-arg BUILD=$build
done
docker compose --progress quiet up --detach --wait
echo "builds with one cache: $(python3 visits.py ask /builds)"
python3 visits.py ask /
# The volume keeps what the database knows when its container goes.
docker compose --progress quiet down
docker compose --progress quiet up --detach --wait
python3 visits.py ask /
docker compose --progress quiet down --volumes
'
