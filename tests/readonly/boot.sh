#!/bin/bash
# The boot loader, the one entry and the one kernel that status names are where they belong, and nothing else is.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
enter_private_mounts "$@"

load_status
id=$(deployment_id)
esp=$work/esp
check_exit 'the EFI system partition can be mounted' 0 mount_esp "$esp"

# --- the entry
os_id=$(os_release ID)
version=$(os_release VERSION_ID)
version=${version:-$(os_release VERSION)}
version=${version:-$id}
title=$(os_release PRETTY_NAME)
title=${title:-$(os_release NAME)}
# GRUB reads /boot of the root file system, and sorts by the name of the file.
case ${BOOTC_bootloader:-systemd} in
  systemd) boot=$esp kernels=/EFI/Linux entry=bootc_${os_id//-/_}-$version-1.conf menu='' beside='' ;;
  grub) boot=/sysroot/boot kernels=/boot entry=bootc_1_${os_id//-/_}-$version-1.conf menu=' bootc_menu.cfg' beside=' efi loader' ;;
esac
check_equal 'one entry, with the name that says primary' "$entry$menu" "$(list_names "$boot/loader/entries")"
check_equal 'no staged entries' '' "$(ls -d "$boot/loader/entries.staged" 2>/dev/null)"
text=$(cat "$boot/loader/entries/$entry")

# Kernel and initrd in files of their own: the entry has the command line.
check_kernel_folder() {
  local name=bootc_composefs-$id options modules files
  local folder=$kernels/$name
  files=$boot/${folder#/boot/}
  options=$(sed -n 's/^options //p' <<<"$text")
  check_equal 'text of the entry' "title ${title:-$os_id}
version $version
linux $folder/vmlinuz
initrd $folder/initrd
options $options
sort-key bootc-$os_id-0" "$text"
  check_equal 'options name the deployment once' "composefs=$(optional_mark)$id" "$(tr ' ' '\n' <<<"$options" | grep '^composefs')"
  check_equal 'options name root only where systemd does not find it' "$(root_argument)" \
    "$(tr ' ' '\n' <<<"$options" | grep '^root=')"
  check_equal 'options ask for a writable state' rw "$(tr ' ' '\n' <<<"$options" | grep -x rw)"
  check_equal 'options that are not on the kernel command line' '' \
    "$(comm -23 <(tr ' ' '\n' <<<"$options" | sort -u) <(kernel_arguments | sort -u))"
  check_equal 'folders of kernels, each named by an entry' "$name$beside" "$(list_names "$(dirname "$files")")"
  check_equal 'files of the kernel folder' 'initrd vmlinuz' "$(list_names "$files")"
  check_equal 'boot digest of status is that of the files' "$(status_value .status.booted.composefs.bootDigest)" \
    "$(cat "$files/vmlinuz" "$files/initrd" | sha256sum | cut -d' ' -f1)"
  modules=/usr/lib/modules/$(uname -r)
  check_equal 'the kernel is the one of the image' '' "$(cmp "$modules/vmlinuz" "$files/vmlinuz" 2>&1)"
  check_equal 'the initramfs is the one of the image' '' "$(cmp "$modules/initramfs.img" "$files/initrd" 2>&1)"
}

# A unified kernel image: the command line is in it, and nothing can be added to that.
check_unified_kernel() {
  local file=/EFI/Linux/bootc/bootc_composefs-$id.efi key=efi unpacked=$work/unpacked sealed=false systemd
  systemd=$(bootctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  ((systemd < 258)) || key=uki
  check_equal 'text of the entry' "title ${title:-$os_id} $version
version $version
$key $file
sort-key bootc-$os_id-0" "$text"
  check_equal 'folders of kernels' bootc "$(list_names "$esp/EFI/Linux")"
  check_equal 'unified kernel images, each named by an entry' "${file##*/}" "$(list_names "$esp/EFI/Linux/bootc")"
  check_exit 'internals uki extract' 0 bootc internals uki extract "$esp$file" "$unpacked"
  check_equal 'it was unpacked to a folder of the kernel that runs' "$(uname -r)" "$(list_names "$unpacked")"
  unpacked+=/$(uname -r)
  check_equal 'boot digest of status is that of its parts' "$(status_value .status.booted.composefs.bootDigest)" \
    "$(cat "$unpacked/vmlinuz" "$unpacked/initramfs.img" | sha256sum | cut -d' ' -f1)"
  check_equal 'the image has no kernel beside it' '' "$(ls /usr/lib/modules/*/vmlinuz 2>/dev/null)"
  check_equal 'the command line asks for a writable state' rw "$(kernel_arguments | grep -x rw)"
  check_equal 'arguments of the image that are not on the command line' '' \
    "$(comm -23 <(bootc container inspect --json | jq -r '.kargs[]' | sort -u) <(kernel_arguments | sort -u))"
  [[ ${BOOTC_seal_state:-unsealed} != sealed ]] || sealed=true
  check_equal 'status tells whether it is sealed' "$sealed" "$(status_value .status.booted.composefs.seal.sealed)"
  check_equal 'status tells what the firmware checks' "$(secure_boot)" "$(status_value .status.secureBoot)"
  if [[ $sealed == true ]]; then
    check_equal 'the firmware checks signatures' enabled "$(secure_boot)"
    check_match 'status tells by what key' '^CN=.* db [0-9a-f]{64}$' \
      "$(status_value '.status.booted.composefs.seal.signer | .subject + " " + .fingerprint')"
  fi
}

case ${BOOTC_boot_type:-bls} in
  bls) check_kernel_folder ;;
  uki) check_unified_kernel ;;
esac

# --- the boot loader
# efi_variable NAME: text of a variable of the boot loader interface, after its four bytes of attributes.
efi_variable() {
  # A variable can only be read from its beginning, so tail gets a pipe.
  # shellcheck disable=SC2002
  cat "/sys/firmware/efi/efivars/$1-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" | tail --bytes=+5 | tr -d '\0'
}
arch=$(esp_architecture)
check_systemd_boot() {
  local program=/usr/lib/systemd/boot/efi/systemd-boot$arch.efi copy
  check_match 'booted by systemd-boot' '^systemd-boot' "$(efi_variable LoaderInfo)"
  check_equal 'booted through that entry' "${entry,,}" "$(efi_variable LoaderEntrySelected | tr '[:upper:]' '[:lower:]')"
  [[ -e $program.signed ]] && program+=.signed
  for copy in "EFI/systemd/systemd-boot$arch.efi" "EFI/BOOT/BOOT${arch^^}.EFI"; do
    check_equal "$copy is the one of the image" '' "$(cmp "$program" "$esp/$copy" 2>&1)"
  done
  check_equal 'folders of EFI' 'BOOT Linux systemd' "$(list_names "$esp/EFI")"
  check_equal 'kind of entries' type1 "$(cat "$esp/loader/entries.srel")"
}
check_grub() {
  local program copy
  program=$(echo "/usr/lib/grub/$(uname -m)-efi-signed/grub"{x64,aa64}.efi.signed | tr ' ' '\n' | xargs ls 2>/dev/null)
  check_no_match 'booted by another boot loader than systemd-boot' '^systemd-boot' "$(efi_variable LoaderInfo 2>/dev/null)"
  for copy in "EFI/$os_id/$(basename "${program%.signed}")" "EFI/BOOT/BOOT${arch^^}.EFI"; do
    check_equal "$copy is the one of the image" '' "$(cmp "$program" "$esp/$copy" 2>&1)"
  done
  check_equal 'folders of EFI' "BOOT $os_id" "$(list_names "$esp/EFI")"
  check_match 'it begins with the menu of the root file system' "--fs-uuid $(findmnt -no UUID /sysroot)" \
    "$(cat "$esp/EFI/$os_id/grub.cfg")"
  check_equal 'the menu has the kernel of the entry' "$(sed -n 's/^linux //p' <<<"$text")" \
    "$(sed -n 's/^ *linux \([^ ]*\).*/\1/p' "$boot/loader/entries/bootc_menu.cfg")"
}
case ${BOOTC_bootloader:-systemd} in
  systemd) check_systemd_boot ;;
  grub) check_grub ;;
esac
check_equal 'left-over temporary files' '' \
  "$(find "$esp" "$boot" -mindepth 1 \( -name '.*' -o -name '*.tmp' -o -name '*.staged' -o -name '*~' \) -printf '%P\n')"

# --- a mount of the partition elsewhere is no obstacle, and stays as it is
check_status_unchanged 'status tells the same while the partition is mounted elsewhere'
check_exit 'and the mount is still read-only' 1 touch "$esp/probe"

finish_checks
