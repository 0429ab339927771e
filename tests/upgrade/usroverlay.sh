#!/bin/bash
# /usr can be made writable until the next boot, and readable only in the same way.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  load_status
  check_equal 'status: no overlay' null "$(status_value .status.usrOverlay)"
  check_exit '/usr cannot be written' 1 touch /usr/bootc-tests
  check_exit usr-overlay 0 bootc usr-overlay
  check_exit '/usr can be written' 0 touch /usr/bootc-tests
  load_status
  check_equal 'status: its mode' readWrite "$(status_value .status.usrOverlay.accessMode)"
  check_equal 'status: how long' transient "$(status_value .status.usrOverlay.persistence)"
  check_exit 'usr-overlay, again' 0 bootc usr-overlay
  check_exit 'what was written is still there' 0 test -e /usr/bootc-tests
}

stage_1() {
  load_status
  check_equal 'status: no overlay after a reboot' null "$(status_value .status.usrOverlay)"
  check_exit 'what was written is gone' 1 test -e /usr/bootc-tests
  check_exit 'usr-overlay --read-only' 0 bootc usr-overlay --read-only
  check_exit '/usr cannot be written' 1 touch /usr/bootc-tests
  load_status
  check_equal 'status: its mode' readOnly "$(status_value .status.usrOverlay.accessMode)"
  check_equal 'status: how long' transient "$(status_value .status.usrOverlay.persistence)"
}

run_stages
