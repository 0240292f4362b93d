#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Under systemd, on a Debian 12 that boots: a minimal Debian with what `make install` installs is made into a disk, and a virtual machine
# (software emulation, Debian's own kernel) boots it twice. debian_boot.guest runs inside and says what it found on the serial console.
#
#   debian_boot.sh BUILD-DIRECTORY
set -euo pipefail

build=$1
guest=$(realpath "${BASH_SOURCE%/*}")/debian_boot.guest
skip() {
    echo "1..0 # SKIP $1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "making a root file system needs root"
for tool in qemu-system-x86_64 cpio debootstrap mkfs.ext4; do
    command -v "$tool" >/dev/null || skip "$tool is missing (apt-get install qemu-system-x86 cpio debootstrap e2fsprogs)"
done
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' 2>/dev/null | sed -n 1p)
kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-6/ && !seen++ {print $2}')
[ -n "$mirror" ] && [ -n "$kernel" ] || skip "apt has no lists of Debian 12's packages (apt-get update)"

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

# Its packages: a system that boots, what the test uses, and the libraries that the program is linked to.
libraries=$(ldd "$build/src/cli/bulkhead" | awk '/=> \// {print $3}' | xargs -n 1 realpath |
    while read -r file; do dpkg -S "$file" 2>/dev/null || dpkg -S "${file#/usr}"; done | cut -d: -f1 | sort -u | paste -sd,)
timeout 240 debootstrap --variant=minbase --include="systemd-sysv,kmod,iproute2,procps,busybox-static,tzdata,$libraries" bookworm "$root" "$mirror" \
    >"$work/log" 2>&1 || { sed 's/^/# /' "$work/log" | tail -n 5; skip "debootstrap cannot make a Debian 12"; }
(cd "$work" && apt-get download "$kernel" >/dev/null 2>&1) || skip "the package $kernel cannot be had"
dpkg -x "$work"/linux-image-*.deb "$work/kernel"
cp -a "$work/kernel/lib/modules" "$root/usr/lib/"
version=${kernel#linux-image-}
chroot "$root" depmod "$version"

DESTDIR=$root meson install -C "$build" --no-rebuild --quiet >/dev/null
install -D -m 755 "$guest" "$root/guest/run"
"$guest" --prepare "$root"
chroot "$root" systemctl --quiet enable bulkhead@shop world client guest
chroot "$root" systemctl --quiet mask serial-getty@ttyS0 apt-daily.timer apt-daily-upgrade.timer

# A disk, and an initramfs that mounts it.
truncate -s 1500M "$work/disk"
mkfs.ext4 -q -d "$root" "$work/disk"
mkdir -p "$work"/initrd/{bin,dev,proc,new}
cp "$root/bin/busybox" "$work/initrd/bin/"
{
    echo '#!/bin/busybox sh'
    for module in virtio_pci virtio_blk ext4; do
        chroot "$root" modprobe --show-depends -S "$version" "$module" | while read -r how file _; do
            if [ "$how" = insmod ]; then
                cp "$root$file" "$work/initrd/"
                echo "/bin/busybox insmod /${file##*/} 2>/dev/null"
            fi
        done
    done
    echo '/bin/busybox mount -t devtmpfs dev /dev'
    echo 'until /bin/busybox mount -t ext4 /dev/vda /new; do /bin/busybox sleep 1; done'
    echo '/bin/busybox umount /dev'
    echo 'exec /bin/busybox switch_root /new /sbin/init'
} >"$work/initrd/init"
chmod +x "$work/initrd/init"
(cd "$work/initrd" && find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$work/initramfs")

timeout 420 qemu-system-x86_64 -m 2048 -nographic -nic none -rtc base=2030-01-15T12:10:00 -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
    -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initramfs" \
    -append "console=ttyS0 panic=-1 quiet loglevel=1 systemd.show_status=no root=/dev/vda rw" >"$work/console" 2>&1 </dev/null || true

tr -d '\r' <"$work/console" | grep -aoE 'TAP (not )?ok - .*' | sed 's/^TAP //' | awk -v kernel="$kernel" '
    { sub(/ - /, sprintf(" %d - ", ++number)); print }
    /^not/ { bad = 1 }
    /the machine is done$/ { done = 1 }
    END { if (!done) printf "not ok %d - the machine comes to the end of its tests\n", ++number
          printf "1..%d\n", number
          exit bad || !done }' && exit 0
sed 's/[^[:print:]]//g; s/^/# /' "$work/console" | tail -n 150
exit 1
