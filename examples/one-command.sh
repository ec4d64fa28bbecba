#!/bin/sh
# One command, four Docker engines deep: its output and its exit status come back.
set -eu

inception --depth 4 -- sh -c '
    echo "level $INCEPTION_LEVEL of $INCEPTION_DEPTH: $(docker info --format "{{.Name}}, Docker {{.ServerVersion}}")"
    # The bottom has the image that every level runs from, and whatever its engine can pull.
    docker run --rm "$INCEPTION_IMAGE" echo "hello from a container at the bottom"
'
