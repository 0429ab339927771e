#!/bin/bash
# Bound images are there before the machine boots what binds them, as long as anything binds them, and no longer.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/container-storage.sh
. "$(dirname "$0")/../lib/container-storage.sh"

# publish_app NAME: an application image in the registry, and nowhere else. Where the storage of the host has an image of the
# same id, podman takes that for the one in an additional storage, and finds that it has not the name.
publish_app() {
  make_app "$1" "$1"
  publish "$1"
  check_exit "the host has no $1" 0 podman image rm "localhost/$1"
}

# check_runnable NAME: podman makes a container of what bootc stored, with the content that the image has.
check_runnable() {
  local container
  check_exit "podman finds $1" 0 "${podman_with_bound[@]}" image exists "$registry_host/$1"
  container=$("${podman_with_bound[@]}" create --pull=never "$registry_host/$1" /content)
  check_exit "podman reads $1" 0 "${podman_with_bound[@]}" cp "$container:/content" "$work/content"
  check_equal "content of $1" "$1" "$(cat "$work/content")"
  check_exit 'podman removes the container' 0 "${podman_with_bound[@]}" rm "$container"
}
podman_with_bound=(podman --storage-opt=additionalimagestore=/usr/lib/bootc/storage)

# bind APP: an image of the system that binds $registry_host/APP, as localhost/binding.
bind() {
  context_file app.image "[Image]
Image=$registry_host/$1"
  context_file marker "$1"
  derive binding 'COPY app.image /usr/share/containers/systemd/app.image' \
    'COPY marker /usr/share/bootc-tests-marker' \
    'RUN mkdir -p /usr/lib/bootc/bound-images.d && ln -s /usr/share/containers/systemd/app.image /usr/lib/bootc/bound-images.d/app.image'
}

stage_0() {
  start_registry
  local app
  for app in app-one app-two; do
    publish_app "$app"
  done
  bind app-missing
  # What is fetched is told first.
  check_exit 'an image whose bound image cannot be had is not staged' 1 \
    bootc switch --transport containers-storage localhost/binding
  check_contains 'and it is told which' 'app-missing' "$err"
  check_exit 'nothing is staged' 1 test -e /run/composefs/staged-deployment
  bind app-one
  switch_to binding
  check_match 'it says what it fetches' "Fetching bound image: $registry_host/app-one" "$out"
  check_staged binding
  check_stored "$registry_host/app-one:latest"
  check_nothing_running
  check_exit 'a person pulls another' 0 bootc image cmd pull "$registry_host/app-two"
  check_stored "$registry_host/app-two:latest"
}

stage_1() {
  check_booted binding
  check_equal 'what is bound is listed' "$registry_host/app-one" \
    "$(bootc image list --type logical --format json | jq -r '.[].image')"
  check_runnable app-one
  start_registry
  publish_app app-three
  bind app-three
  check_exit upgrade 0 bootc upgrade
  check_stored "$registry_host/app-three:latest"
  check_stored "$registry_host/app-one:latest"
}

stage_2() {
  check_booted binding
  check_equal 'what is bound now' "$registry_host/app-three" "$(bootc image list --type logical --format json | jq -r '.[].image')"
  check_stored "$registry_host/app-one:latest"
  context_file marker plain
  derive plain 'COPY marker /usr/share/bootc-tests-marker'
  switch_to plain
  check_stored "$registry_host/app-one:latest"
}

stage_3() {
  check_booted plain
  check_exit 'collect garbage' 0 bootc internals composefs-gc --prune-repo
  # The first deployment that bound is gone, the second is the one to fall back to.
  check_not_stored "$registry_host/app-one:latest"
  check_stored "$registry_host/app-three:latest"
  check_stored "$registry_host/app-two:latest"
  check_no_garbage
}

run_stages
