#!/bin/sh
# A shell at each of two levels, recorded: record-session.sh [FILE]. Play it with: scriptreplay -T FILE.timing FILE
set -eu

file=${1:-session.typescript}

# What a user would type, as slowly as one who reads what comes back.
keys() {
    while ! grep -aq '\[2/2\]' "$file" 2>/dev/null; do sleep 0.2; done
    for line in 'docker info --format "{{.Name}}"' 'exit' 'docker ps --all' 'exit'; do
        sleep 2
        echo "$line"
    done
    sleep 5
}

keys | script --quiet --flush --log-timing "$file.timing" --log-out "$file" \
    --command 'inception --depth 2 --name recorded --shells --quiet'
