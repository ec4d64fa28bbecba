#!/bin/sh
# One level the naive way, and everything below it: a stock dockerd that starts its own containerd, `docker load`, `docker run`.
# naive.sh <level> <depth> <image> <run options of the next level>...
set -eu
level=$1 depth=$2 image=$3
shift 3
mount -o remount,rw /sys 2>/dev/null || true
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
	mountpoint -q "$hierarchy" && mount -o remount,bind,rw "$hierarchy"
done
dockerd >/bench/naive-$level.log 2>&1 &
engine=$!
until docker info >/dev/null 2>&1; do
	kill -0 $engine
	sleep 0.1
done
docker load --quiet --input /bench/image.tar >/dev/null
echo "$level $(cut -d ' ' -f 1 /proc/uptime)" >>/bench/naive.ready
if [ "$level" -lt "$depth" ]; then
	docker run --rm --name below "$@" "$image" sh /bench/naive.sh $((level + 1)) "$depth" "$image" "$@"
else
	until [ -e /bench/unwind ]; do sleep 0.1; done
fi
kill $engine
wait $engine || true
