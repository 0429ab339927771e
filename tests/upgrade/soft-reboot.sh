#!/bin/bash
# User space alone is started anew into the staged deployment, where the kernel is the same.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  check_exit 'nothing is prepared' 1 test -e /run/nextroot
  keep first "$(deployment_id)"
  keep kernel-boot "$(boot_id)"
  context_file marker soft
  derive soft 'COPY marker /usr/share/bootc-tests-marker'
  switch_to soft --soft-reboot=auto
  load_status
  check_equal 'status: a soft reboot is possible' true "$(status_value .status.staged.softRebootCapable)"
  check_exit 'the next root is prepared' 0 test -e /run/nextroot/usr/share/bootc-tests-marker
  check_exit 'internals prep-soft-reboot --reset' 0 bootc internals prep-soft-reboot --reset
  check_exit 'the next root is gone' 1 test -e /run/nextroot/usr
}

stage_1() {
  check_booted soft
  check_equal 'its marker' soft "$(cat /usr/share/bootc-tests-marker 2>&1)"
  context_file marker soft
  context_file kargs.toml 'kargs = ["bootc_tests.more=1"]'
  derive soft 'COPY marker /usr/share/bootc-tests-marker' 'COPY kargs.toml /usr/lib/bootc/kargs.d/50-tests.toml'
  check_exit 'upgrade --soft-reboot=auto' 0 bootc upgrade --soft-reboot=auto
  check_staged soft
  check_equal 'status: no soft reboot with other arguments' false "$(status_value .status.staged.softRebootCapable)"
  check_exit 'the next root is not prepared' 1 test -e /run/nextroot/usr
  # That it is staged already is told first.
  check_exit 'a required soft reboot is refused' 1 \
    bootc switch --transport containers-storage --soft-reboot=required localhost/soft
  check_contains 'and it is told why' 'different kernel state' "$err"
}

stage_2() {
  check_booted soft
  check_exit 'the file that asks for the argument is there' 0 test -e /usr/lib/bootc/kargs.d/50-tests.toml
  check_contains 'the new argument is there' 'bootc_tests.more=1' "$(cat /proc/cmdline)"
  check_equal 'this was no soft reboot' 0 "$(systemctl show --property=SoftRebootsCount --value)"
}

run_stages
