#!/bin/bash
# What can be written and what cannot, and where on the disk the writable folders are.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

load_status
id=$(deployment_id)
state=/sysroot/state/deploy/$id
probe=bootc-tests-probe.$$

# --- immutable
for folder in / /usr /usr/bin /usr/lib/modules /sysroot /sysroot/state /sysroot/composefs; do
  check_exit "$folder cannot be written" 1 touch "$folder/$probe"
  check_match "$folder cannot be written: the file system is read-only" 'Read-only file system' "$err"
done
check_exit 'a file of /usr cannot be opened for writing' 1 bash -c ': >>/usr/lib/os-release'
check_match 'a file of /usr cannot be opened for writing: reason' 'Read-only file system' "$err"
check_exit '/usr cannot be remounted writable' 32 unshare --mount mount -o remount,rw /
check_equal '/usr is no mount of its own, but for an extension' "$(has_extension && echo sysext)" \
  "$(findmnt --noheadings --output SOURCE --mountpoint /usr)"

# --- mutable, in the state folders. A marker made on one side is seen as the same inode on the other.
identity() { stat --format=%d:%i "$1" 2>&1; }
for pair in "/etc $state/etc" "/var /sysroot/state/os/default/var"; do
  read -r folder backing <<<"$pair"
  check_equal "$folder is $backing" "$(identity "$backing")" "$(identity "$folder")"
  check_exit "$folder can be written" 0 cp /proc/sys/kernel/random/boot_id "$folder/$probe"
  check_equal "$folder: the marker is the same inode in the state folder" \
    "$(identity "$folder/$probe")" "$(identity "$backing/$probe")"
  check_equal "$folder: the marker has the same content there" "$(cat /proc/sys/kernel/random/boot_id)" \
    "$(cat "$backing/$probe" 2>&1)"
  check_exit "$folder: the marker can be removed" 0 rm "$folder/$probe"
  check_exit "$folder: and is gone on the other side" 1 test -e "$backing/$probe"
  check_match "$folder is mounted writable" '(^|,)rw(,|$)' "$(mount_options "$folder")"
  check_equal "$folder is on the root file system itself, not an overlay" \
    "$(findmnt --noheadings --output FSTYPE --mountpoint /sysroot)" \
    "$(findmnt --noheadings --output FSTYPE --mountpoint "$folder")"
done

# --- the state folders
check_equal 'var of the deployment is a relative link to the shared one' ../../os/default/var "$(readlink "$state/var")"
check_equal 'content of the deployment folder' \
  "$(printf '%s\n' "$id.origin" etc var | LC_ALL=C sort | paste -sd' ')" "$(list_names "$state")"
check_equal 'deployments on disk are those of status' \
  "$(status_value '.status | [.booted, .staged, .rollback, (.otherDeployments // [])[]] | map(select(.).composefs.verity) | sort | join(" ")')" \
  "$(list_names /sysroot/state/deploy)"
check_equal 'the folder of the repository is closed to users' '700 0:0' "$(stat --format='%a %u:%g' /sysroot/composefs)"
check_equal 'compatibility link' ../composefs/bootc "$(readlink /sysroot/ostree/bootc)"
check_equal 'nothing is staged' '' "$(ls -d /run/composefs/staged-deployment 2>/dev/null)"

# --- first boot
check_match 'the machine has an id of its own' '^[0-9a-f]{32}$' "$(cat /etc/machine-id)"
check_equal 'the mode of /etc' '755 0:0' "$(stat --format='%a %u:%g' /etc)"
check_equal 'the mode of /var' '755 0:0' "$(stat --format='%a %u:%g' /var)"

finish_checks
