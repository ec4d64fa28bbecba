#!/bin/sh
# Does the GitLab job of the manual in a root of Debian, with its Python: gitlab_job_in_root.sh WHEEL DIRECTORY [SUITE]. Run it in
# isolation, as root, from the checkout. The program comes from WHEEL in place of PyPI, and the level image from the job's cache in
# place of a registry.
set -eu

wheel=$(realpath "$1")
root=$(mktemp --directory --tmpdir="$2")
# What an image such as debian:trixie has: required packages and apt, and no package starts its daemon. A suite in development may have
# a Release file that is past its date.
mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' "${3:-trixie}" "$root"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/old" "$root/builds" "$root/wheels"
cp "$wheel" "$root/wheels"
[ -z "${PIP_CERT:-}" ] || cp "$PIP_CERT" "$root/certificates.pem"
.venv/bin/inception image export "$root/builds/level.tar"
.venv/bin/python - docs/how-to/ci.md >"$root/job.sh" <<'END'
import re, sys, yaml

blocks = re.findall(r"^```yaml\n(.*?)^```$", open(sys.argv[1]).read(), re.DOTALL | re.MULTILINE)
(job,) = (content["nested"] for content in map(yaml.safe_load, blocks) if "nested" in content)
print(*job["before_script"], *job["script"], sep="\n")
END

cat >"$root/check.sh" <<'END'
set -eu
cd /builds
bash -ex -o pipefail /job.sh </dev/null 2>&1 | tee /output
grep -q '^ Name: .*-2$' /output  # docker info of level 2
! grep 'building it' /output
test -s level.tar
echo "the job passes with $(python3 --version)"
END

exec unshare --mount --propagation private bash -eu -c '
    mount --bind "$1" "$1"
    for kernel in proc sys dev; do mount --rbind "/$kernel" "$1/$kernel"; done
    mount -t tmpfs tmpfs "$1/run"
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    [ ! -e "$1/certificates.pem" ] || export PIP_CERT=/certificates.pem
    cd "$1"
    pivot_root . old
    umount --lazy /old
    exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive PIP_FIND_LINKS=/wheels ${PIP_CERT:+PIP_CERT="$PIP_CERT"} \
        bash -e -o pipefail /check.sh' bash "$root"
