#!/bin/bash
# A disk is installed by way of container storage, and has the image in it under the name that it follows.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/container-storage.sh
. "$(dirname "$0")/../lib/container-storage.sh"
# shellcheck source=SCRIPTDIR/../lib/installed.sh
. "$(dirname "$0")/../lib/installed.sh"

stage_0() {
  check_exit 'the image as an OCI layout' 0 skopeo copy --quiet containers-storage:localhost/bootc "oci:$disk_folder/oci"
  truncate -s 8G "$disk_folder/disk.img"
  check_exit 'install with unified storage' 0 bootc install to-disk --via-loopback --composefs-backend --bootloader systemd \
    --filesystem ext4 --disable-selinux --experimental-unified-storage --source-imgref "oci:$disk_folder/oci" \
    --target-imgref localhost/followed "$disk_folder/disk.img"
  check_match 'how content is shared is said' 'Container storage: [0-9]+ objects shared by hard link' "$out"
  check_no_match 'nothing is copied' 'objects copied' "$out"

  local device root=$work/root
  device=$(losetup --find --show --partscan --read-only "$disk_folder/disk.img")
  udevadm settle
  mkdir -p "$root" "$work/esp-new"
  mount -o ro "${device}p3" "$root"
  mount -o ro "${device}p2" "$work/esp-new"
  check_installed "$root" "$work/esp-new"
  check_equal 'it is the deployment of this machine' "$(deployment_id)" "$(list_names "$root/state/deploy")"
  container_storage=$root/composefs/bootc/storage
  check_stored localhost/followed:latest
  check_equal 'images find the storage' ../composefs/bootc "$(readlink "$root/ostree/bootc")"
  check_match 'objects have a name in it' '^[1-9][0-9]{2,}$' "$(find "$root/composefs/objects" -type f -links +1 | wc -l)"
  umount "$work/esp-new" "$root"
  losetup --detach "$device"
  rm -rf "$disk_folder"
}

run_stages
