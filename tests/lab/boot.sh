#!/bin/bash
# What one host of the lab runs first, as PID 1 of namespaces of its own: it makes a root file system whose changes live
# in memory, and ends as an SSH server in it. From tests/lab/hosts.py it gets
#   NAME ADDRESS   what it is called, and where it listens
#   NAMES          /etc/hosts of every host
#   STATE          the lab's folder: keys, and `shared`, which every host has as /mnt/shared
#   SEEN           folders that it sees as they are here, read-only, a line each
#   PROFILE        what its shells read first
set -euo pipefail

mount --make-rprivate /
disk=$STATE/$NAME root=$STATE/$NAME/root
mkdir -p "$disk"
mount -t tmpfs -o size=2g lab "$disk"
mkdir "$disk/changes" "$disk/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$disk/changes,workdir=$disk/work" lab "$root"

mount -t proc lab "$root/proc"
mount -t sysfs -o ro lab "$root/sys"
mount --bind /dev "$root/dev"
mount -t devpts -o newinstance,ptmxmode=0666 lab "$root/dev/pts"
mount -t tmpfs -o size=2g lab "$root/dev/shm"       # Ray's object store
mount -t tmpfs -o size=2g,mode=1777 lab "$root/tmp" # Ray's session
mount -t tmpfs lab "$root/run"
mount -t tmpfs -o size=1g,mode=700 lab "$root/root"
while read -r folder; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
    mount -o remount,bind,ro "$root$folder"
done <<<"$SEEN"
mkdir -p "$root/mnt/shared"
mount --bind "$STATE/shared" "$root/mnt/shared"

hostname "$NAME"
printf '%s' "$NAMES" >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
install -d -m 700 "$root/root/.ssh"
install -m 600 "$STATE/user.pub" "$root/root/.ssh/authorized_keys"
[ "$NAME" != laptop ] || install -m 600 "$STATE/user" "$root/root/.ssh/lab"
printf '%s\n' "$PROFILE" >"$root/root/.bashrc"
echo '. ~/.bashrc' >"$root/root/.profile"
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow" # sshd turns a locked account away, key or not

install -d "$root/run/sshd"
install -m 600 "$STATE/host" "$root/etc/ssh/lab_host"
cat >"$root/etc/ssh/lab_config" <<END
ListenAddress $ADDRESS
HostKey /etc/ssh/lab_host
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
MaxStartups 50
END
touch "$STATE/$NAME.ready"
# bash stays as PID 1 and reaps what daemons leave behind
exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c 'cd /; /usr/sbin/sshd -D -e -f /etc/ssh/lab_config & while :; do sleep 3600 & wait $!; done'
