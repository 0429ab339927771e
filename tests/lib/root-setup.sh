# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets what is used here
# Images whose root, /etc and /var are set up otherwise. Sourced after deployments.sh.

# initramfs_archive FOLDER: what is in it as an archive that the kernel unpacks (its documentation, driver-api/early-userspace/
# buffer-format.rst): in the "newc" format, the end of it included.
initramfs_archive() {
  python3 - "$1" <<'PYTHON'
import os, sys

folder = sys.argv[1]
out = sys.stdout.buffer

def padded(data):
    return data + b'\0' * (-len(data) % 4)

def entry(name, mode, data=b''):
    nameBytes = name.encode() + b'\0'
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(nameBytes), 0)
    out.write(padded(b'070701' + b''.join(b'%08x' % field for field in fields) + nameBytes) + padded(data))

for parent, folders, files in os.walk(folder):
    for name in folders:
        entry(os.path.relpath(os.path.join(parent, name), folder), 0o40755)
    for name in files:
        path = os.path.join(parent, name)
        entry(os.path.relpath(path, folder), 0o100644, open(path, 'rb').read())
entry('TRAILER!!!', 0)
PYTHON
}

# derive_set_up NAME CONFIGURATION [LINE...]: as `derive`, with this configuration of what the initramfs sets up. That reads a copy of
# its own, so one is appended to it.
derive_set_up() {
  local name=$1 text=$2 configuration=usr/lib/composefs/setup-root-conf.toml modules
  shift 2
  modules=usr/lib/modules/$(uname -r)
  context_file "$configuration" "$text"
  mkdir -p "$work/initramfs/${configuration%/*}" "$work/context/$modules"
  cp "$work/context/$configuration" "$work/initramfs/$configuration"
  {
    cat "/$modules/initramfs.img"
    head --bytes=$((-$(stat --format=%s "/$modules/initramfs.img") & 3)) /dev/zero
    initramfs_archive "$work/initramfs"
  } >"$work/context/$modules/initramfs.img"
  derive "$name" 'COPY usr/ /usr/' "$@"
}
