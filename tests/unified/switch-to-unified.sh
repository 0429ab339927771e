#!/bin/bash
# The image of the machine goes to its container storage, one is built there, and the machine boots it.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/container-storage.sh
. "$(dirname "$0")/../lib/container-storage.sh"

# prune_storage: what `podman image prune --all` does to the storage of bootc.
prune_storage() {
  mkdir -p /run/bootc/storage
  # shellcheck disable=SC2016 # an inner shell expands
  with_writable_sysroot bash -c 'cd "$1" && mount --bind . /run/bootc/storage && exec podman --root /run/bootc/storage \
    --runroot /proc/self/fd/3 image prune --all --force' bash "$container_storage" 3</run/bootc/storage
}

stage_0() {
  check_exit 'nothing is stored yet' 1 test -e "$container_storage/overlay-images/images.json"
  check_exit 'image set-unified' 0 bootc image set-unified
  check_match 'it says so' 'Unified storage enabled for .*localhost/bootc' "$out"
  check_match 'what was there already is shared' 'Container storage: [0-9]+ objects shared by (hard link|reflink)' "$out"
  check_shared
  check_exit 'what runs is whole' 0 bootc internals fsck
  check_stored localhost/bootc:latest
  check_nothing_running
  check_exit 'image set-unified again' 0 bootc image set-unified
  check_match 'which is nothing to do' 'is already in bootc storage\.$' "$out"
  check_exit 'image list' 0 bootc image list --format json
  check_equal 'image list has it' unified "$(jq -r '.[] | select(.image == "localhost/bootc:latest") | .image_type' <<<"$out")"
  check_exit 'image cmd list' 0 bootc image cmd list -q
  check_match 'image cmd list is that of podman' '^[0-9a-f]{12}$' "$out"
  check_equal 'images find the storage' "$(realpath "$container_storage")" "$(realpath /usr/lib/bootc/storage)"

  context_file marker unified
  head -c 100000 /dev/urandom >"$work/context/large"
  printf '%s\n' 'FROM localhost/bootc' 'COPY marker /usr/share/bootc-tests-marker' 'COPY large /usr/share/bootc-tests-large' \
    >"$work/Containerfile"
  check_exit 'image cmd build' 0 bootc image cmd build --quiet --pull=never --network=none --tag localhost/derived \
    --file "$work/Containerfile" "$work/context"
  check_stored localhost/derived:latest
  check_exit 'it is not in the storage of the host' 1 podman image exists localhost/derived
  switch_to derived
  check_match 'how content is shared is said' 'Container storage: [0-9]+ objects shared by (hard link|reflink)' "$out"
  check_no_match 'nothing is copied' 'objects copied' "$out"
  check_staged derived
}

stage_1() {
  check_booted derived
  check_equal 'the marker is there' unified "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_shared
  check_exit 'prune the storage' 0 prune_storage
  check_equal 'which is empty then' '' "$(stored_names)"
  check_exit 'the deployment is whole without it' 0 bootc internals fsck
  check_exit 'so is its repository' 0 bootc internals cfs fsck
}

run_stages
