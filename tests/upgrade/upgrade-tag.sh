#!/bin/bash
# An upgrade to another tag of the image that is followed.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  context_file marker v1
  derive tagged:v1 'COPY marker /usr/share/bootc-tests-marker'
  context_file marker v2
  derive tagged:v2 'COPY marker /usr/share/bootc-tests-marker'
  switch_to tagged:v1
}

stage_1() {
  check_booted tagged:v1
  check_equal 'its marker' v1 "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_exit 'podman still has v1' 0 podman image exists localhost/tagged:v1
  check_exit 'podman still has v2' 0 podman image exists localhost/tagged:v2
  check_exit 'upgrade --check --tag v2' 0 bootc upgrade --check --tag v2
  check_exit 'which staged nothing' 1 test -e /run/composefs/staged-deployment
  check_exit 'upgrade --tag v2' 0 bootc upgrade --tag v2
  check_staged tagged:v2
}

stage_2() {
  check_booted tagged:v2
  check_equal 'its marker' v2 "$(cat /usr/share/bootc-tests-marker 2>&1)"
}

run_stages
