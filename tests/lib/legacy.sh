# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets work
# Machines that an older bootc has installed: their disk was converted before the first boot (extra-legacy_disk of a plan).
# Sourced after checks.sh.

# mount_esp_writable FOLDER
mount_esp_writable() {
  mkdir -p "$1"
  mount -t vfat -o rw,noexec,nosuid,nodev "$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)" "$1"
}

# boot_names: the kernel folders on the ESP, then the folders that the boot entries name, one line each, without repetition.
boot_names() {
  (
    mount_esp "$work/names"
    ls -A "$work/names/EFI/Linux"
    sed -n 's,^linux /EFI/Linux/\([^/]*\)/.*,\1,p' "$work"/names/loader/entries/*.conf | sort -u
    umount "$work/names"
  )
}

# old_names: those of boot_names that have no prefix.
old_names() {
  boot_names | grep -v '^bootc_composefs-'
}

# esp_leftovers: names that only an operation which was cut short leaves.
esp_leftovers() {
  (
    mount_esp "$work/leftovers"
    find "$work/leftovers" -mindepth 1 \( -name '.*' -o -name '*.staged' \) -printf '%P\n'
    umount "$work/leftovers"
  )
}

# take_prefixes: gives the boot files the names of bootc 1.13 again, also in the entries, active and staged.
take_prefixes() {
  local folder
  mount_esp_writable "$work/old" || return
  for folder in "$work"/old/EFI/Linux/bootc_composefs-*; do
    mv "$folder" "${folder/bootc_composefs-/}"
  done
  find "$work/old/loader" -name '*.conf' -path '*/entries*' -exec sed -i 's,/bootc_composefs-,/,' {} +
  sync --file-system "$work/old"
  umount "$work/old"
}

# check_prefixed: every boot file and every entry has the prefix, and every entry names a folder that is there.
check_prefixed() {
  local names
  names=$(boot_names)
  check_equal 'boot files or entries without prefix' '' "$(old_names)"
  check_equal 'folders, and those the entries name' "$(sort -u <<<"$names")" "$(sort <<<"$names" | uniq -d)"
  check_equal 'leftovers on the EFI system partition' '' "$(esp_leftovers)"
}

# boot_finished: waits until all units of the boot have run; one can log in before.
boot_finished() {
  systemctl is-system-running --wait >/dev/null
}

# check_unit: bootc-migrate.service ran in this boot, and found nothing that it could not do.
check_unit() {
  boot_finished
  check_equal 'bootc-migrate.service ran' 'Result=success ExecMainStatus=0 ConditionResult=yes' \
    "$(systemctl show --property=Result,ExecMainStatus,ConditionResult bootc-migrate.service | sort -r | xargs)"
  check_equal 'units that failed' '' "$(systemctl --failed --plain --no-legend --full)"
}

# legacy_records: the deployments that have a record of bootc 1.13.
legacy_records() {
  find /sysroot/state/deploy -name '*.imginfo' -printf '%f\n' | sed 's/\.imginfo$//'
}

# other_initramfs: a file of the build context, the initramfs of this machine with a tail that does nothing; prints the line
# for the Containerfile.
other_initramfs() {
  local path
  path=/usr/lib/modules/$(uname -r)/initramfs.img
  mkdir -p "$work/context"
  cp "$path" "$work/context/initramfs.img"
  printf '\0\0\0\0' >>"$work/context/initramfs.img"
  printf 'COPY initramfs.img %s\n' "$path"
}
