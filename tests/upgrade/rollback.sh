#!/bin/bash
# Back to the old deployment; twice is nothing; a staged deployment is dropped by it.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  keep first "$(deployment_id)"
  check_error 'rollback with nothing to go back to' 'rollback' bootc rollback
  next_image 1
  switch_to bootc-upgrade:1
}

stage_1() {
  check_booted bootc-upgrade:1
  keep second "$(deployment_id)"
  check_equal 'no rollback is queued' false "$(status_value .status.rollbackQueued)"
  check_exit rollback 0 bootc rollback
  load_status
  check_equal 'the rollback is queued' true "$(status_value .status.rollbackQueued)"
  check_equal 'status: the boot order' rollback "$(status_value .spec.bootOrder)"
}

stage_2() {
  check_booted bootc
  check_equal 'the first deployment was booted' "$(kept first)" "$(deployment_id)"
  check_exit 'the marker is gone' 1 test -e /usr/share/bootc-tests-marker
  check_equal 'the second one is the rollback' "$(kept second)" "$(verity_of rollback)"
  check_equal 'no rollback is queued any more' false "$(status_value .status.rollbackQueued)"

  check_exit 'rollback' 0 bootc rollback
  check_exit 'rollback, again' 0 bootc rollback
  load_status
  check_equal 'twice is nothing' false "$(status_value .status.rollbackQueued)"
}

stage_3() {
  check_booted bootc
  check_equal 'still the first deployment' "$(kept first)" "$(deployment_id)"
  next_image 2
  switch_to bootc-upgrade:2
  check_staged bootc-upgrade:2
  check_exit 'rollback with something staged' 0 bootc rollback
  load_status
  check_equal 'nothing is staged any more' '' "$(verity_of staged)"
  check_equal 'the rollback is queued' true "$(status_value .status.rollbackQueued)"
}

stage_4() {
  check_booted bootc-upgrade:1
  check_equal 'the second deployment was booted' "$(kept second)" "$(deployment_id)"
  check_equal 'its marker' 1 "$(marker)"
  check_exit 'garbage collection' 0 bootc internals composefs-gc --prune-repo
  check_no_garbage
}

run_stages
