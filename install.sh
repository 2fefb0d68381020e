#!/bin/sh
# Puts Hale on this node, or another version in its place: run it as root in the folder that `make dist` made.
#
# It needs the Python that `make dist` ran with (3.11 or later) with venv, and no network, and may be run again. It
# enables nothing. What of Hale runs is restarted; the gate begins anew with each session.
set -eu

environment=/opt/hale
units=/usr/lib/systemd/system

die() {
    echo "install.sh: $*" >&2
    exit 1
}

cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || die "wanted root: it writes /opt, /usr and /etc"
[ -f hale-gate.pyz ] && [ -f hale-backup.pyz ] && [ -f wheelhouse/requirements.txt ] ||
    die "$PWD: wanted hale-gate.pyz, hale-backup.pyz and wheelhouse/, as \`make dist\` makes them"
python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    die "wanted python3, 3.11 or later, with venv: apt-get install python3-venv"

python3 -m venv "$environment"
pip() {
    "$environment/bin/python" -m pip install --isolated --quiet --no-index --find-links wheelhouse --no-deps --no-cache-dir \
        --disable-pip-version-check --root-user-action=ignore "$@"
}
pip --require-hashes -r wheelhouse/requirements.txt || die "the wheels do not fit this Python: run \`make dist\` on a machine like this one"
pip --force-reinstall wheelhouse/hale_ha-*.whl

for program in gate backup; do
    install -D -m 755 "hale-$program.pyz" "/usr/lib/hale/hale-$program.pyz"
    ln -sfn "/usr/lib/hale/hale-$program.pyz" "/usr/bin/hale-$program"
done
for program in exporter healer cluster; do
    ln -sfn "$environment/bin/hale-$program" "/usr/bin/hale-$program"
done

cd "$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
for program in exporter healer gate backup; do
    for file in "$program"/systemd/*; do
        case $file in
            *.service | *.socket | *.timer) install -D -m 644 "$file" "$units/${file##*/}" ;;
            */sysusers.conf) install -D -m 644 "$file" "/usr/lib/sysusers.d/hale-$program.conf" ;;
            */tmpfiles.conf) install -D -m 644 "$file" "/usr/lib/tmpfiles.d/hale-$program.conf" ;;
        esac
    done
done
systemd-sysusers

if ! [ -e /etc/hale/exporter.yml ]; then
    mkdir -p /etc/hale
    printf 'cluster: %s\nnode: %s\n' unnamed "$(uname -n)" >/etc/hale/exporter.yml
    echo "install.sh: /etc/hale/exporter.yml is new; name the services of this node there, or have hale-cluster render write it"
fi
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create hale-healer.conf hale-backup.conf
    systemctl daemon-reload
    systemctl try-restart hale-exporter.service hale-healer.service
fi
echo "install.sh: Hale is in $environment. The exporter: systemctl enable --now hale-exporter, then http://localhost:9100/"
