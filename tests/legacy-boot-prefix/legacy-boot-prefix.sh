#!/bin/bash
# A machine of bootc 1.13, whose kernels have names without prefix: they get it at the first boot, all entries boot by the new
# names, and the garbage collector removes the old kernel by its new name.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/legacy.sh
. "$(dirname "$0")/../lib/legacy.sh"

# status_many: ten at once.
status_many() {
  local pids=() pid result=0
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    bootc status --json >/dev/null &
    pids+=("$!")
  done
  for pid in "${pids[@]}"; do wait "$pid" || result=1; done
  return "$result"
}

stage_0() {
  keep old "$(deployment_id)"
  check_unit
  check_prefixed
  check_match 'the kernel was booted by its old name' "$(booted_kernel "$(kept old)")" "$(cat /proc/cmdline)"
  check_exit 'internals migrate, again' 0 bootc internals migrate
  check_equal 'has nothing to do' '' "$out"

  # The same once more, by commands.
  check_exit 'old names again' 0 take_prefixes
  check_exit 'internals repair' 0 bootc internals repair
  check_match 'tells what it would do' "Would rename .*/$(kept old) to .*/bootc_composefs-$(kept old)" "$out"
  check_contains 'and has not done it' "$(kept old)" "$(old_names)"
  check_exit 'ten times status at once' 0 status_many
  check_prefixed
  check_exit 'internals fsck' 0 bootc internals fsck

  context_file marker first
  derive first 'COPY marker /usr/share/bootc-tests-marker' "$(other_initramfs)"
  switch_to first
  check_exit 'old names while an update is staged' 0 take_prefixes
  check_exit 'status' 0 bootc status
  check_contains 'they stay until it has been booted' "$(kept old)" "$(old_names)"
}

stage_1() {
  check_booted first
  keep new "$(deployment_id)"
  check_unit
  check_prefixed
  check_equal 'both kernels are there' 2 "$(boot_names | sort -u | wc -l)"
  check_exit rollback 0 bootc rollback
}

stage_2() {
  check_equal 'the old deployment boots by its new name' "$(kept old)" "$(deployment_id)"
  check_match 'so says the boot loader' "$(booted_kernel "bootc_composefs-$(kept old)")" "$(cat /proc/cmdline)"
  check_exit 'rollback, forwards' 0 bootc rollback
}

stage_3() {
  check_booted first
  context_file marker second
  derive_from localhost/first second 'COPY marker /usr/share/bootc-tests-marker'
  switch_to second
}

stage_4() {
  check_booted second
  check_exit 'garbage is collected' 0 bootc internals composefs-gc --prune-repo
  check_equal 'the old kernel is gone' "bootc_composefs-$(kept new)" "$(boot_names | sort -u)"
  check_prefixed
}

run_stages
