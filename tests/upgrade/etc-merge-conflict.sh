#!/bin/bash
# A file here that is a folder there, or the other way round, is found when staging, and nothing is staged.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

# check_refused NAME IMAGE
check_refused() {
  local before
  before=$(boot_state)
  check_exit "$1" 1 bootc switch --transport containers-storage "localhost/$2"
  check_contains "$1: says why" 'Merge conflicts found in etc' "$err"
  check_contains "$1: names the path" 'tests-conflict' "$err"
  load_status
  check_equal "$1: nothing is staged" '' "$(verity_of staged)"
  check_exit "$1: no record" 1 test -e /run/composefs/staged-deployment
  check_equal "$1: boot entries, kernels and states are as before" "$before" "$(boot_state)"
}

stage_0() {
  context_file etc/tests-conflict/inner 'a folder'
  derive folder 'COPY etc/ /etc/'
  echo 'a file' >/etc/tests-conflict
  check_refused 'a file here, a folder in the image' folder

  rm -rf /etc/tests-conflict "$work/context/etc"
  context_file etc/tests-conflict 'a file'
  derive file 'COPY etc/ /etc/'
  mkdir /etc/tests-conflict
  echo inner >/etc/tests-conflict/inner
  check_refused 'a folder here, a file in the image' file

  rm -rf /etc/tests-conflict
  switch_to file
  check_staged file
}

run_stages
