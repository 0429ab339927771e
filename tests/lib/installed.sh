# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets what is used here
# What an installation left on a disk that is not the one this machine runs from. Sourced after checks.sh.

# disk_folder: where disk images fit; /run is memory.
disk_folder=/var/tmp/bootc-tests
mkdir -p "$disk_folder"

# check_installed ROOT ESP: a root file system and an EFI system partition, both mounted, hold one bootable deployment.
check_installed() {
  local root=$1 esp=$2 id entry
  id=$(list_names "$root/state/deploy")
  check_match 'one deployment' '^[0-9a-f]{128}$' "$id"
  check_exit 'its image' 0 test -e "$root/composefs/images/$id"
  check_equal 'the policy of the repository is kept in it' true "$(jq 'has("algorithm") or has("version")' "$root/composefs/meta.json")"
  check_match 'its origin' 'manifest_digest = sha256:[0-9a-f]{64}' "$(cat "$root/state/deploy/$id/$id.origin")"
  entry=$(find "$esp/loader/entries" -name '*.conf')
  check_equal 'one boot entry' 1 "$(wc -l <<<"$entry")"
  check_match 'which boots the deployment' "composefs=$id( |\$)" "$(cat "$entry")"
  check_exit 'by a kernel that is there' 0 test -s "$esp$(sed -n 's/^linux *//p' "$entry")"
  check_exit 'and an initrd that is there' 0 test -s "$esp$(sed -n 's/^initrd *//p' "$entry")"
  check_match 'a boot loader' 'BOOT' "$(find "$esp/EFI/BOOT" -iname 'boot*.efi' -printf '%f\n' | tr '[:lower:]' '[:upper:]')"
  check_exit 'the repository is whole' 0 bootc internals cfs --repo "$root/composefs" fsck
}
