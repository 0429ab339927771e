#!/bin/bash
# A root and an /etc that are gone with the power: what is written there is lost, /var stays, and updates go on.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/root-setup.sh
. "$(dirname "$0")/../lib/root-setup.sh"

transient=$'[root]\ntransient = true\n[etc]\nmount = "transient"'

stage_0() {
  echo 'of the machine' >/etc/tests-lasting
  context_file usr/share/bootc-tests-marker first
  derive_set_up transient-first "$transient"
  switch_to transient-first
}

stage_1() {
  check_booted transient-first
  check_equal 'the source of the root' "transient:composefs=$(deployment_id)" "$(findmnt --noheadings --output SOURCE --mountpoint / | tail -n 1)"
  check_equal '/etc is an overlay in memory' 'transient overlay' "$(findmnt --noheadings --output SOURCE,FSTYPE /etc | xargs)"
  check_equal 'their modes' '755 755' "$(stat --format=%a / /etc | xargs)"
  for file in /tests-lost /usr/tests-lost /etc/tests-lost; do
    check_exit "$file can be written" 0 touch "$file"
  done
  echo kept >/var/tests-kept
  check_equal 'the file of the machine is not part of a transient /etc' '' "$(cat /etc/tests-lasting 2>/dev/null)"
  check_equal 'nothing of it is in the state folder' '' \
    "$(find /sysroot/state/deploy/*/etc -name tests-lost 2>/dev/null)"
  check_no_garbage
  context_file usr/share/bootc-tests-marker second
  derive_set_up transient-second "$transient"
  switch_to transient-second
  check_staged transient-second
}

stage_2() {
  check_booted transient-second
  check_equal 'the new image' second "$(marker)"
  check_equal 'the source of the root' "transient:composefs=$(deployment_id)" "$(findmnt --noheadings --output SOURCE --mountpoint / | tail -n 1)"
  for file in /tests-lost /usr/tests-lost /etc/tests-lost; do
    check_exit "$file is gone" 1 test -e "$file"
  done
  check_equal '/var is as it was' kept "$(cat /var/tests-kept 2>&1)"
  check_equal 'lasting changes of /etc were handed on' 'of the machine' \
    "$(cat "/sysroot/state/deploy/$(deployment_id)/etc/tests-lasting" 2>&1)"
  check_equal 'transient ones were not' '' "$(find /sysroot/state/deploy/*/etc -name tests-lost 2>/dev/null)"
  check_exit 'the deployment that no entry leads to any more is collected' 0 bootc internals composefs-gc --prune-repo
  check_no_garbage
  check_exit rollback 0 bootc rollback
}

stage_3() {
  check_booted transient-first
  check_equal 'the image before' first "$(marker)"
  check_equal '/var is as it was' kept "$(cat /var/tests-kept 2>&1)"
}

run_stages
