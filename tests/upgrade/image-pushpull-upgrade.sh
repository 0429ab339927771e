#!/bin/bash
# The booted image goes to podman's storage, a derived one comes back, and upgrade follows it.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

# kargs_file NAME...: a file of kargs.d that asks for these arguments.
kargs_file() {
  printf 'kargs = [%s]\n' "$(printf '"%s", ' "$@" | sed 's/, $//')"
}

# check_progress FILE: lines of JSON, of which one tells how much there is to fetch.
check_progress() {
  check_match 'progress was written' . "$(head -c 200 "$1")"
  check_exit 'every line of progress is an object of JSON with a type' 0 \
    jq --exit-status --slurp 'length > 0 and all(type == "object" and (.type | type == "string"))' "$1"
}

stage_0() {
  check_exit 'internals fsck' 0 bootc internals fsck
  check_exit 'image copy-to-storage' 0 bootc image copy-to-storage
  check_exit 'podman has the image' 0 podman image exists localhost/bootc
  check_equal 'it is the image of this machine, in its own storage' false \
    "$(podman images --format '{{.ReadOnly}}' localhost/bootc | grep -m1 false)"

  context_file marker first
  context_file kargs.toml "$(kargs_file bootc_tests.first=1 bootc_tests.both=1)"
  derive derived 'COPY marker /usr/share/bootc-tests-marker' 'COPY kargs.toml /usr/lib/bootc/kargs.d/50-tests.toml'
  exec 9> >(cat >"$work/progress")
  local reader=$!
  check_exit 'switch with progress' 0 bootc switch --transport containers-storage --progress-fd 9 localhost/derived
  exec 9>&-
  wait "$reader"
  check_progress "$work/progress"
  check_staged derived
}

stage_1() {
  check_booted derived
  check_equal 'status: transport' containers-storage "$(status_value .status.booted.image.image.transport)"
  check_equal 'the marker is there' first "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_contains 'arguments of the image' 'bootc_tests.first=1' "$(cat /proc/cmdline)"
  check_contains 'arguments of the image, another' 'bootc_tests.both=1' "$(cat /proc/cmdline)"

  check_exit 'upgrade --check finds nothing' 0 bootc upgrade --check
  check_match 'and says so' 'No changes in' "$out"
  context_file marker second
  context_file kargs.toml "$(kargs_file bootc_tests.both=1 bootc_tests.second=1)"
  derive derived 'COPY marker /usr/share/bootc-tests-marker' 'COPY kargs.toml /usr/lib/bootc/kargs.d/50-tests.toml'
  load_status
  check_exit 'upgrade --check finds the new one' 0 bootc upgrade --check
  check_exit 'upgrade --check staged nothing' 1 test -e /run/composefs/staged-deployment
  check_exit upgrade 0 bootc upgrade
  check_staged derived
  check_no_match 'the staged image is another' "^$(status_value .status.booted.image.imageDigest)\$" \
    "$(status_value .status.staged.image.imageDigest)"
}

stage_2() {
  check_booted derived
  check_equal 'the marker is the new one' second "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_contains 'an argument that is new' 'bootc_tests.second=1' "$(cat /proc/cmdline)"
  check_contains 'an argument that stayed' 'bootc_tests.both=1' "$(cat /proc/cmdline)"
  check_no_match 'an argument that was dropped' 'bootc_tests.first' "$(cat /proc/cmdline)"
}

run_stages
