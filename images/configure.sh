#!/bin/sh
# Makes a base image bootable by bootc, but for its kernel: the layout of a read-only root, and the units that a virtual
# machine needs. Runs once, in the build, without a network.
set -eu

# move_to_var DIR TARGET: DIR becomes a link into /var; what it held goes along.
move_to_var() {
    [ ! -L "$1" ] || return 0
    mkdir -p "$2"
    if [ -d "$1" ]; then
        cp -a "$1/." "$2/"
        rm -rf "$1"
    fi
    ln -s "${2#/}" "$1"
}

move_to_var /root /var/roothome
move_to_var /home /var/home
move_to_var /opt /var/opt
move_to_var /srv /var/srv
move_to_var /mnt /var/mnt
mkdir -p /sysroot /boot /usr/lib/bootc/kargs.d
[ -e /ostree ] || ln -s sysroot/ostree /ostree

# Exactly one kernel.
version=
for dir in /usr/lib/modules/*/; do
    [ -d "$dir/kernel" ] || continue
    [ -z "$version" ] || {
        echo "the base image has more than one kernel: $version and $(basename "$dir")" >&2
        exit 1
    }
    version=$(basename "$dir")
done
[ -n "$version" ] || {
    echo "the base image has no kernel: nothing under /usr/lib/modules" >&2
    exit 1
}
# Kernel and initramfs are put in place, or into a unified kernel image, when the rest of the system is done.
rm -f "/usr/lib/modules/$version/vmlinuz" "/usr/lib/modules/$version/initramfs.img"
find /boot -mindepth 1 -delete
rm -f /vmlinuz /vmlinuz.old /initrd.img /initrd.img.old

# Each machine makes its own identity.
: >/etc/machine-id
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub

systemctl enable systemd-networkd.service ssh.service 2>/dev/null ||
    systemctl enable systemd-networkd.service sshd.service
systemctl mask systemd-networkd-wait-online.service
# Work on a schedule disturbs measurements, and package managers cannot write to this root.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    podman-auto-update.timer e2scrub_reap.service xfs_scrub_all.timer; do
    [ ! -e "/usr/lib/systemd/system/$unit" ] || systemctl mask "$unit"
done

# What a machine of an image does not need, and pays for at each boot or shutdown: the boot loader is not handed a random
# seed where the hypervisor has a source of entropy; the linker's cache and the journal's catalog come with the image, and
# one that the machine wrote over it would outlive the next image; nothing is left to do in an initramfs at shutdown.
systemctl mask systemd-boot-random-seed.service ldconfig.service systemd-journal-catalog-update.service \
    dracut-shutdown.service

rm -rf /var/log/* /var/cache/* /var/tmp/* /tmp/*
