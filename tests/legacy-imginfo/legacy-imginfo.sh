#!/bin/bash
# A machine of bootc 1.13, whose record of the image is a file beside the origin: status shows the image; the machine is
# upgraded, rolled back, and in the end the old deployment goes with its record.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/legacy.sh
. "$(dirname "$0")/../lib/legacy.sh"

# check_legacy ROLE: status tells of the old deployment what its record says.
check_legacy() {
  load_status
  check_equal "status: the old deployment is $1" "$(kept old)" "$(verity_of "$1")"
  check_equal 'status: its image' localhost/bootc "$(image_of "$1")"
  check_equal 'status: the digest of its image does not change' "$(kept digest)" \
    "$(status_value ".status.$1.image.imageDigest")"
  check_equal 'status: its architecture' amd64 "$(status_value ".status.$1.image.architecture")"
  check_equal 'nothing is incomplete' null "$(status_value .status.incomplete)"
}

stage_0() {
  local origin
  boot_finished
  keep old "$(deployment_id)"
  load_status
  keep digest "$(status_value .status.booted.image.imageDigest)"
  check_match 'the digest says what kind it is' '^sha256:[0-9a-f]{64}$' "$(kept digest)"
  check_legacy booted
  check_equal 'the record of 1.13 is there' "$(kept old)" "$(legacy_records)"
  origin=/sysroot/state/deploy/$(kept old)/$(kept old).origin
  check_equal 'the origin file names no manifest' '' "$(grep manifest_digest "$origin")"
  check_equal 'the repository says what it is' fsverity-sha512-12 "$(jq -r .algorithm /sysroot/composefs/meta.json)"
  check_equal 'its images are of format 2' 2 "$(jq .erofs_formats.default /sysroot/composefs/meta.json)"
  check_exit 'internals fsck' 0 bootc internals fsck
  context_file marker first
  derive first 'COPY marker /usr/share/bootc-tests-marker'
  switch_to first
}

stage_1() {
  check_booted first
  keep new "$(deployment_id)"
  check_legacy rollback
  check_exit 'garbage is collected' 0 bootc internals composefs-gc --prune-repo
  check_legacy rollback
  check_exit rollback 0 bootc rollback
}

stage_2() {
  check_legacy booted
  check_equal 'the kernel booted it' "$(kept old)" "$(deployment_id)"
  check_equal 'no trace of the other image' '' "$(cat /usr/share/bootc-tests-marker 2>/dev/null)"
  check_equal 'status: the new one is the rollback' "$(kept new)" "$(verity_of rollback)"
  check_exit 'rollback, forwards' 0 bootc rollback
}

stage_3() {
  check_booted first
  context_file marker second
  derive second 'COPY marker /usr/share/bootc-tests-marker'
  switch_to second
}

stage_4() {
  check_booted second
  check_equal 'status: the rollback is the first new one' "$(kept new)" "$(verity_of rollback)"
  check_exit 'garbage is collected' 0 bootc internals composefs-gc --prune-repo
  check_equal 'the record of 1.13 went with its deployment' '' "$(legacy_records)"
  check_equal 'so did its image' '' "$(find "/sysroot/composefs/images/$(kept old)" 2>/dev/null)"
  check_exit 'nothing is left to collect' 0 bootc internals composefs-gc --assert-no-op --prune-repo
  check_exit 'nothing is left to migrate' 0 bootc internals migrate
  check_equal 'and nothing was done' '' "$out"
  check_exit 'internals repair' 0 bootc internals repair
  check_equal 'finds nothing' 'Nothing to repair' "$out"
}

run_stages
