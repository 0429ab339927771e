#!/bin/bash
# Stages a derived image by switch, reboots into it, and looks at what became of old and new.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

# What is staged is applied by the same again, and that is the reboot. Not from the session that asks for it, which ends with it.
reboot_options=(-c 'systemd-run --quiet --collect bootc switch --apply --transport containers-storage localhost/bootc-upgrade:1')

stage_0() {
  check_booted bootc
  keep first "$(deployment_id)"

  next_image 1
  switch_to bootc-upgrade:1
  check_staged bootc-upgrade:1
  check_equal 'status: it is not only downloaded' false "$(status_value .status.staged.downloadOnly)"
  check_equal 'the machine still runs the old one' "$(kept first)" "$(verity_of booted)"
  check_exit 'nothing of it is visible yet' 1 test -e /usr/share/bootc-tests-marker
  keep second "$(verity_of staged)"
  echo kept >/etc/bootc-tests-etc
  echo kept >/var/bootc-tests-var

  # The same again has nothing to do.
  check_exit 'switch to the same image again' 0 bootc switch --transport containers-storage localhost/bootc-upgrade:1
  check_contains 'which says so' 'Image specification is unchanged.' "$out"
  load_status
  check_equal 'status: it is still the one that is staged' "$(kept second)" "$(verity_of staged)"
}

stage_1() {
  check_booted bootc-upgrade:1
  check_equal 'the staged deployment was booted' "$(kept second)" "$(deployment_id)"
  check_equal 'the rollback is the first deployment' "$(kept first)" "$(verity_of rollback)"
  check_equal 'the marker is there' 1 "$(marker)"
  check_equal 'a file of /etc came along' kept "$(cat /etc/bootc-tests-etc 2>&1)"
  check_equal 'a file of /var is there' kept "$(cat /var/bootc-tests-var 2>&1)"
  check_match 'the root is composefs' '^composefs' "$(findmnt --noheadings --output SOURCE --target /)"
  check_equal 'kernels of both deployments' "$(kernels_of 2)" "$(kernel_names | wc -l)"
  check_no_garbage
  check_equal 'units that failed' '' "$(systemctl --failed --plain --no-legend --full)"
}

run_stages
