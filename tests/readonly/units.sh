#!/bin/bash
# The machine came up clean: no failed unit, no complaint about the root, and the initramfs service did its work.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

# ssh answers before the last job of the boot is done.
capture timeout 300 systemctl is-system-running --wait
check_equal 'the system is running' running "$out"

capture systemctl list-units --failed --plain --no-legend
check_equal 'no unit has failed' '' "$out"

setup=$(journalctl --boot --output=json UNIT=bootc-root-setup.service)
check_equal 'bootc-root-setup.service was started in the initramfs and succeeded' 'done' \
  "$(jq -rs 'map(select(.JOB_TYPE == "start") | .JOB_RESULT // empty) | join(" ")' <<<"$setup")"
check_equal 'bootc-root-setup.service logged no error' '' \
  "$(journalctl --boot --priority=err --output=cat _SYSTEMD_UNIT=bootc-root-setup.service)"

# Between the two marks root.sh reads tampered files on purpose, if it ran in this boot already.
kernel_errors=$(dmesg --notime --level=emerg,alert,crit,err,warn |
  sed '/bootc-tests: faults begin/,/bootc-tests: faults end/d' |
  grep -E 'fs-verity|overlayfs|erofs|EXT4-fs (error|warning)|XFS .*corrupt|BTRFS (error|critical)')
check_equal 'the kernel has no complaint about the root file systems' '' "$kernel_errors"

check_equal 'the initramfs was left' '' "$(ls -d /etc/initrd-release 2>/dev/null)"

finish_checks
