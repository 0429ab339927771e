#!/bin/bash
# Installs into the free part of the disk, with a file system of its own for /boot, in place of the boot loader of the machine.
# What boots then is updated and rolled back.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

boot_device=/dev/disk/by-partlabel/tests-boot
root_device=/dev/disk/by-partlabel/tests-root

# add_partitions: for /boot and the new root, behind those that the disk has.
add_partitions() {
  local disk
  disk=/dev/$(lsblk --noheadings --output PKNAME "$(findmnt --noheadings --output SOURCE --mountpoint /sysroot)")
  printf '%s\n' 'size=512M, type=linux, name=tests-boot' 'size=4G, type=linux, name=tests-root' |
    sfdisk --quiet --append --no-reread --no-tell-kernel "$disk"
  partx --update "$disk"
  udevadm settle
}

# hand_over VAR: what the next stage is run from goes to the /var of the system that it runs in; what this one keeps, too.
hand_over() (
  set -e
  mount --options remount,rw "$work/root"
  mkdir -p "$1/tmp" "$1/lib/bootc-tests" /var/lib/bootc-tests
  cp --archive /var/tmp/bootc-tmt-* "$1/tmp/"
  cp --archive /var/lib/tmt "$1/lib/"
  cp --archive /var/lib/bootc-tests/. "$1/lib/bootc-tests/"
  mount --bind "$1/lib/bootc-tests" /var/lib/bootc-tests
)

# boot_names [PATTERN]: what is in /boot, one a line.
boot_names() {
  find /boot -mindepth 1 -maxdepth 1 -name "${1:-*}" -printf '%f\n' | LC_ALL=C sort
}

stage_0() {
  local root=$work/root esp=$work/root/boot/efi
  check_booted bootc
  keep installed "$(deployment_id)"
  add_partitions
  mkfs.ext4 -q -L tests-boot "$boot_device"
  mkfs.ext4 -q -O verity -L tests-root "$root_device"
  mkdir -p "$root"
  mount "$root_device" "$root"
  mkdir "$root/boot"
  mount /dev/disk/by-partlabel/EFI-SYSTEM "$root/boot"
  check_error 'kernels on an ESP are refused' 'where grub keeps its kernels' bootc install to-filesystem \
    --composefs-backend --bootloader grub --source-imgref containers-storage:localhost/bootc "$root"
  umount "$root/boot"
  mount "$boot_device" "$root/boot"
  mkdir "$esp"
  mount /dev/disk/by-partlabel/EFI-SYSTEM "$esp"

  check_exit 'install to-filesystem' 0 bootc install to-filesystem --composefs-backend --bootloader grub \
    --source-imgref containers-storage:localhost/bootc --karg bootc_tests.installed=1 "$root"
  check_equal 'one deployment, of the same image' "$(kept installed)" "$(list_names "$root/state/deploy")"
  check_contains 'GRUB looks for the new /boot' "$(blkid --output value --match-tag UUID "$boot_device")" "$(cat "$esp"/EFI/*/grub.cfg)"
  check_equal 'the root has no kernel' '' "$(umount --recursive "$root/boot" && list_names "$root/boot")"
  check_exit 'what tests need goes along' 0 hand_over "$root/state/os/default/var"
}

stage_1() {
  check_booted bootc
  check_equal 'the deployment that was installed' "$(kept installed)" "$(deployment_id)"
  check_match 'with the argument that was asked for' 'bootc_tests.installed=1' "$(</proc/cmdline)"
  check_equal 'the root' "$(realpath "$root_device")" "$(findmnt --noheadings --output SOURCE --mountpoint /sysroot)"
  check_equal '/boot' "$(realpath "$boot_device") ext4" "$(findmnt --noheadings --output SOURCE,FSTYPE --mountpoint /boot | xargs)"
  check_equal 'one kernel' 1 "$(boot_names 'bootc_composefs-*' | wc -l)"
  check_equal 'none on the root' '' "$(list_names /sysroot/boot)"
  check_equal 'units that failed' '' "$(systemctl --failed --plain --no-legend --full)"
  check_no_garbage

  next_image 1
  switch_to bootc-upgrade:1
  check_staged bootc-upgrade:1
  keep updated "$(verity_of staged)"
}

stage_2() {
  check_booted bootc-upgrade:1
  check_equal 'the staged deployment was booted' "$(kept updated)" "$(deployment_id)"
  check_equal 'the rollback is the first deployment' "$(kept installed)" "$(verity_of rollback)"
  check_equal 'the marker is there' 1 "$(marker)"
  check_equal 'two entries' 2 "$(find /boot/loader/entries -name '*.conf' | wc -l)"
  check_equal 'the kernel is shared' 1 "$(boot_names 'bootc_composefs-*' | wc -l)"
  check_equal 'still nothing on the root' '' "$(list_names /sysroot/boot)"
  check_no_garbage
  check_exit rollback 0 bootc rollback
}

stage_3() {
  check_booted bootc
  check_equal 'the deployment that was installed' "$(kept installed)" "$(deployment_id)"
  check_equal 'the rollback is the update' "$(kept updated)" "$(verity_of rollback)"
  check_no_garbage
}

run_stages
