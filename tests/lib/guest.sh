# shellcheck shell=bash
# What the scripts know of the machine they run on. Everything here reads the kernel or the disk, never bootc, so that it
# can be held against what bootc says.

# require_composefs_guest: these scripts mount, remount and write into /etc and /var; on any machine but a booted
# composefs system that would be an accident.
require_composefs_guest() {
  local source
  source=$(findmnt --noheadings --output SOURCE --target / 2>/dev/null)
  if ((EUID != 0)) || [[ $source != composefs:* && $source != transient:composefs=* ]] || ! grep -q 'composefs=' /proc/cmdline; then
    echo "refused: needs root on a booted composefs system (the source of / is '$source')" >&2
    exit 2
  fi
}

# enter_private_mounts "$@": starts the script again in a mount namespace of its own, so that its mounts (and the loop
# devices behind them) vanish with it, however it ends. Call it before anything with an effect.
enter_private_mounts() {
  [[ ${in_private_mounts:-} ]] && return
  remove_work
  in_private_mounts=1 exec unshare --mount --propagation=private -- "$BASH" "$0" "$@"
}

# script_name: of the running test, without folder and ending.
script_name() {
  basename "$0" .sh
}

# kernel_arguments: one line each. Quoted blanks do not occur in what bootc writes.
kernel_arguments() {
  tr ' ' '\n' </proc/cmdline | sed '/^$/d'
}

# root_argument: the parameter that names the root file system. systemd finds it by its type if the boot loader says from
# which disk it came, which GRUB does not.
root_argument() {
  [[ ${BOOTC_bootloader:-systemd} != grub ]] || echo "root=UUID=$(findmnt --noheadings --output UUID --mountpoint /sysroot)"
}

# has_verity: whether the root file system of the cell has fs-verity. No kernel has it for xfs.
has_verity() {
  [[ ${BOOTC_filesystem:-ext4} != xfs ]]
}

# optional_mark: what stands before the id of a deployment on the kernel command line where fs-verity may be missing.
optional_mark() {
  has_verity || echo '?'
}

# has_extension: whether systemd-sysext has merged something into /usr, as in the development VM, where the program under test comes
# that way.
has_extension() {
  [[ $(findmnt --noheadings --output SOURCE --mountpoint /usr 2>/dev/null) == sysext ]]
}

# deployment_id: the fs-verity digest the kernel was told to boot.
deployment_id() {
  kernel_arguments | sed -n 's/^composefs=?\{0,1\}//p'
}

# os_release KEY: of the image, not of /etc.
os_release() {
  (
    # shellcheck source=/dev/null
    . /usr/lib/os-release
    printf '%s' "${!1:-}"
  )
}

# secure_boot: what the firmware checks, by its variables (UEFI 2.10, 3.3); null where it does not know of it.
secure_boot() {
  local flag=/sys/firmware/efi/efivars/%s-8be4df61-93ca-11d2-aa0d-00e098032b8c enabled setup
  # shellcheck disable=SC2059
  enabled=$(od -An -tu1 -j4 -N1 "$(printf "$flag" SecureBoot)" 2>/dev/null | tr -d ' ')
  # shellcheck disable=SC2059
  setup=$(od -An -tu1 -j4 -N1 "$(printf "$flag" SetupMode)" 2>/dev/null | tr -d ' ')
  case $enabled$setup in
    '') echo null ;;
    1*) echo enabled ;;
    ?1) echo setup ;;
    *) echo disabled ;;
  esac
}

# mount_options MOUNTPOINT: the options of the mount alone, without those of the file system below.
mount_options() {
  findmnt --noheadings --first-only --output VFS-OPTIONS --mountpoint "$1"
}

# mount_esp FOLDER: the EFI system partition, read-only. The kernel refuses a second read-only mount of a file system
# that is mounted writable elsewhere (an automount on /boot or /efi), so that one is bound then.
mount_esp() {
  local device mounted
  device=$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)
  mounted=$(findmnt --noheadings --first-only --types vfat --output TARGET --source "$device")
  mkdir -p "$1"
  if [[ $mounted ]]; then
    mount --bind "$mounted" "$1" && mount -o remount,bind,ro "$1"
  else
    mount -t vfat -o ro,noexec,nosuid,nodev "$device" "$1"
  fi
}

# esp_architecture: the suffix of EFI programs (UEFI specification, 3.5.1.1).
esp_architecture() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64) echo aa64 ;;
    *) uname -m ;;
  esac
}

# list_names FOLDER: what is in it, hidden names too, sorted and in one line.
list_names() {
  find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | xargs
}

# load_status: reads the status document once, into `status_document`; status_value FILTER: a value of it.
status_document=
load_status() {
  status_document=$(bootc status --format=json)
}

status_value() {
  jq -r "$1" <<<"$status_document"
}

# check_status_unchanged NAME: bootc still tells what was loaded.
check_status_unchanged() {
  check_equal "$1" "$status_document" "$(bootc status --format=json 2>&1)"
}
