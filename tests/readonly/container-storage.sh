#!/bin/bash
# The container storage of bootc is where images look for it; asking about it does not make it.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

storage=/sysroot/composefs/bootc/storage
has_storage=no
[[ -e $storage ]] && has_storage=yes

check_equal 'images go through a link' /sysroot/ostree/bootc/storage "$(readlink /usr/lib/bootc/storage)"
check_equal 'which leads to the storage' "$storage" "$(realpath --canonicalize-missing /usr/lib/bootc/storage)"

check_exit 'image list' 0 bootc image list
check_match 'image list: a table' '^REPOSITORY +TYPE' "$out"
check_exit 'image list --format json' 0 bootc image list --format json
check_equal 'image list: what the records of the storage say' \
  "$(jq -r '.[].names // [] | .[]' "$storage/overlay-images/images.json" 2>/dev/null | sort)" \
  "$(jq -r '.[] | select(.image_type == "unified") | .image' <<<"$out" | sort)"
check_exit 'image list --type logical' 0 bootc image list --type logical --format json
check_equal 'image list: one row for each bound image' \
  "$(find /usr/lib/bootc/bound-images.d -mindepth 1 2>/dev/null | wc -l)" "$(jq length <<<"$out")"
check_exit 'upgrade --help tells nothing of it' 0 bootc switch --help
check_no_match 'unified storage is not in the help' unified "$out"
check_error 'an image of no deployment is not copied' 'Image localhost/none not found' \
  bootc image copy-to-storage --source localhost/none
check_error 'an image that the host has not is not pulled from it' 'localhost/none' \
  bootc image pull-from-default-storage localhost/none
check_equal 'asking made no storage' "$has_storage" "$([[ -e $storage ]] && echo yes || echo no)"

finish_checks
