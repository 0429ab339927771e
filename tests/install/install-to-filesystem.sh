#!/bin/bash
# An installation into file systems that are mounted already, the root on one disk and what it boots from beside it.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/installed.sh
. "$(dirname "$0")/../lib/installed.sh"

stage_0() {
  local device root=$work/root
  truncate -s 8G "$disk_folder/disk.img"
  printf '%s\n' 'label: gpt' 'size=512M, type=uefi, name=EFI-SYSTEM' 'type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, name=root' |
    sfdisk --quiet "$disk_folder/disk.img"
  device=$(losetup --find --show --partscan "$disk_folder/disk.img")
  udevadm settle
  mkfs.vfat -n EFI-SYSTEM "${device}p1" >/dev/null
  mkfs.ext4 -q -O verity -L root "${device}p2"
  mkdir -p "$root"
  mount "${device}p2" "$root"
  mkdir -p "$root/boot"
  mount "${device}p1" "$root/boot"

  echo leftover >"$root/leftover"
  check_error 'a file system that is not empty is refused' 'leftover' bootc install to-filesystem --composefs-backend \
    --bootloader systemd --source-imgref containers-storage:localhost/bootc "$root"
  rm "$root/leftover"
  check_exit 'install to-filesystem' 0 bootc install to-filesystem --composefs-backend --bootloader systemd \
    --source-imgref containers-storage:localhost/bootc --karg bootc_tests.installed=1 "$root"
  if ! mountpoint --quiet "$root/boot"; then mount -o ro "${device}p1" "$root/boot"; fi
  check_installed "$root" "$root/boot"
  check_match 'the argument that was asked for' 'bootc_tests.installed=1' "$(cat "$root"/boot/loader/entries/*.conf)"
  umount --recursive "$root"
  check_exit 'the file system is whole' 0 fsck.ext4 -f -n "${device}p2"
  losetup --detach "$device"
  rm -rf "$disk_folder"
}

run_stages
