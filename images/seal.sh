#!/bin/sh
# Builds what is signed when an image is sealed, in a container with the tools for it. The root of the image is at /target,
# its kernel at /kernel/VERSION, the key of db and its certificate are secrets of the build; an unsealed image is not signed.
# usage: seal.sh loader SEAL_STATE | seal.sh kernel SEAL_STATE ALLOW_MISSING_VERITY
set -eu

key=/run/secrets/secureboot_key
cert=/run/secrets/secureboot_cert
what=$1
state=$2
optional=${3:-false}
mkdir -p /output
if [ "$state" = sealed ] && [ ! -e "$key" ]; then
    echo "a sealed image needs the secrets secureboot_key and secureboot_cert (just generate-secureboot-keys)" >&2
    exit 1
fi

case $what in
    loader)
        [ "$state" = sealed ] || exit 0
        # bootctl(1) installs the .signed file where there is one.
        for loader in /target/usr/lib/systemd/boot/efi/systemd-boot*.efi; do
            sbsign --key "$key" --cert "$cert" --output "/output/$(basename "$loader").signed" "$loader"
        done
        ;;
    kernel)
        version=$(ls /kernel)
        mkdir -p /output/EFI/Linux
        set -- --rootfs /target --kernel-dir "/kernel/$version" --write-dumpfile-to "/output/$version.dump"
        if [ "$optional" = true ]; then set -- "$@" --allow-missing-verity; fi
        # The stub starts the kernel inside without another signature.
        set -- "$@" -- --no-sign-kernel --output "/output/EFI/Linux/$version.efi"
        if [ "$state" = sealed ]; then
            set -- "$@" --signtool=sbsign --secureboot-private-key="$key" --secureboot-certificate="$cert"
        fi
        bootc container ukify "$@"
        ;;
esac
