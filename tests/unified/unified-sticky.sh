#!/bin/bash
# Once an image came by way of container storage, its updates do, and the image switched to; what is replaced goes.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/container-storage.sh
. "$(dirname "$0")/../lib/container-storage.sh"

# put_version TEXT: publishes an image with this marker.
put_version() {
  context_file marker "$1"
  head -c 100000 /dev/urandom >"$work/context/large"
  derive followed 'COPY marker /usr/share/bootc-tests-marker' 'COPY large /usr/share/bootc-tests-large'
  publish followed
}

check_running_version() {
  load_status
  check_equal 'status: booted from the registry' "$registry_host/followed" "$(image_of booted)"
  check_equal 'the marker' "$1" "$(cat /usr/share/bootc-tests-marker 2>&1)"
}

stage_0() {
  start_registry
  put_version first
  check_exit 'switch with unified storage' 0 bootc switch --experimental-unified-storage "$registry_host/followed"
  check_match 'how content is shared is said' 'Container storage: [0-9]+ objects shared' "$out"
  check_stored "$registry_host/followed:latest"
  check_nothing_running
}

stage_1() {
  check_running_version first
  check_shared
  start_registry
  put_version second
  check_exit 'upgrade, with no word of it' 0 bootc upgrade
  check_match 'it is by way of container storage' 'Container storage: [0-9]+ objects shared' "$out"
  check_stored "$registry_host/followed:latest"
  check_equal 'the image before it is gone from there' 0 \
    "$(jq '[.[] | select((.names // []) | length == 0)] | length' "$container_storage/overlay-images/images.json")"
  check_nothing_running
}

stage_2() {
  check_running_version second
  context_file marker other
  derive other 'COPY marker /usr/share/bootc-tests-marker'
  switch_to other
  check_stored localhost/other:latest
  stop_registry
  check_exit 'the machine is whole' 0 bootc internals fsck
}

run_stages
