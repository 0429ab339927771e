#!/bin/sh
# What an image has in /var, and its users and groups, come to a machine at its installation only: the next image brings nothing of it.
# So what belongs to the packages moves to /usr, and systemd-tmpfiles and systemd-sysusers get lines for all else that they do not know
# of yet. Runs once, in the build, without a network; `bootc container lint` then finds nothing.
set -eu

tmpfiles=/usr/lib/tmpfiles.d/20-image-var.conf
sysusers=/usr/lib/sysusers.d/20-image-users.conf
records=/usr/lib/sysimage
factory=/usr/share/factory

# keep_in_usr DIR NAME: /var/DIR/NAME becomes a link into /usr, and each boot makes the link where there is nothing.
keep_in_usr() {
    [ -e "/var/$1/$2" ] && [ ! -L "/var/$1/$2" ] || return 0
    mkdir -p "$records"
    mv "/var/$1/$2" "$records/$2"
    target=$(realpath --relative-to="/var/$1" "$records/$2")
    ln -s "$target" "/var/$1/$2"
    echo "L /var/$1/$2 - - - - $target" >>"$tmpfiles"
}

# What the package manager and the scripts of packages write down about the files of the image, and the journal's catalog.
for name in apt dpkg pam python shells.state ucf; do
    keep_in_usr lib "$name"
done
for name in catalog deb-systemd-helper-enabled deb-systemd-user-helper-enabled; do
    keep_in_usr lib/systemd "$name"
done

# The paths that tmpfiles.d(5) lines make.
cat /usr/lib/tmpfiles.d/*.conf | awk '$1 ~ /^[fFdDvqQpLcbC]/ { sub("/$", "", $2); print $2 }' | sort -u >/run/made
find /var -mindepth 1 -type d -printf '%p d %p %#m %U %G - -\n' -o -type l -printf '%p L %p - - - - %l\n' |
    sort | awk 'FILENAME == "/run/made" { made[$1]; next } !($1 in made) { sub("^[^ ]+ ", ""); print }' /run/made - >>"$tmpfiles"
# Files of somebody's home, and the like. Without a source, a line copies from the factory folder.
find /var -type f -printf '%p %#m %U %G\n' | sort | while read -r path mode uid gid; do
    ! grep -Fqx "$path" /run/made || continue
    mkdir -p "$factory$(dirname "$path")"
    mv "$path" "$factory$path"
    echo "C $path $mode $uid $gid - -" >>"$tmpfiles"
done
rm /run/made

# The ids stay those that files of the image have.
: >"$sysusers"
cat /usr/lib/sysusers.d/*.conf | awk '
    BEGIN { known["u root"]; known["g root"] }
    $1 ~ /^u/ { known["u " $2]; if ($3 !~ /:/) known["g " $2] }
    $1 == "g" { known["g " $2] }
    $1 == "m" { known["u " $2]; known["g " $3] }
    END { for (name in known) print name }' >/run/known
awk -F: 'FILENAME == "/run/known" { known[$1]; next } !(("g " $1) in known) { print "g", $1, $3 }' \
    /run/known /etc/group >>"$sysusers"
awk -F: 'FILENAME == "/run/known" { known[$1]; next }
    !(("u " $1) in known) { printf "u %s %s:%s \"%s\" %s %s\n", $1, $3, $4, $5, $6, $7 }' \
    /run/known /etc/passwd >>"$sysusers"
rm /run/known
for file in "$tmpfiles" "$sysusers"; do
    [ -s "$file" ] || rm -f "$file"
done
