#!/bin/bash
# An installation brings the bound images from the storage of the host, or says that they are not there.
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

# install_disk NAME [OPTION...]: installs the binding image to a disk image of that name.
install_disk() {
  local name=$1
  shift
  truncate -s 8G "$disk_folder/$name.img"
  bootc install to-disk --via-loopback --composefs-backend --bootloader systemd --filesystem ext4 --disable-selinux \
    --source-imgref "oci:$disk_folder/oci" --target-imgref localhost/binding "$@" "$disk_folder/$name.img"
}

# with_root NAME COMMAND...: with the root of that disk at $work/root.
with_root() {
  local device result
  device=$(losetup --find --show --partscan --read-only "$disk_folder/$1.img")
  udevadm settle
  mkdir -p "$work/root"
  mount -o ro "${device}p3" "$work/root"
  shift
  "$@"
  result=$?
  umount "$work/root"
  losetup --detach "$device"
  return "$result"
}

stage_0() {
  context_file app.container '[Container]
Image=localhost/bound-app'
  derive binding 'COPY app.container /usr/lib/bootc/bound-images.d/app.container'
  check_exit 'the image as an OCI layout' 0 skopeo copy --quiet containers-storage:localhost/binding "oci:$disk_folder/oci"
  capture install_disk missing
  check_equal 'install without the bound image: exit status' 1 "$code"
  check_contains 'it says what is missing' 'localhost/bound-app is not in the storage of the host' "$err"
  rm -f "$disk_folder/missing.img"

  capture install_disk skipped --bound-images=skip
  check_equal 'install with --bound-images=skip: exit status' 0 "$code"
  container_storage=$work/root/composefs/bootc/storage
  with_root skipped check_exit 'it has no container storage' 1 test -e "$container_storage"
  rm -f "$disk_folder/skipped.img"

  make_app bound-app bound
  capture install_disk stored
  check_equal 'install: exit status' 0 "$code"
  with_root stored check_stored localhost/bound-app:latest
  rm -rf "$disk_folder"
}

run_stages
