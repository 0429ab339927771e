#!/bin/sh
# Runs a command on what looks to bootc like a host that booted a deployment, this machine's files below it. For bench/bootc.ts, as
# root in a mount namespace of its own: `unshare -m sh bench/booted-host.sh SYSTEM DEPLOYMENT GUEST COMMAND...`. SYSTEM is a folder that
# makeUpdateSystem made, GUEST one that packages/bootc/bundle.ts made.
set -eu
system=$1 deployment=$2 guest=$3
shift 3

scratch=$(mktemp -d)
mount -t tmpfs scratch "$scratch"
root=$scratch/root
mkdir "$scratch/upper" "$scratch/work" "$root"
mount -t overlay "composefs:$deployment" -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
for name in proc dev sys; do mount --rbind "/$name" "$root/$name"; done
# Of a container engine that this machine may be a container of.
rm -f "$root/run/.containerenv" "$root/.dockerenv" "$root/run/systemd/container"

echo "quiet composefs=?$deployment" >"$scratch/command-line"
mount --bind "$scratch/command-line" "$root/proc/cmdline"
# Four bytes of attributes, and the name in UTF-16.
mount -t tmpfs firmware "$root/sys/firmware"
mkdir -p "$root/sys/firmware/efi/efivars"
{
  printf '\006\000\000\000'
  printf 'systemd-boot 257\n' | iconv -t UTF-16LE
} >"$root/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

mkdir -p "$root/sysroot" "$root/efi" "$root/usr/lib/bootc"
mount --bind "$system/root/sysroot" "$root/sysroot"
mount -t tmpfs esp "$root/efi"
cp -a "$system/esp/." "$root/efi/"
mount --bind "$guest/usr/lib/bootc" "$root/usr/lib/bootc"
cp "$guest/usr/bin/bootc" "$root/usr/bin/bootc"

partition() {
  printf '{"name":"%s","path":"/dev/%s","type":"part","parttype":%s,"maj:min":"%s"}' "$1" "$1" "$2" "$(mountpoint -d "$3")"
}
cat >"$root/usr/bin/lsblk" <<END
#!/bin/sh
echo '{"blockdevices":[{"name":"vda","path":"/dev/vda","type":"disk","parttype":null,"maj:min":"252:0","children":[
$(partition vda1 '"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"' "$root/efi"),
$(partition vda2 '"4f68bce3-e8cd-4db1-96e7-fbcaf984b709"' "$root/sysroot")]}]}'
END
chmod 755 "$root/usr/bin/lsblk"
exec chroot "$root" "$@"
