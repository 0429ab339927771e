#!/bin/bash
# The power goes in the middle of giving kernels their new names, at five points: each time the machine boots, and finishes by
# itself.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/legacy.sh
. "$(dirname "$0")/../lib/legacy.sh"

# Only what was written for this test is put on disk; the EFI system partition stays as the cut left it. The file system that grub reads
# is that of /var, so there it is the kill alone that cuts.
reboot_options=(-c "sync --file-system /var/lib; echo b >/proc/sysrq-trigger")

# cut_at CALL...: takes the names away, and kills the program at the first of these system calls.
cut_at() {
  check_unit
  check_prefixed
  check_exit 'old names again' 0 take_prefixes
  # Killed by signal 31, SIGSYS (systemd.exec(5), SystemCallFilter=).
  capture systemd-run --quiet --wait --collect --property="SystemCallFilter=~$*" /usr/bin/bootc internals migrate
  check_no_match "killed at $*" '^0$' "$code"
  check_match 'in the middle of it' '^[0-9a-f]{128}' "$(old_names)"
  check_equal 'files that an entry names and that are not there' '' "$(entries_without_kernel)"
}

# The content of the first file is being written.
stage_0() {
  keep old "$(deployment_id)"
  check_equal 'the record of 1.13 is there' "$(kept old)" "$(legacy_records)"
  cut_at fsync
}

# It is written, and has no name yet.
stage_1() { cut_at rename renameat; }

# The folder is whole, and has no name yet.
stage_2() { cut_at renameat2; }

# The copy is whole; the entries still name the old one.
stage_3() { cut_at syncfs; }

# The entries name the new one; the old ones are being removed.
stage_4() { cut_at rmdir unlinkat; }

stage_5() {
  check_equal 'it is still the deployment of before' "$(kept old)" "$(deployment_id)"
  check_unit
  check_prefixed
  check_equal 'its record of 1.13 is still there' "$(kept old)" "$(legacy_records)"
  load_status
  check_equal 'status: booted' "$(kept old)" "$(verity_of booted)"
  check_equal 'status: its image' localhost/bootc "$(image_of booted)"
  check_exit 'internals fsck' 0 bootc internals fsck
  check_exit 'internals repair' 0 bootc internals repair
  check_equal 'finds nothing' 'Nothing to repair' "$out"
}

run_stages
