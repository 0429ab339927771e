#!/bin/bash
# A disk image is installed from a machine that is no container, from an OCI layout.
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
  check_error 'to-filesystem outside of a container needs a source' '--source-imgref must be defined' \
    bootc install to-filesystem --composefs-backend "$work"
  check_error 'to-disk outside of a container needs a source' '--source-imgref must be defined' \
    bootc install to-disk --composefs-backend --via-loopback "$disk_folder/none.img"

  check_exit 'the image as an OCI layout' 0 skopeo copy --quiet containers-storage:localhost/bootc "oci:$disk_folder/oci"
  truncate -s 8G "$disk_folder/disk.img"
  check_exit 'install to-disk' 0 bootc install to-disk --via-loopback --composefs-backend --bootloader systemd \
    --filesystem ext4 --disable-selinux --source-imgref "oci:$disk_folder/oci" --target-imgref localhost/bootc "$disk_folder/disk.img"
  check_equal 'no loop device is left' '' "$(losetup --noheadings --associated "$disk_folder/disk.img")"

  local device
  device=$(losetup --find --show --partscan --read-only "$disk_folder/disk.img")
  udevadm settle
  mkdir -p "$work/root" "$work/esp-new"
  mount -o ro "${device}p3" "$work/root"
  mount -o ro "${device}p2" "$work/esp-new"
  check_installed "$work/root" "$work/esp-new"
  check_equal 'it is the deployment of this machine' "$(deployment_id)" "$(list_names "$work/root/state/deploy")"
  umount "$work/esp-new" "$work/root"
  losetup --detach "$device"
  rm -rf "$disk_folder"
}

run_stages
