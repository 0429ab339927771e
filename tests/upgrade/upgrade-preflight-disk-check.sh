#!/bin/bash
# An image that cannot fit is refused before anything of it is fetched or written.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

stage_0() {
  local folder=$work/oci config layer
  mkdir -p "$folder/blobs/sha256"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$folder/oci-layout"
  config='{"architecture":"amd64","os":"linux","config":{"Labels":{"containers.bootc":"1"}},"rootfs":{"type":"layers","diff_ids":["sha256:'$(printf '1%.0s' {1..64})'"]}}'
  layer='{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:'$(printf '1%.0s' {1..64})'","size":999999999999999}'
  printf '%s' "$config" | store_blob "$folder" >"$work/config"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[%s]}' \
    "$(<"$work/config")" "${#config}" "$layer" >"$work/manifest.json"
  store_blob "$folder" <"$work/manifest.json" >"$work/manifest"
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d}]}' \
    "$(<"$work/manifest")" "$(stat --format=%s "$work/manifest.json")" >"$folder/index.json"

  local before
  before=$(boot_state)
  check_error 'switch to an image that cannot fit' 'Insufficient free space' bootc switch --transport oci "$folder"
  check_match 'it tells what is needed and what is there' 'available: .*required: ' "$err"
  check_equal 'nothing was written' "$before" "$(boot_state)"
}

# store_blob FOLDER: standard input as a blob of an OCI layout; prints its digest.
store_blob() {
  local hash
  cat >"$1/blobs/new"
  hash=$(sha256sum "$1/blobs/new" | cut -d' ' -f1)
  mv "$1/blobs/new" "$1/blobs/sha256/$hash"
  printf 'sha256:%s' "$hash"
}

run_stages
