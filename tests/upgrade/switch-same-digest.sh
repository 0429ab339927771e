#!/bin/bash
# A copy of the booted image under another name is refused, by the name of the deployment that it is.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  load_status
  local before
  before=$(boot_state)
  check_exit 'the image under another name' 0 podman tag localhost/bootc localhost/bootc-again
  check_error 'switch to what is booted' 'same fs-verity digest as the existing' \
    bootc switch --transport containers-storage localhost/bootc-again
  check_match 'it names the deployment' '[Bb]ooted' "$err"
  check_equal 'nothing was changed' "$before" "$(boot_state)"
  check_status_unchanged 'status is as before'
  check_exit upgrade 0 bootc upgrade
  check_match 'upgrade has nothing to do' 'No changes in' "$out"
  check_equal 'upgrade changed nothing' "$before" "$(boot_state)"
}

run_stages
