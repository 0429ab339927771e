# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets work
# Machines that an older bootc has installed: their disk was converted before the first boot (extra-legacy_disk of a plan).
# Sourced after checks.sh and deployments.sh.

# boots_by_grub: kernels and boot entries are in /boot then, else on the EFI system partition.
boots_by_grub() {
  [[ ${BOOTC_bootloader:-systemd} == grub ]]
}

# with_boot COMMAND...: with $boot, the folder that holds loader/, $kernels, that of the kernel folders, and $top, where the paths
# in boot entries begin. All of it is read-only.
# shellcheck disable=SC2034 # the command uses them
with_boot() {
  local boot=/sysroot/boot kernels=/sysroot/boot top=/sysroot
  if boots_by_grub; then
    "$@"
  else
    boot=$work/esp kernels=$work/esp/EFI/Linux top=$work/esp
    with_esp "$@"
  fi
}

# mount_boot_writable FOLDER
mount_boot_writable() {
  mkdir -p "$1"
  if boots_by_grub; then
    mount --bind /sysroot/boot "$1" && mount -o remount,bind,rw "$1"
  else
    mount -t vfat -o rw,noexec,nosuid,nodev "$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)" "$1"
  fi
}

# boot_names: the kernel folders, then the folders that the boot entries name, one line each, without repetition.
boot_names() {
  with_boot list_boot_names
}

# list_boot_names: for boot_names.
list_boot_names() {
  # shellcheck disable=SC2154 # with_boot sets it
  find "$kernels" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -E '[0-9a-f]{128}' | sort
  # shellcheck disable=SC2154 # so does it this one
  sed -n 's,^linux .*/\([^/]*\)/[^/]*$,\1,p' "$boot"/loader/entries/*.conf | sort -u
}

# old_names: those of boot_names that have no prefix.
old_names() {
  boot_names | grep -v '^bootc_composefs-'
}

# entries_without_kernel: paths of files that boot entries name and that are not there.
entries_without_kernel() {
  with_boot list_entries_without_kernel
}

# list_entries_without_kernel: for entries_without_kernel.
list_entries_without_kernel() {
  # shellcheck disable=SC2154 # with_boot sets it
  sed -n 's/^\(linux\|initrd\) //p' "$boot"/loader/entries/*.conf |
    while read -r path; do [[ -s $top$path ]] || printf '%s\n' "$path"; done
}

# boot_leftovers: names that only an operation which was cut short leaves.
boot_leftovers() {
  with_boot list_boot_leftovers
}

# list_boot_leftovers: for boot_leftovers.
list_boot_leftovers() {
  find "$boot" -mindepth 1 \( -name '.*' -o -name '*.staged' -o -name '*.new' \) -printf '%P\n'
}

# take_prefixes: gives the boot files the names of bootc 1.13 again, also in the entries, active and staged, and in the menu of a
# grub that reads one.
take_prefixes() {
  local folder kernels=$work/old
  mount_boot_writable "$work/old" || return
  boots_by_grub || kernels+=/EFI/Linux
  for folder in "$kernels"/bootc_composefs-*; do
    mv "$folder" "${folder/bootc_composefs-/}"
  done
  find "$work/old/loader" -path '*/entries*' \( -name '*.conf' -o -name bootc_menu.cfg \) \
    -exec sed -i 's,/bootc_composefs-,/,' {} +
  sync --file-system "$work/old"
  umount "$work/old"
}

# booted_kernel NAME: an extended regular expression for what the kernel command line says of the kernel folder that was booted:
# systemd-boot names the initrd, grub the kernel.
booted_kernel() {
  if boots_by_grub; then
    printf 'BOOT_IMAGE=[^ ]*/boot/%s/vmlinuz' "$1"
  else
    printf 'EFI.Linux.%s.initrd' "$1"
  fi
}

# check_prefixed: every boot file and every entry has the prefix, and every entry names a folder that is there.
check_prefixed() {
  local names
  names=$(boot_names)
  check_equal 'boot files or entries without prefix' '' "$(old_names)"
  check_equal 'folders, and those the entries name' "$(sort -u <<<"$names")" "$(sort <<<"$names" | uniq -d)"
  check_equal 'leftovers beside them' '' "$(boot_leftovers)"
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
