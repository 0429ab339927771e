#!/bin/bash
# What was only downloaded is not booted, until it is released.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  keep first "$(deployment_id)"
  context_file marker first
  derive followed 'COPY marker /usr/share/bootc-tests-marker'
  switch_to followed
}

stage_1() {
  check_booted followed
  keep second "$(deployment_id)"
  check_error 'from-downloaded without anything' 'No staged deployment' bootc upgrade --from-downloaded
  context_file marker second
  derive followed 'COPY marker /usr/share/bootc-tests-marker'
  check_exit 'upgrade --download-only' 0 bootc upgrade --download-only
  check_staged followed
  check_equal 'status: only downloaded' true "$(status_value .status.staged.downloadOnly)"
}

stage_2() {
  check_booted followed
  check_equal 'the downloaded one was not booted' "$(kept second)" "$(deployment_id)"
  check_equal 'the marker is the old one' first "$(cat /usr/share/bootc-tests-marker 2>&1)"
  check_exit 'upgrade --download-only, again' 0 bootc upgrade --download-only
  load_status
  check_equal 'status: only downloaded, again' true "$(status_value .status.staged.downloadOnly)"
  check_exit 'the image is gone from podman' 0 podman rmi --force localhost/followed
  check_exit 'upgrade --from-downloaded needs no source' 0 bootc upgrade --from-downloaded
  load_status
  check_equal 'status: not only downloaded' false "$(status_value .status.staged.downloadOnly)"
}

stage_3() {
  load_status
  check_no_match 'the new one was booted' "$(kept second)" "$(deployment_id)"
  check_equal 'its marker' second "$(cat /usr/share/bootc-tests-marker 2>&1)"
}

run_stages
