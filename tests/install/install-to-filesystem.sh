#!/bin/bash
# An installation into file systems that are mounted already: root, /boot, the ESP and /var, each of its own.
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
  local device entry part root=$work/root
  truncate -s 8G "$disk_folder/disk.img"
  printf '%s\n' 'label: gpt' 'size=512M, type=uefi, name=EFI-SYSTEM' 'size=512M, type=linux, name=boot' 'size=512M, type=linux, name=var' \
    'type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, name=root' | sfdisk --quiet "$disk_folder/disk.img"
  device=$(losetup --find --show --partscan "$disk_folder/disk.img")
  udevadm settle
  mkfs.vfat -n EFI-SYSTEM "${device}p1" >/dev/null
  mkfs.ext4 -q -L boot "${device}p2"
  mkfs.ext4 -q -L var "${device}p3"
  mkfs.ext4 -q -O verity -L root "${device}p4"
  mkdir -p "$root"
  mount "${device}p4" "$root"
  mkdir "$root/boot" "$root/var"
  mount "${device}p2" "$root/boot"
  mkdir "$root/boot/efi"
  mount "${device}p1" "$root/boot/efi"
  mount "${device}p3" "$root/var"

  echo leftover >"$root/leftover"
  check_error 'a file system that is not empty is refused' 'leftover' bootc install to-filesystem --composefs-backend \
    --bootloader systemd --source-imgref containers-storage:localhost/bootc "$root"
  rm "$root/leftover"
  check_exit 'install to-filesystem' 0 bootc install to-filesystem --composefs-backend --bootloader systemd \
    --source-imgref containers-storage:localhost/bootc --karg bootc_tests.installed=1 "$root"
  check_exit 'the ESP is mounted still' 0 mountpoint --quiet "$root/boot/efi"
  check_installed "$root" "$root/boot/efi"
  entry=$(cat "$root"/boot/efi/loader/entries/*.conf)
  check_match 'the argument that was asked for' 'bootc_tests.installed=1' "$entry"
  check_contains '/boot is mounted by its UUID' "boot=UUID=$(blkid --output value --match-tag UUID "${device}p2")" "$entry"
  check_equal 'the file system for /var has nothing of the root' 'lost+found' "$(list_names "$root/var")"
  umount --recursive "$root"
  for part in p2 p3 p4; do
    check_exit "the file system on $part is whole" 0 fsck.ext4 -f -n "$device$part"
  done
  losetup --detach "$device"
  rm -rf "$disk_folder"
}

run_stages
