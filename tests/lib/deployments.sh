# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # checks.sh sets what is used here; single quotes: an inner shell expands
# New images for the guest, and what is expected of a deployment. Sourced after checks.sh.

base_image=localhost/bootc

# derive NAME [LINE...]: builds localhost/NAME on the image this machine was installed from, which podman reads from the
# storage of the host. LINEs are lines of a Containerfile; the folder $work/context is its context. No container runs
# unless a line says so.
derive() {
  derive_from "$base_image" "$@"
}

derive_from() {
  local from=$1 name=$2
  shift 2
  mkdir -p "$work/context"
  printf '%s\n' "FROM $from" "$@" >"$work/Containerfile"
  check_exit "podman builds $name" 0 podman build --quiet --pull=never --network=none --tag "localhost/$name" \
    --file "$work/Containerfile" "$work/context"
}

# next_image NUMBER: makes sure of localhost/bootc-upgrade:NUMBER, the image under test with a marker that says the number.
# With a unified kernel image it has to be sealed anew, so there it comes ready-made with the machine that runs the VM.
next_image() {
  if [[ ${BOOTC_upgrade_image:-} ]]; then
    local given=$BOOTC_upgrade_image:$1
    check_exit "the storage of the host has $given" 0 podman image exists "$given"
    [[ $given == "localhost/bootc-upgrade:$1" ]] || podman tag "$given" "localhost/bootc-upgrade:$1"
  else
    context_file marker "$1"
    derive "bootc-upgrade:$1" 'COPY marker /usr/share/bootc-tests-marker'
  fi
}

# marker: of the image that runs; nothing for the one under test.
marker() {
  cat /usr/share/bootc-tests-marker 2>/dev/null
}

# kernels_of NUMBER: how many kernels there are for NUMBER deployments that differ only in a marker.
kernels_of() {
  if [[ ${BOOTC_boot_type:-bls} == uki ]]; then echo "$1"; else echo 1; fi
}

# context_file PATH TEXT: a file for COPY.
context_file() {
  mkdir -p "$work/context/$(dirname "$1")"
  printf '%s\n' "$2" >"$work/context/$1"
}

# switch_to NAME [OPTION...]: stages localhost/NAME from podman's storage.
switch_to() {
  local name=$1
  shift
  check_exit "switch to $name" 0 bootc switch --transport containers-storage "$@" "localhost/$name"
}

# The digest of a deployment as status tells it; role is booted, staged or rollback.
verity_of() {
  status_value ".status.$1.composefs.verity // empty"
}

image_of() {
  status_value ".status.$1.image.image.image // empty"
}

# check_booted NAME: the machine runs localhost/NAME, and everything about it agrees.
check_booted() {
  load_status
  check_equal "status: booted from $1" "localhost/$1" "$(image_of booted)"
  check_equal "status and kernel agree" "$(deployment_id)" "$(verity_of booted)"
  check_equal "status: nothing is staged" '' "$(verity_of staged)"
  check_exit 'internals fsck' 0 bootc internals fsck
}

# check_staged NAME: localhost/NAME is staged, whole; loads the status.
check_staged() {
  load_status
  check_equal "status: $1 is staged" "localhost/$1" "$(image_of staged)"
  check_match 'status: the staged deployment has an id' '^[0-9a-f]{128}$' "$(verity_of staged)"
  check_equal 'the record names it' "$(verity_of staged)" "$(jq -r .depl_id /run/composefs/staged-deployment)"
}

# check_no_garbage: a collection, of the repository too, would find nothing.
check_no_garbage() {
  check_exit 'nothing is left to collect' 0 bootc internals composefs-gc --assert-no-op --prune-repo
}

# with_esp COMMAND...: with the EFI system partition read-only at $work/esp.
with_esp() {
  mount_esp "$work/esp"
  "$@"
  local result=$?
  umount "$work/esp"
  return "$result"
}

# kernel_names: kernel folders and unified kernel images that the boot loader can start, one a line.
kernel_names() {
  local folder=$work/esp/EFI/Linux
  [[ ${BOOTC_bootloader:-systemd} != grub ]] || folder=/sysroot/boot
  with_esp find "$folder" -maxdepth 2 -name 'bootc_composefs-*' ! -name '*.extra.d' -printf '%f\n' | LC_ALL=C sort
}

# boot_state: all that decides what boots: entries with their content, kernels, states, what is staged.
boot_state() {
  with_esp bash -c '
    find "$@" -type f -printf "%p %s\n" | LC_ALL=C sort
    find "$@" -path "*/loader/entries/*" -type f -exec cat {} +' bash "$work/esp" /sysroot/boot 2>/dev/null
  list_names /sysroot/state/deploy
  cat /run/composefs/staged-deployment 2>/dev/null
}

# with_writable_sysroot COMMAND...: in a mount namespace of its own, where /sysroot can be written.
with_writable_sysroot() {
  unshare --mount --propagation=private -- bash -c 'mount -o remount,rw /sysroot && exec "$@"' bash "$@"
}

# add_entry ID: a boot entry like the first one, for another deployment.
add_entry() {
  unshare --mount --propagation=private -- bash -c '
    set -e
    device=$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)
    mkdir -p "$2/esp-rw"
    mount -t vfat "$device" "$2/esp-rw"
    first=$(ls "$2"/esp-rw/loader/entries/*.conf | head -n 1)
    sed "s/composefs=[0-9a-f]*/composefs=$1/; s/^sort-key .*/sort-key zz-unknown/" "$first" \
      >"$2/esp-rw/loader/entries/bootc_unknown-0-0.conf"
    umount "$2/esp-rw"' bash "$1" "$work"
}
