#!/bin/sh
# Starts a Docker engine in namespaces of its own: sh inside.sh FOLDER. Nothing that it changes is the machine's.
set -eu
folder=$1
mount --make-rprivate /
groups=$(findmnt --raw --noheadings --types cgroup,cgroup2 --output TARGET,FSTYPE)
umount --recursive --lazy /sys/fs/cgroup
case $groups in
"/sys/fs/cgroup cgroup2") mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
*)
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  echo "$groups" | while read -r target type; do
    [ "$type" = cgroup ] || continue
    name=${target##*/}
    options=$name
    [ "$name" != systemd ] || options=none,name=systemd
    mkdir "$target"
    mount -t cgroup -o "$options" cgroup "$target"
  done
  ;;
esac
mount -t tmpfs -o mode=755 run /run
for file in hosts resolv.conf; do mount --bind "$folder/$file" "/etc/$file"; done
ip link set lo up
touch "$folder/waits"
while ! ip link show tap0 > /dev/null 2>&1; do sleep 0.1; done
machine=$(uname -m)
export PATH="$folder/engine-bin:$PATH" SSL_CERT_FILE="$folder/authorities.crt"
export LD_LIBRARY_PATH="$folder/engine/usr/lib/$machine-linux-gnu:$folder/engine/lib/$machine-linux-gnu"
export XTABLES_LIBDIR="$folder/engine/usr/lib/$machine-linux-gnu/xtables"
dockerd --data-root="$folder/docker" --exec-root=/run/docker --pidfile=/run/docker.pid --host=unix:///run/docker.sock \
  --add-runtime="without-resource=$folder/runtime" --default-runtime=without-resource > "$folder/dockerd.log" 2>&1
