#!/bin/bash
# dracut module: turns the physical root that the initramfs mounted into the root of a composefs deployment.

check() {
    require_binaries mount umount fsverity sed stat || return 1
    # Only on request: a system without composefs has no use for it.
    return 255
}

depends() {
    echo systemd-initrd
}

installkernel() {
    instmods erofs overlay loop
}

install() {
    local units=${systemdsystemunitdir:?}
    local root=${initdir:?}
    inst_multiple mount umount mkdir ln cat sed stat fsverity
    inst_script "${moddir:?}/initramfs-setup.sh" /usr/lib/bootc/initramfs-setup
    inst_simple "$moddir/bootc-root-setup.service" "$units/bootc-root-setup.service"
    mkdir -p "$root$units/initrd-root-fs.target.wants"
    ln -sf ../bootc-root-setup.service "$root$units/initrd-root-fs.target.wants/bootc-root-setup.service"
    inst_simple -o /usr/lib/composefs/setup-root-conf.toml
}
