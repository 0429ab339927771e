#!/bin/bash
# The status document is the same in every format and from every caller, and making it has no effect on the system.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

mounts_before=$(cat /proc/self/mountinfo)
check_match '/sysroot is read-only before' '(^|,)ro(,|$)' "$(mount_options /sysroot)"

check_exit 'status --format=json' 0 bootc status --format=json
cp "$work/stdout" "$work/status.json"
json=$(<"$work/status.json")

# --- the same document by other ways
same_json() {
  local name=$1
  shift
  check_exit "$name" 0 "$@"
  check_equal "$name: equals --format=json" "$json" "$out"
}
same_json 'status --json' bootc status --json
same_json 'status --format-version=0' bootc status --format=json --format-version=0
same_json 'status --format-version 1' bootc status --format=json --format-version 1

check_exit 'status --booted' 0 bootc status --booted --format=json
check_equal 'status --booted: the same without staged and rollback' \
  "$(jq -cS '.status.staged = null | .status.rollback = null' <<<"$json")" "$out"

check_error 'status of an unknown format version' 'Unsupported format version' bootc status --format=json --format-version=2

# --- YAML: every key and value of the JSON document, in whatever order
check_exit 'status --format=yaml' 0 bootc status --format=yaml
yaml=$out
check_equal 'YAML: begins with the apiVersion' 'apiVersion: org.containers.bootc/v1' "$(head -n 1 "$work/stdout")"
check_equal 'YAML: the same keys and values' \
  "$(jq -r 'def lines: to_entries[] | if (.value | type) == "object" then "\(.key):", (.value | lines)
      else "\(.key): \(.value)" end; lines' <<<"$json" | sort)" \
  "$(sed -E "s/^ +//; s/: ['\"](.*)['\"]\$/: \\1/" <<<"$yaml" | sort)"
check_equal 'YAML: nothing on stderr' '' "$err"
check_exit 'status into a pipe' 0 bootc status
check_equal 'status into a pipe is YAML' "$yaml" "$out"

# --- ten at once
pids=()
for number in {1..10}; do
  bootc status --format=json >"$work/at-once.$number" 2>"$work/at-once.$number.err" </dev/null &
  pids+=("$!")
done
exits=()
for pid in "${pids[@]}"; do
  wait "$pid"
  exits+=("$?")
done
check_equal 'ten at once: all exit 0' '0 0 0 0 0 0 0 0 0 0' "${exits[*]}"
different=0
for number in {1..10}; do
  cmp --silent "$work/status.json" "$work/at-once.$number" || different=$((different + 1))
done
check_equal 'ten at once: documents that differ from a single call' 0 "$different"
check_equal 'ten at once: nothing on stderr' '' "$(cat "$work"/at-once.*.err)"

# --- no effect
check_match '/sysroot is read-only after' '(^|,)ro(,|$)' "$(mount_options /sysroot)"
# An automount of the boot partition may have been triggered meanwhile; that is systemd's, all else would be ours.
boot_mounts() { awk '$5 != "/boot" && $5 != "/efi"'; }
check_equal 'status leaves no mount behind' "$(boot_mounts <<<"$mounts_before")" "$(boot_mounts </proc/self/mountinfo)"

finish_checks
