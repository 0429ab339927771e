# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets what is used here
# The container storage of bootc, and images made for it. Sourced after checks.sh.

container_storage=/sysroot/composefs/bootc/storage

# stored_names: whole names of the images in it, one a line; read from its records, not from bootc.
stored_names() {
  jq -r '.[].names // [] | .[]' "$container_storage/overlay-images/images.json" 2>/dev/null | LC_ALL=C sort
}

# check_stored NAME / check_not_stored NAME
check_stored() {
  check_exit "container storage has $1" 0 grep --quiet --line-regexp --fixed-strings "$1" <(stored_names)
}

check_not_stored() {
  check_exit "container storage has no $1" 1 grep --quiet --line-regexp --fixed-strings "$1" <(stored_names)
}

# check_shared: objects of the repository take no room of their own where podman has them too; status says how much.
check_shared() {
  check_exit 'status --verbose' 0 bootc status --verbose --format=humanreadable
  check_match 'status tells what is shared, most of it' \
    'Container storage: ([5-9][0-9]|100) % of [0-9]+ MB of objects shared by (hard link|reflink)' "$out"
}

# check_nothing_running: no service of podman, no socket, no half of a blob is left.
check_nothing_running() {
  check_equal 'no socket of podman is left' '' "$(find /run/bootc -name 'podman-*')"
  check_equal 'no service of podman is left' '' "$(pgrep --full 'podman.*system service')"
  check_equal 'no blob is left' '' "$(list_names /sysroot/composefs/bootc/pull.tmp 2>/dev/null)"
}

# make_app NAME TEXT: an application image of one small file in podman's storage, as localhost/NAME.
make_app() {
  mkdir -p "$work/app"
  printf '%s\n' "$2" >"$work/app/content"
  printf '%s\n' 'FROM scratch' 'COPY content /content' >"$work/app/Containerfile"
  check_exit "podman builds $1" 0 podman build --quiet --network=none --tag "localhost/$1" "$work/app"
}

registry_folder=/var/lib/bootc-tests/registry
registry_host=127.0.0.1:5000
registry_pid=

# start_registry: serves what was published on the loopback interface, until the script ends or stop_registry.
start_registry() {
  mkdir -p "$registry_folder" /etc/containers/registries.conf.d
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry_host" >/etc/containers/registries.conf.d/bootc-tests.conf
  /usr/lib/bootc/node "$lib_folder/registry.mjs" "$registry_folder" "${registry_host#*:}" &
  registry_pid=$!
  trap 'stop_registry; remove_work' EXIT
  # shellcheck disable=SC2016 # an inner shell expands
  check_exit 'a registry answers' 0 timeout 60 bash -c 'until (exec 3<>"/dev/tcp/${0%:*}/${0#*:}") 2>/dev/null; do sleep 0.2; done' "$registry_host"
}

stop_registry() {
  [[ $registry_pid ]] && kill "$registry_pid" 2>/dev/null
  registry_pid=
}

# publish NAME: localhost/NAME of podman's storage is $registry_host/NAME from now on.
publish() {
  rm -rf "${registry_folder:?}/$1"
  check_exit "publish $1" 0 skopeo copy --quiet "containers-storage:localhost/$1" "oci:$registry_folder/$1"
}
