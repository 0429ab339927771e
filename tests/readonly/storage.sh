#!/bin/bash
# The disk, the repository and the records of the deployment agree with status; checking and planning a collection find
# nothing wrong, nothing to remove, and change nothing.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
enter_private_mounts "$@"

load_status
id=$(deployment_id)
repository=/sysroot/composefs
digest=$(status_value .status.booted.image.imageDigest)
reference=$(status_value '.status.booted.image.image | if .transport == "registry" then "docker://" + .image
  else .transport + ":" + .image end')

# --- partitions (sizes in bytes; types of the Discoverable Partitions Specification)
root_device=$(realpath "$(findmnt --noheadings --first-only --nofsroot --output SOURCE --mountpoint /sysroot)")
disk=/dev/$(lsblk --noheadings --output PKNAME "$root_device")
case $(uname -m) in
  x86_64) root_type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709 ;;
  aarch64) root_type=b921b045-1df0-41c3-af44-4c6f280d3fae ;;
  *) root_type="unknown for $(uname -m)" ;;
esac
filesystem=${BOOTC_filesystem:-ext4}
expected="EFI-SYSTEM c12a7328-f81f-11d2-ba4b-00a0c93ec93b vfat EFI-SYSTEM
root $root_type $filesystem root"
[[ $(uname -m) == x86_64 ]] && expected="BIOS-BOOT 21686148-6449-6e6f-744e-656564454649 - -
$expected"
check_equal 'partitions: name, type, file system, label' "$expected" "$(lsblk --json --output NAME,TYPE,PARTLABEL,PARTTYPE,FSTYPE,LABEL "$disk" |
  jq -r '.blockdevices[0].children[] | select(.type == "part") | [.partlabel, .parttype, .fstype // "-", .label // "-"] | join(" ")')"
check_equal 'the partition table is GPT' gpt "$(lsblk --noheadings --nodeps --output PTTYPE "$disk")"
check_equal 'size of the EFI system partition' $((1024 * 1024 * 1024)) \
  "$(lsblk --noheadings --bytes --output SIZE "$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)" | tr -d ' ')"
if [[ $filesystem == ext4 ]]; then
  check_match 'the root file system has fs-verity' ' verity( |$)' "$(tune2fs -l "$root_device" | grep '^Filesystem features:')"
fi

# --- internals blockdev
check_exit 'internals blockdev ls' 0 bootc internals blockdev ls "$disk"
check_equal 'internals blockdev ls: partition types' \
  "$(lsblk --json --output NAME,PARTTYPE "$disk" | jq -c '[.blockdevices[0].children[].parttype]')" \
  "$(jq -c '[(.blockdevices[0]? // .).children[].parttype]' <<<"$out")"
check_exit 'internals blockdev ls-filesystem' 0 bootc internals blockdev ls-filesystem /sysroot
check_equal 'internals blockdev ls-filesystem: partition type' "$root_type" "$(jq -r '[.. | .parttype? // empty] | first' <<<"$out")"
mount -t tmpfs tmpfs /run/udev
check_exit 'internals blockdev ls-filesystem without udev' 0 bootc internals blockdev ls-filesystem /sysroot
check_equal 'internals blockdev ls-filesystem without udev: partition type' "$root_type" \
  "$(jq -r '[.. | .parttype? // empty] | first' <<<"$out")"
umount /run/udev

# --- records of the deployment
origin=/sysroot/state/deploy/$id/$id.origin
check_equal 'origin' "[origin]
container-image-reference = ostree-unverified-image:$reference

[boot]
boot_type = ${BOOTC_boot_type:-bls}
digest = $(status_value .status.booted.composefs.bootDigest)

[image]
manifest_digest = $digest" "$(cat "$origin")"
check_equal 'origin: mode and owner' '644 0:0' "$(stat --format='%a %u:%g' "$origin")"

aleph=/sysroot/.bootc-aleph.json
check_exit 'the aleph record is JSON' 0 jq -cSj . "$aleph"
check_equal 'aleph: canonical' "$out" "$(cat "$aleph")"
aleph_value() { jq -r "$1" "$aleph"; }
check_equal 'aleph: manifest digest is the booted one' "$digest" "$(aleph_value .digest)"
check_equal 'aleph: target is the booted reference, as people see it' "${reference#docker://}" "$(aleph_value '."target-image"')"
check_equal 'aleph: time of the image' "$(date --utc --date="$(status_value .status.booted.image.timestamp)" +%s)" \
  "$(date --utc --date="$(aleph_value .timestamp)" +%s 2>&1)"
check_match 'aleph: kernel that installed' '^[0-9]+\.[0-9]+' "$(aleph_value .kernel)"
check_match 'aleph: SELinux' '^(enabled|disabled|host-disabled|force-target-disabled)$' "$(aleph_value .selinux)"

# --- the repository
check_equal 'meta.json: version, algorithm and default format' '[1,"fsverity-sha512-12",1]' \
  "$(jq -c '[.version, .algorithm, .erofs_formats.default]' "$repository/meta.json")"
if has_verity; then
  check_match 'meta.json is sealed, so the repository is held to fs-verity' '^sha512:[0-9a-f]{128}' \
    "$(fsverity measure "$repository/meta.json" 2>&1)"
fi
check_equal 'links of the repository that do not resolve' '' "$(find "$repository/images" "$repository/streams" -xtype l)"
check_equal 'the manifest of the deployment is kept' 1 "$(find "$repository/streams" -maxdepth 1 -name "oci-manifest-$digest" | wc -l)"
check_equal 'the deployment holds its manifest by a tag' "../../oci-manifest-$digest" \
  "$(readlink "$repository/streams/refs/oci/localhost%2Fbootc-$digest")"

# --- checks and collection
fingerprint() {
  find /sysroot/composefs /sysroot/state/deploy /sysroot/boot /sysroot/ostree -path '*/etc/*' -prune -o -printf '%p %y %s %C@ %l\n' | sort | sha256sum
}
before=$(fingerprint)
check_exit 'internals fsck' 0 bootc internals fsck
check_exit 'internals cfs fsck' 0 bootc internals cfs fsck
for kind in objects streams images; do
  check_match "internals cfs fsck: all $kind are sound" "$kind: [1-9][0-9]*/[1-9][0-9]* ok" "$out"
  read -r good all < <(sed -n "s,^ *$kind: \([0-9]*\)/\([0-9]*\) ok\$,\1 \2,p" <<<"$out")
  check_equal "internals cfs fsck: $kind that are not sound" 0 "$((${all:-1} - ${good:-0}))"
done
check_match 'internals cfs fsck: verdict' '(^|[[:space:]])status: ok($|[[:space:]])' "$out"

check_exit 'internals composefs-gc --dry-run' 0 bootc internals composefs-gc --dry-run
check_match 'dry run: says that it is one' 'Dry run \(no files deleted\)' "$out"
check_match 'dry run: no object to remove' '(^|[[:space:]])Objects: 0 removed \(0 bytes\)' "$out"
check_no_match 'dry run: no link to remove' 'Pruned symlinks' "$out$err"
check_exit 'internals composefs-gc --assert-no-op' 0 bootc internals composefs-gc --assert-no-op
check_no_match 'assert no-op: no link to remove' 'Pruned symlinks' "$out$err"
check_equal 'none of these changed the disk' "$before" "$(fingerprint)"
check_status_unchanged 'status is as before'

finish_checks
