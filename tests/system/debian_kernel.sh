#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian 12's own kernel takes the programs: a virtual machine (software emulation) with that kernel, the built binary and
# nothing else brings a network up, tries every pair, tells its sessions, compares 900 random packets with the reference, and takes it down.
#
#   debian_kernel.sh BULKHEAD DIFFERENTIAL-PACKETS
set -euo pipefail

bulkhead=$1 differential=$2
for tool in qemu-system-x86_64 cpio; do
    command -v "$tool" >/dev/null || { echo "1..0 # SKIP $tool is missing (apt-get install qemu-system-x86 cpio)"; exit 77; }
done
[ -x /bin/busybox ] || { echo "1..0 # SKIP busybox is missing (apt-get install busybox-static)"; exit 77; }
ldd /bin/busybox >/dev/null 2>&1 && { echo "1..0 # SKIP busybox is not static (apt-get install busybox-static)"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,run,tmp,etc,var/tmp,usr} "$work/kernel"

package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-6/ {print $2; exit}')
(cd "$work" && apt-get download "$package" >/dev/null 2>&1) || { echo "1..0 # SKIP the package linux-image-cloud-amd64 cannot be had"; exit 77; }
dpkg -x "$work"/linux-image-*.deb "$work/kernel"

cp /bin/busybox "$root/bin/"
cp -L "$bulkhead" "$root/bin/bulkhead"
cp -L "$differential" "$root/bin/differential-packets"
for library in $(ldd "$bulkhead" "$differential" | grep -oE '/[^ ]+\.so[^ ]*' | sort -u); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
for module in veth sch_ingress cls_bpf overlay; do
    cp "$(find "$work/kernel" -name "$module.ko*" | head -n 1)" "$root/"
done
printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
touch "$root/etc/hosts"
cat >"$root/old.yaml" <<'YAML'
bulkhead: v1
name: old
segments:
  hub: {kind: hub, cidr: [10.80.0.0/24, "fd80::/64"]}
  web: {cidr: [10.80.1.0/24, "fd80:0:0:1::/64"]}
  api: {cidr: [10.80.2.0/24, "fd80:0:0:2::/64"]}
workloads:
  a: {segment: web}
  b: {segment: api}
  c: {segment: web}
rules:
  - name: a-b
    allow: {from: a, to: b, ports: [8080/tcp, 53/udp, icmp]}
  - name: timed
    allow: {from: c, to: b, ports: 9090/tcp}
    when: now.hour >= 0
YAML
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
if [ ! -e /moved ]; then # a root in an initramfs cannot be left, as a workload's must
    mkdir /new
    mount -t tmpfs root /new
    cp -a /bin /lib* /usr /etc /proc /sys /dev /run /tmp /var /init /*.yaml /*.ko* /new/
    touch /new/moved
    exec switch_root /new /init
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /*.ko*; do insmod "$module"; done
uname -r
bulkhead up /old.yaml && echo "RESULT up"
bulkhead status && echo "RESULT status"
sleep 4
bulkhead top old | grep -E 'spoofed-source|not-unicast' || echo "RESULT quiet"
bulkhead matrix /old.yaml --live && echo "RESULT matrix"
bulkhead top old && bulkhead top old --json | grep '"to": "b", "port": "[a-z0-9/]*", "rule": "a-b"' && echo "RESULT top"
bulkhead exec a -- true && echo "RESULT exec"
bulkhead down old && echo "RESULT down"
differential-packets --policies 3 --packets 300 && echo "RESULT differential"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$work/initrd")

timeout 280 qemu-system-x86_64 -m 2048 -nographic -no-reboot -nic none -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initrd" \
    -append "console=ttyS0 panic=-1 quiet" >"$work/log" 2>&1 </dev/null || true

number=0 status=0
for step in up status quiet matrix top exec down differential; do
    number=$((number + 1))
    if grep -q "^RESULT $step" "$work/log"; then
        echo "ok $number - $step on $package"
    else
        echo "not ok $number - $step on $package"
        status=1
    fi
done
echo "1..$number"
[ "$status" -eq 0 ] || sed 's/[^[:print:]]//g; s/^/# /' "$work/log" | tail -n 40
exit "$status"
