#!/bin/sh
# native_root.sh ROOT COMMAND...: run COMMAND in the file system ROOT with an engine of that root beside it.
# To be started in mount, PID and network namespaces of its own, whose end takes everything with it.
# It pivots where chroot would seem enough: dockerd itself pivots to unpack images, which a chroot does not let it.
set -eu

root=$1
shift

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt

ip link set lo up
containerd >/run/containerd.log 2>&1 &
containerd=$!
until [ -S /run/containerd/containerd.sock ]; do
    kill -0 $containerd || { cat /run/containerd.log >&2; exit 1; }
    sleep 0.1
done
# Whoever boots this root brings the bridge up; here it would need the modules of a kernel that is not this root's.
dockerd --containerd=/run/containerd/containerd.sock --bridge=none --iptables=false --ip6tables=false \
    >/run/dockerd.log 2>&1 &
dockerd=$!
until docker version >/dev/null 2>&1; do
    kill -0 $dockerd || { cat /run/dockerd.log >&2; exit 1; }
    sleep 0.1
done

status=0
"$@" || status=$?
[ $status -eq 0 ] || cat /run/dockerd.log >&2
kill $dockerd
wait $dockerd || status=$?
kill $containerd
wait $containerd || true
exit $status
