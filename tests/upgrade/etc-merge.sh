#!/bin/bash
# Changes of /etc go along, the image's own changes arrive, and what both leave alone is the image's.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  keep first "$(deployment_id)"
  context_file etc/tests-image 'of the image'
  context_file etc/tests-both 'of the image'
  context_file etc/tests-removed-here 'of the image'
  context_file etc/tests-sealed 'of the image'
  derive etc-first 'COPY etc/ /etc/'
  switch_to etc-first
}

stage_1() {
  check_booted etc-first
  check_equal 'files of the image arrived' 'of the image' "$(cat /etc/tests-image 2>&1)"
  echo 'of this machine' >/etc/tests-both
  rm /etc/tests-removed-here
  echo 'of this machine' >/etc/tests-sealed
  # That nobody can change it any more does not make it the image's.
  if has_verity; then check_exit 'a file that was changed is sealed' 0 bootc internals fsverity enable /etc/tests-sealed; fi
  mkdir -m 0750 /etc/tests-folder
  echo 'of this machine' >/etc/tests-folder/file
  chown 7:8 /etc/tests-folder/file
  chmod 0640 /etc/tests-folder/file
  setfattr -n user.tests -v value /etc/tests-folder/file 2>/dev/null || python3 -c \
    'import os; os.setxattr("/etc/tests-folder/file", "user.tests", b"value")'
  ln -s tests-both /etc/tests-link
  hostnamectl set-hostname etc-tests 2>/dev/null || echo etc-tests >/etc/hostname
  context_file etc/tests-image 'of the next image'
  context_file etc/tests-both 'of the next image'
  context_file etc/tests-removed-here 'of the next image'
  context_file etc/tests-sealed 'of the next image'
  context_file etc/tests-new 'of the next image'
  derive etc-second 'COPY etc/ /etc/'
  check_exit 'config-diff' 0 bootc config-diff
  check_match 'config-diff names what was changed' 'tests-both' "$out"
  check_match 'config-diff names what was removed' 'tests-removed-here' "$out"
  switch_to etc-second
  # Made after staging: what counts is /etc as it is at the shutdown.
  echo 'late' >/etc/tests-late
}

stage_2() {
  check_booted etc-second
  check_equal 'what only the image changed is new' 'of the next image' "$(cat /etc/tests-image 2>&1)"
  check_equal 'what both changed is as here' 'of this machine' "$(cat /etc/tests-both 2>&1)"
  check_equal 'what was changed here and sealed is as here' 'of this machine' "$(cat /etc/tests-sealed 2>&1)"
  check_exit 'what was removed here stays removed' 1 test -e /etc/tests-removed-here
  check_equal 'what the image added is there' 'of the next image' "$(cat /etc/tests-new 2>&1)"
  check_equal 'a folder with its mode' '750 0:0' "$(stat --format='%a %u:%g' /etc/tests-folder)"
  check_equal 'a file with mode and owner' '640 7:8' "$(stat --format='%a %u:%g' /etc/tests-folder/file)"
  check_equal 'and its attributes' value \
    "$(python3 -c 'import os; print(os.getxattr("/etc/tests-folder/file", "user.tests").decode())')"
  check_equal 'a link' tests-both "$(readlink /etc/tests-link)"
  check_equal 'what came after staging' late "$(cat /etc/tests-late 2>&1)"
  check_equal 'the old deployment kept its own' 'of the image' \
    "$(cat "/sysroot/state/deploy/$(verity_of rollback)/etc/tests-image" 2>&1)"
}

run_stages
