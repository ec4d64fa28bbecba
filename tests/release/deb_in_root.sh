#!/bin/sh
# Installs a package in a Debian 13 root, runs it there and removes it: deb_in_root.sh FILE.deb DIRECTORY. Run it in isolation, as root:
# the root gets this machine's state directory, with the level image. Nothing but what the package had may be different at the end.
set -eu

deb=$(realpath "$1")
root=$(mktemp --directory --tmpdir="$2")
mmdebstrap --quiet --variant=apt --include=python3,mount,docker.io,iproute2,iptables,man-db,fish trixie "$root"
cp "$deb" "$root/inception.deb"
mkdir -p "$root/old" "$root/var/lib/inception"

cat >"$root/check.sh" <<'END'
set -eu
listing() { find / -xdev \( -path /tmp -o -path /run -o -path /proc -o -path /sys -o -path /dev -o -path '/var/log/*' -o -path '/var/lib/dpkg/*' \
    -o -path '/var/cache/*' -o -path /var/lib/inception -o -path /root \) -prune -o -print | sort; }
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 MANPAGER=cat
listing >/tmp/before
dpkg --install /inception.deb
inception --version
man inception-up | head -4
fish -c "complete -C 'inception image b'"
inception help no-chain | head -3
ls /usr/lib/inception/inception/cli/__pycache__ | wc -l
inception --quiet --depth 2 --name packaged -- docker info --format '{{.Name}}, Docker {{.ServerVersion}}'
dpkg --purge inception
listing >/tmp/after
diff /tmp/before /tmp/after && echo "removed cleanly"
END

exec unshare --mount --propagation private sh -eu -c '
    mount --bind "$1" "$1"
    mount --bind /var/lib/inception "$1/var/lib/inception"
    for kernel in proc sys dev; do mount --rbind "/$kernel" "$1/$kernel"; done
    mount -t tmpfs tmpfs "$1/run"
    mount -t tmpfs tmpfs "$1/tmp"
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    cd "$1"
    pivot_root . old
    umount --lazy /old
    exec sh /check.sh' sh "$root"
