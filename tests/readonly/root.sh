#!/bin/bash
# The root is the composefs image that was asked for, every object is sealed by fs-verity where the file system has it, and
# what was tampered with is refused when it is read. The tampering is done on a copy in a small file system of its own.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
enter_private_mounts "$@"

load_status
id=$(deployment_id)
repository=/sysroot/composefs
image=$repository/images/$id

# --- asked for on the command line
check_match 'the command line asks for one deployment' '^[0-9a-f]{128}$' "$id"
check_equal 'fs-verity is mandatory where the file system has it' "composefs=$(optional_mark)$id" \
  "$(kernel_arguments | grep '^composefs=')"
check_equal 'the command line names root only where it is not found by its type' "$(root_argument)" \
  "$(kernel_arguments | grep '^root=')"
check_equal 'status tells the same deployment' "$id" "$(status_value .status.booted.composefs.verity)"

# --- mounted
root_mount=$(findmnt --noheadings --first-only --output FSTYPE,SOURCE --raw --mountpoint /)
check_equal 'type and source of /' "overlay composefs:$id" "$root_mount"
check_match '/ is mounted read-only' '(^|,)ro(,|$)' "$(mount_options /)"
root_options=$(findmnt --noheadings --first-only --output FS-OPTIONS --raw --mountpoint /)
for option in metacopy=on redirect_dir=on; do
  check_match "/ has $option" "(^|,)$option(,|\$)" "$root_options"
done
check_equal '/ demands fs-verity where the file system has it' "$(has_verity && echo verity=require)" \
  "$(tr ',' '\n' <<<"$root_options" | grep '^verity=')"
check_no_match '/ has no writable layer' '(^|,)(upperdir|workdir)' "$root_options"

# verity_digest FILE: as the kernel enforces it; computed where it does not.
verity_digest() {
  if has_verity; then
    fsverity measure "$1" 2>&1 | cut -d' ' -f1
  else
    fsverity digest --hash-alg=sha512 --block-size=4096 "$1" 2>&1 | cut -d' ' -f1
  fi
}

# --- the lower layer is the EROFS image of that name
check_equal 'the image is a link to its object' "../objects/${id:0:2}/${id:2}" "$(readlink "$image")"
check_equal 'fs-verity digest of the image' "sha512:$id" "$(verity_digest "$image")"
erofs=$work/erofs
mkdir "$erofs"
check_exit 'the image can be mounted as EROFS' 0 mount -t erofs -o ro,loop "$image" "$erofs"
list_usr() {
  (cd "$1" && find usr -xdev \( -type d -printf '%p\t%y\t%m\t%U:%G\t%T@\n' \) -o -printf '%p\t%y\t%m\t%U:%G\t%T@\t%s\t%l\n' | sort)
}
# The root alone, without what is mounted on it.
mkdir "$work/root"
check_exit 'the root without other mounts' 0 mount --bind / "$work/root"
list_usr "$erofs" >"$work/usr.image"
list_usr "$work/root" >"$work/usr.root"
check_match 'the image has a /usr' '^[1-9][0-9]{2,}$' "$(wc -l <"$work/usr.image")"
check_equal '/usr is what the image says, to every mode, owner, time, size and link' '' \
  "$(diff "$work/usr.image" "$work/usr.root" | head -n 20)"

check_equal 'paths of the image that /etc does not have' '' \
  "$(comm -23 <(cd "$erofs" && find etc -printf '%p\n' | sort) <(cd / && find etc -xdev -printf '%p\n' | sort) | head -n 10)"

# object_of FILE: object path and recorded digest of a file in the image, from the attributes overlayfs reads.
object_of() {
  python3 - "$1" <<'PY'
import os, sys
redirect = os.getxattr(sys.argv[1], 'trusted.overlay.redirect').decode()
# struct ovl_metacopy (fs/overlayfs/overlayfs.h): version, len, flags, digest_algo, digest
metacopy = os.getxattr(sys.argv[1], 'trusted.overlay.metacopy')
print(redirect.lstrip('/'), metacopy[4:].hex())
PY
}

# Five files with an object each, none shared.
samples=()
objects=()
while read -r file; do
  read -r object digest < <(object_of "$erofs/$file" 2>"$work/xattr-error") || continue
  [[ " ${objects[*]} " == *" $object "* ]] && continue
  samples+=("$file")
  objects+=("$object")
  check_equal "$file: the object is named by the digest in the image" "$digest" "${object/\//}"
  check_equal "$file: the root reads that object" '' "$(cmp "/$file" "$repository/objects/$object" 2>&1)"
  check_equal "$file: the object has that digest" "sha512:$digest" "$(verity_digest "$repository/objects/$object")"
  ((${#samples[@]} == 5)) && break
done < <(cd "$erofs" && find usr/lib -xdev -type f -size +64k -size -512k | sort)
check_equal 'sampled files with an object' 5 "${#samples[@]}"
check_exit 'cfs dump-files' 0 bootc internals cfs dump-files "$id" "/${samples[0]}" --backing-path-only
check_equal 'cfs dump-files names the object' "/${samples[0]} ${objects[0]}" "$out"

# --- every object is sealed
find "$repository/objects" -type f -printf '%P\n' | sort >"$work/objects"
check_match 'there are objects' '^[1-9][0-9]{2,}$' "$(wc -l <"$work/objects")"
check_equal 'objects that are not owned by root or are writable by others' '' \
  "$(find "$repository/objects" -type f \( ! -uid 0 -o ! -gid 0 -o -perm /022 \) | head -n 5)"

check_sealed() {
  (cd "$repository/objects" && xargs --max-args=500 fsverity measure <"$work/objects") 2>"$work/measure-errors" |
    awk '{ name = $2; sub("/", "", name); if ($1 == "sha512:" name) print $2 }' | sort >"$work/sealed"
  check_equal 'objects whose name is not their fs-verity digest' '' \
    "$(comm -23 "$work/objects" "$work/sealed" | head -n 5; head -n 5 "$work/measure-errors")"

  # Only in this mount namespace is /sysroot writable now, so that nothing but fs-verity stands against a write.
  check_exit 'here /sysroot can be made writable' 0 mount -o remount,bind,rw /sysroot
  for object in "${objects[0]}" "${id:0:2}/${id:2}"; do
    check_exit "an object cannot be opened for writing: ${object:0:12}…" 1 bash -c ": >>'$repository/objects/$object'"
    check_match "the reason is fs-verity: ${object:0:12}…" 'Operation not permitted' "$err"
  done
  mount -o remount,bind,ro /sysroot
}
if has_verity; then
  check_sealed
else
  check_match 'the kernel has no fs-verity for this file system' 'FS_IOC_MEASURE_VERITY failed' \
    "$(fsverity measure "$repository/objects/${objects[0]}" 2>&1)"
fi

# --- tampered content. The real image over a copy of five objects, mounted with the options of the root.
echo '<4>bootc-tests: faults begin' >/dev/kmsg
scratch=$work/scratch
mkdir "$scratch" "$work/tampered"
truncate --size=64M "$work/scratch.img"
check_exit 'a scratch file system with fs-verity' 0 mkfs.ext4 -q -b 4096 -O verity "$work/scratch.img"
mount -o loop "$work/scratch.img" "$scratch"
for object in "${objects[@]}"; do
  mkdir -p "$scratch/${object%/*}"
  cp "$repository/objects/$object" "$scratch/$object"
done
seal() { fsverity enable --hash-alg=sha512 --block-size=4096 "$scratch/$1"; }
# In the order of the samples: intact, without fs-verity, replaced, missing, damaged.
read -r intact _ replaced missing damaged <<<"${objects[*]}"
printf 'x' >>"$scratch/$replaced"
rm "$scratch/$missing"
for object in "$intact" "$replaced" "$damaged"; do seal "$object"; done
umount "$scratch"
# The damage is done below the file system: the first data block of a sealed file is overwritten.
block=$(debugfs -R "bmap /$damaged 0" "$work/scratch.img" 2>/dev/null)
check_match 'the block to damage was found' '^[1-9][0-9]*$' "$block"
dd if=/dev/urandom of="$work/scratch.img" bs=4096 count=1 seek="$block" conv=notrunc status=none
mount -o loop,ro "$work/scratch.img" "$scratch"
check_exit 'mounted like the root, over the copies' 0 mount -t overlay overlay \
  -o "ro,metacopy=on,redirect_dir=on,verity=require,lowerdir=$erofs::$scratch" "$work/tampered"

check_equal 'an intact copy is read' '' "$(cmp "/${samples[0]}" "$work/tampered/${samples[0]}" 2>&1)"
check_equal 'the damaged copy still measures as its name' "sha512:${damaged/\//}" \
  "$(fsverity measure "$scratch/$damaged" 2>&1 | cut -d' ' -f1)"
# refused NUMBER FAULT REASON: the sample of that number is.
refused() {
  check_exit "$2 is refused" 1 cat "$work/tampered/${samples[$1]}"
  check_equal "$2: not one byte is given out" 0 "$(stat --format=%s "$work/stdout")"
  check_contains "$2: the reason" "$3" "$err"
}
refused 1 'a copy without fs-verity' 'Input/output error'
refused 2 'a replaced copy, sealed again' 'Input/output error'
refused 3 'a missing copy' 'No such file or directory'
refused 4 'a copy damaged on the disk' 'Input/output error'
echo '<4>bootc-tests: faults end' >/dev/kmsg

finish_checks
