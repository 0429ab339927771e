#!/bin/bash
# The status document: its shape and values, and what people see of it.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

# --- the JSON document
check_exit 'status --format=json' 0 bootc status --format=json
cp "$work/stdout" "$work/status.json"
check_equal 'JSON: nothing on stderr' '' "$err"
jq -cSj . "$work/status.json" >"$work/canonical.json" 2>"$work/jq-error"
check_equal 'JSON: stdout is one canonical document and nothing else' \
  "$(od -An -c "$work/canonical.json")" "$(od -An -c "$work/status.json")"
json=$(<"$work/status.json")
value() { jq -r "$1" <<<"$json"; }
keys() { jq -r "$1 | keys | join(\" \")" <<<"$json"; }

check_equal 'apiVersion' org.containers.bootc/v1 "$(value .apiVersion)"
check_equal 'kind' BootcHost "$(value .kind)"
check_equal 'metadata' '{"name":"host"}' "$(jq -c .metadata <<<"$json")"
check_equal 'keys at the top' 'apiVersion kind metadata spec status' "$(keys .)"
check_equal 'keys of spec' 'bootOrder image' "$(keys .spec)"
check_equal 'keys of an image reference' 'image transport' "$(keys .spec.image)"
boot_type=Bls
seal='' secure_boot=''
if [[ ${BOOTC_boot_type:-bls} == uki ]]; then
  boot_type=Uki seal='seal '
  [[ $(secure_boot) == null ]] || secure_boot='secureBoot '
fi
check_equal 'keys of status, none of which tells of something odd' \
  "booted readOnly rollback rollbackQueued ${secure_boot}staged type usrOverlay" "$(keys .status)"
check_equal 'keys of a deployment' \
  'cachedUpdate composefs downloadOnly image incompatible ostree pinned softRebootCapable store' "$(keys .status.booted)"
check_equal 'keys of its image' 'architecture image imageDigest timestamp version' "$(keys .status.booted.image)"
check_equal 'keys of its composefs part' \
  "bootDigest bootType bootloader missingVerityAllowed ${seal}verity" "$(keys .status.booted.composefs)"

check_equal 'type' bootcHost "$(value .status.type)"
overlay=null
if has_extension; then overlay='{"accessMode":"readOnly","persistence":"transient"}'; fi
check_equal 'a fresh system has one deployment, and no overlay but that of an extension' \
  "[null,null,false,null,$overlay,false]" \
  "$(jq -c '.status | [.staged, .rollback, .rollbackQueued, .otherDeployments, .usrOverlay, .readOnly]' <<<"$json")"
check_equal 'bootOrder' default "$(value .spec.bootOrder)"
check_equal 'spec.image is the booted one' "$(jq -cS .status.booted.image.image <<<"$json")" "$(jq -cS .spec.image <<<"$json")"
check_equal 'flags of the booted deployment' '[null,false,false,false,null,null]' \
  "$(jq -c '.status.booted | [.cachedUpdate, .incompatible, .pinned, .downloadOnly, .store, .ostree]' <<<"$json")"
check_equal 'verity is the id on the kernel command line' "$(deployment_id)" "$(value .status.booted.composefs.verity)"
check_equal 'bootType' $boot_type "$(value .status.booted.composefs.bootType)"
check_equal 'bootloader' "${BOOTC_bootloader:-systemd}" "$(value .status.booted.composefs.bootloader)"
check_equal 'verity may be missing' "$(has_verity && echo false || echo true)" "$(value .status.booted.composefs.missingVerityAllowed)"
check_match 'bootDigest is a SHA-256' '^[0-9a-f]{64}$' "$(value .status.booted.composefs.bootDigest)"
check_match 'imageDigest is a SHA-256' '^sha256:[0-9a-f]{64}$' "$(value .status.booted.image.imageDigest)"
check_match 'timestamp is RFC 3339' '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$' \
  "$(value .status.booted.image.timestamp)"
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
check_equal 'architecture' "$architecture" "$(value .status.booted.image.architecture)"

# --- for people
reference=$(jq -r '.status.booted.image.image | if .transport == "registry" then .image else "\(.transport):\(.image)" end' <<<"$json")
time=$(value '.status.booted.image.timestamp' | sed -E 's/\.[0-9]+//; s/\+00:00$/Z/')
version=$(value '.status.booted.image.version // empty')
expected=$(
  printf '● Booted image: %s\n' "$reference"
  printf '%14s: %s (%s)\n' Digest "$(value .status.booted.image.imageDigest)" "$architecture"
  printf '%14s: %s\n' Verity "$(deployment_id)"
  if [[ $version ]]; then printf '%14s: %s (%s)\n' Version "$version" "$time"; else printf '%14s: %s\n' Timestamp "$time"; fi
  if [[ $boot_type == Uki ]]; then
    printf '%14s: %s\n' Sealed "$(value '.status.booted.composefs.seal | (if .sealed then "yes" else "no" end) + ", "
      + (if .signer then "signed by \(.signer.subject) (\(.signer.fingerprint[0:16]))" else "not signed" end)')"
    case $(secure_boot) in
      null) ;;
      setup) printf '%14s: %s\n' 'Secure Boot' 'no keys enrolled (setup mode)' ;;
      *) printf '%14s: %s\n' 'Secure Boot' "$(secure_boot)" ;;
    esac
  fi
  if has_extension; then printf '%14s: %s\n' '/usr overlay' 'transient, read-only'; fi
)
check_exit 'status --format=humanreadable' 0 bootc status --format=humanreadable
check_equal 'human: text' "$expected" "$out"
check_no_match 'human: no escape sequences into a pipe' $'\e' "$out"
capture script --quiet --return --command 'bootc status' /dev/null
check_equal 'human: chosen on a terminal' "$expected" "$(tr -d '\r' <"$work/stdout" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g')"
check_exit 'status --verbose' 0 bootc status --format=humanreadable --verbose
check_match 'human, verbose: whether fs-verity is enforced' \
  "(^|[[:space:]])FsVerity: $(has_verity || echo 'Not ')Enforced($|[[:space:]])" "$out"
check_match 'human, verbose: soft reboot' '(^|[[:space:]])Soft-reboot: (yes|no)' "$out"

finish_checks
