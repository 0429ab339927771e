#!/bin/bash
# Lost records and entries that lead nowhere are told, and neither status nor the next upgrade fails.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

# origin_warnings: what the journal was told under the id by which programs look for it.
origin_warnings() {
  journalctl --sync
  journalctl --boot --no-pager --output=cat F_MESSAGE_ID=d264f924dadb4c31bff0412107d391fb
}

stage_0() {
  context_file marker first
  derive first 'COPY marker /usr/share/bootc-tests-marker'

  # An entry of a deployment that nobody knows.
  local unknown
  unknown=$(printf '0%.0s' {1..128})
  check_exit 'an entry that leads nowhere' 0 add_entry "$unknown"
  check_exit 'status with it' 0 bootc status --json
  check_contains 'the journal tells of it' "No origin file for deployment $unknown" "$(origin_warnings)"
  switch_to first
  check_staged first

  # The folder of the record is lost: what was staged is a leftover of nobody.
  rm -rf /run/composefs
  check_exit 'status without the record' 0 bootc status --json
  load_status
  check_equal 'nothing is staged' '' "$(verity_of staged)"
  switch_to first
  check_staged first

  # The origin of the staged deployment is lost.
  local staged
  staged=$(verity_of staged)
  check_exit 'the origin is removed' 0 with_writable_sysroot rm "/sysroot/state/deploy/$staged/$staged.origin"
  check_exit 'status without the origin' 0 bootc status --json
  check_contains 'the journal tells of that, too' "No origin file for deployment $staged" "$(origin_warnings)"
  switch_to first
  check_staged first
}

stage_1() {
  check_booted first
  check_equal 'its marker' first "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_exit 'garbage collection' 0 bootc internals composefs-gc --prune-repo
  check_no_garbage
}

run_stages
