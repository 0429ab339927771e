#!/bin/sh
# Turns the physical root at /sysroot into the root of one deployment: the image named on the kernel command line,
# mounted read-only, with the deployment's own /etc and the shared /var on it.
#
# Nothing but mount points inside a deployment's state folder is ever made on disk: whatever fails here leaves the disk
# as it was, and the boot in the emergency shell with the reason on the console.
set -eu

usage="usage: initramfs-setup [setup-root] [--sysroot DIR] [--target DIR] [--cmdline TEXT] [--config FILE]"
sysroot=/sysroot
target=
cmdline=
config=/usr/lib/composefs/setup-root-conf.toml
work=/run/bootc/setup-root

die() {
    echo "bootc: cannot set up the root: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        setup-root) ;;
        --sysroot | --target | --cmdline | --config)
            [ $# -ge 2 ] || die "$1 needs a value; $usage"
            case $1 in
                --sysroot) sysroot=$2 ;;
                --target) target=$2 ;;
                --cmdline) cmdline=$2 ;;
                --config) config=$2 ;;
            esac
            shift
            ;;
        *) die "unknown argument $1; $usage" ;;
    esac
    shift
done
[ -n "$target" ] || target=$sysroot
[ -n "$cmdline" ] || cmdline=$(cat /proc/cmdline)

# Sets `image` (the hex id) and `optional` (non-empty: the image may be read where there is no fs-verity, which a `?`
# before the digest says). The parameter that names format and hash goes before the older, bare one.
find_image() {
    bare=
    named=
    for word in $cmdline; do
        case $word in
            composefs.digest=v[12]-sha512-12:* | "composefs.digest=?"v[12]-sha512-12:*)
                [ -n "$named" ] || named=${word#*=}
                ;;
            composefs=*) [ -n "$bare" ] || bare=${word#*=} ;;
        esac
    done
    value=${named:-$bare}
    [ -n "$value" ] || die "there is no composefs= on the kernel command line"
    optional=
    case $value in "?"*) optional=yes value=${value#?} ;; esac
    image=${value#v[12]-sha512-12:}
    [ "${#image}" -eq 128 ] || die "composefs=$value is not a SHA-512 digest of 128 hex digits"
    case $image in *[!0-9a-f]*) die "composefs=$value is not a digest in lower-case hex digits" ;; esac
}

# setting TABLE KEY: the value in the configuration, or nothing. The file holds plain `key = value` lines in tables.
setting() {
    [ -r "$config" ] || return 0
    sed -n "/^\[$1\]/,/^\[/s/^[[:space:]]*$2[[:space:]]*=[[:space:]]*[\"']\{0,1\}\([a-z]*\).*/\1/p" "$config"
}

# mount_mode TABLE: how /etc or /var is made: none, bind, overlay or transient.
mount_mode() {
    mode=$(setting "$1" mount)
    if [ -z "$mode" ]; then
        if [ "$(setting "$1" transient)" = true ]; then mode=transient; else mode=bind; fi
        # systemd itself mounts a tmpfs there.
        case "$1  $cmdline " in
            "var "*" systemd.volatile=state "* | "var "*" systemd.volatile=overlay "*) mode=none ;;
        esac
    fi
    case $mode in
        root) mode=none ;;
        volatile) mode=transient ;;
        none | bind | overlay | transient) ;;
        *) die "$config: [$1] mount = $mode is not one of none, bind, overlay, transient" ;;
    esac
    echo "$mode"
}

# mount_transient SOURCE LOWER DIR: LOWER at DIR, under a writable layer that is gone with the power. The upper folder is
# 0755, since its mode becomes that of DIR, which every user must be able to enter.
mount_transient() {
    mkdir -p "$work/tmpfs"
    mount -t tmpfs -o mode=0755 tmpfs "$work/tmpfs"
    mkdir -m 0755 "$work/tmpfs/upper"
    mkdir -m 0700 "$work/tmpfs/work"
    mount -t overlay -o "lowerdir=$2,upperdir=$work/tmpfs/upper,workdir=$work/tmpfs/work" "$1" "$3"
    umount -l "$work/tmpfs"
}

# mount_state NAME: /etc or /var of the deployment.
mount_state() {
    state=$work/sysroot/state/deploy/$image
    mode=$(mount_mode "$1") || exit 1
    case $mode in
        none) ;;
        transient) mount_transient transient "$lower/$1" "$target/$1" ;;
        bind)
            [ -d "$state/$1" ] || die "the deployment has no $1: state/deploy/$image/$1 is missing"
            mount --bind "$state/$1" "$target/$1"
            ;;
        overlay)
            [ -d "$state/$1" ] || die "the deployment has no $1: state/deploy/$image/$1 is missing"
            [ -d "$state/$1/upper" ] || mkdir -m 0755 "$state/$1/upper"
            [ -d "$state/$1/work" ] || mkdir -m 0700 "$state/$1/work"
            mount -t overlay -o "lowerdir=$lower/$1,upperdir=$state/$1/upper,workdir=$state/$1/work" overlay "$target/$1"
            ;;
    esac
}

# systemd looks here for the device of a root that is not itself on a block device.
if [ -e /dev/gpt-auto-root ] && [ ! -e /run/systemd/volatile-root ]; then
    mkdir -p /run/systemd
    ln -s "/dev/block/$(stat -L -c '%Hr:%Lr' /dev/gpt-auto-root)" /run/systemd/volatile-root
fi

# What is mounted only to make other mounts goes away, however this ends.
let_go() {
    umount -l "$work/erofs" 2>/dev/null || :
    umount -l "$work/image" 2>/dev/null || :
    umount -l "$work/sysroot" 2>/dev/null || :
}

find_image
# Without `rw` on the command line, as in many a unified kernel image, systemd mounts the root read-only and leaves it to
# fstab to change that. Here /etc and /var are on it. On a write-protected disk the system is a read-only one.
case " $cmdline " in
    *" rw "* | *" ro "*) ;;
    *) mount -o remount,rw "$sysroot" || echo "bootc: the physical root stays read-only" >&2 ;;
esac
mkdir -p "$work/sysroot" "$work/erofs"
trap let_go EXIT
mount --bind "$sysroot" "$work/sysroot"
# systemd shares all mounts: without this the new root, mounted on the old one, would appear here too and hide it.
mount --make-private "$work/sysroot"
repository=$work/sysroot/composefs
file=$repository/images/$image
[ -e "$file" ] || die "the image $image is not in the repository /sysroot/composefs"

verity=verity=require
measured=$(fsverity measure "$file" 2>&1) || measured=
case $measured in
    "sha512:$image "*) ;;
    "")
        [ -n "$optional" ] || die "the image $image has no fs-verity, and the kernel command line demands it"
        verity=verity=off
        ;;
    *) die "the image $image does not hold what its name says: $measured" ;;
esac

mount -t erofs -o ro "$file" "$work/erofs"
mount -t overlay -o "ro,lowerdir=$work/erofs::$repository/objects,metacopy=on,redirect_dir=on,$verity" \
    "composefs:$image" "$target"

# Where the layers of /etc and /var begin. It is never a transient root, since the kernel takes no third overlay on two.
lower=$target
if [ "$(setting root transient)" = true ]; then
    lower=$work/image
    mkdir -p "$lower"
    mount --bind "$target" "$lower"
    mount --make-private "$lower"
    mount_transient "transient:composefs=$image" "$target" "$target"
fi
if [ -d "$target/sysroot" ]; then
    mount --bind "$work/sysroot" "$target/sysroot"
    mount -o remount,bind,ro "$target/sysroot"
fi
mount_state etc
mount_state var
