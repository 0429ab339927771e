#!/bin/sh
# Puts the kernel and its initramfs aside, in /kernel/VERSION: the kernel as the base image at /run/base has it, the
# initramfs made from this system. Runs once, in the build, without a network.
set -eu

version=
for dir in /usr/lib/modules/*/kernel; do
    version=$(basename "$(dirname "$dir")")
done
mkdir -p "/kernel/$version"
for file in "/run/base/usr/lib/modules/$version/vmlinuz" "/run/base/boot/vmlinuz-$version"; do
    [ ! -e "$file" ] || {
        cp "$file" "/kernel/$version/vmlinuz"
        break
    }
done
[ -e "/kernel/$version/vmlinuz" ] || {
    echo "the base image has modules of $version, and no vmlinuz" >&2
    exit 1
}
dracut --force --no-hostonly --kver "$version" "/kernel/$version/initramfs.img"
