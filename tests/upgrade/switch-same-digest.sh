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
  # Its layers are made anew, so that it is another image to podman.
  check_exit 'the image under another name' 0 bootc image copy-to-storage --target localhost/bootc-again
  check_error 'switch to what is booted' 'same fs-verity digest as the existing' \
    bootc switch --transport containers-storage localhost/bootc-again
  check_match 'it names the deployment' '[Bb]ooted' "$err"
  check_equal 'nothing was changed' "$before" "$(boot_state)"
  check_status_unchanged 'status is as before'

  next_image 1
  switch_to bootc-upgrade:1
  check_staged bootc-upgrade:1
  before=$(boot_state)
  check_exit 'what is staged under another name' 0 podman tag localhost/bootc-upgrade:1 localhost/upgrade-again
  check_error 'switch to what is staged' 'same fs-verity digest as the existing' \
    bootc switch --transport containers-storage localhost/upgrade-again
  check_match 'it names the staged deployment' "staged deployment $(verity_of staged)" "$err"
  check_equal 'nothing was changed again' "$before" "$(boot_state)"
}

run_stages
