#!/bin/bash
# The command line: help for anyone, exit statuses, errors that programs can read, and the verbs that only print.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

load_status

# --- help and version
check_exit '--version' 0 bootc --version
check_match '--version: text' '^bootc [0-9]+\.[0-9]+\.[0-9]+' "$out"
check_exit '--help' 0 bootc --help
check_equal '--help: nothing on stderr' '' "$err"
check_no_match '--help: no escape sequences' $'\e' "$out"
for verb in upgrade switch rollback status install container; do
  check_match "--help: names $verb" "(^|[[:space:]])$verb([[:space:],]|\$)" "$out"
done
check_no_match '--help: hides internals' '(^|[[:space:]])internals([[:space:]]|$)' "$out"
help=$out
check_exit '--help as a dynamic user' 0 systemd-run --quiet --wait --pipe --property=DynamicUser=yes bootc --help
check_equal '--help as a dynamic user: the same text' "$help" "$out"
check_equal '--help as a dynamic user: nothing on stderr' '' "$err"
check_exit 'upgrade --help' 0 bootc upgrade --help
check_match 'upgrade --help: --soft-reboot' '--soft-reboot' "$out"
check_exit 'internals cfs --help' 0 bootc internals cfs --help
check_match 'internals cfs --help: verbs' 'fsck' "$out"

# --- mistakes on the command line: status 2, the usage on stderr
check_usage_error() {
  local name=$1
  shift
  check_exit "$name" 2 "$@"
  check_equal "$name: nothing on stdout" '' "$out"
  check_match "$name: says so on stderr" '[^[:space:]]' "$err"
  check_no_match "$name: no escape sequences" $'\e' "$err"
}
check_usage_error 'an unknown option' bootc status --no-such-option
check_usage_error 'an unknown verb' bootc no-such-verb
check_usage_error 'a value out of the choices' bootc status --format=no-such-format
check_usage_error 'a missing argument' bootc switch
check_usage_error 'no verb' bootc

# --- errors at work: status 1
check_error 'switch to a bad reference' 'blah:' bootc switch blah://
check_status_unchanged 'switch to a bad reference: nothing happened'

# --- verbs that print
kernel="{\"unified\":false,\"version\":\"$(uname -r)\"}" kernel_version=$(uname -r)
# /boot is no part of a deployment, so a system that was booted by a unified kernel image has no kernel in its root.
[[ ${BOOTC_boot_type:-bls} != uki ]] || kernel=null kernel_version='<none>'
check_exit 'container inspect --json' 0 bootc container inspect --rootfs / --json
check_equal 'container inspect: the kernel' "$kernel" "$(jq -cS .kernel <<<"$out")"
check_equal 'container inspect: the kernel arguments are a list' array "$(jq -r '.kargs | type' <<<"$out")"
check_equal 'container inspect: keys' 'kargs kernel' "$(jq -r 'keys | join(" ")' <<<"$out")"
check_exit 'container inspect' 0 bootc container inspect --rootfs /
check_contains 'container inspect: the kernel for people' "Kernel: $kernel_version" "$out"

check_exit 'install print-configuration' 0 bootc install print-configuration
cp "$work/stdout" "$work/configuration"
jq -cSj . "$work/configuration" >"$work/canonical" 2>"$work/jq-error"
check_equal 'install print-configuration: canonical JSON and nothing else' \
  "$(od -An -c "$work/canonical")" "$(od -An -c "$work/configuration")"
check_equal 'install print-configuration: keys that must be there' '' "$(jq -r '
  ["root-fs-type", "block", "filesystem", "match-architectures", "ostree", "stateroot", "root-mount-spec", "boot-mount-spec",
   "bootupd", "bootloader", "discoverable-partitions", "enforce-container-sigpolicy"] - keys | join(" ")' "$work/configuration")"
check_equal 'install print-configuration: kernel arguments only with --all' '' \
  "$(jq -r 'keys - (keys - ["kargs", "karg-deletes"]) | join(" ")' "$work/configuration")"
check_equal 'install print-configuration: the two names of the file system type agree' \
  "$(jq -r '."root-fs-type"' "$work/configuration")" "$(jq -r '.filesystem.root.type' "$work/configuration")"
check_equal 'install print-configuration: block' '["direct"]' "$(jq -c .block "$work/configuration")"
check_exit 'install print-configuration --all' 0 bootc install print-configuration --all
check_equal 'install print-configuration --all: has the kernel arguments' 'karg-deletes kargs' \
  "$(jq -r 'keys - (keys - ["kargs", "karg-deletes"]) | join(" ")' <<<"$out")"

finish_checks
