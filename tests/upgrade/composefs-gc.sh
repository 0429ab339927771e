#!/bin/bash
# What deployments share stays, what the last of them used goes, and applications' images are nobody's business here.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"

# object_of FILE: the object that holds a file of the running image, as a path below the folder of objects.
object_of() {
  bootc internals cfs dump-files --backing-path-only "$(deployment_id)" "$1" | sed 's/.* //'
}

# A change to the initramfs makes another kernel folder.
other_initramfs() {
  echo "RUN for file in /usr/lib/modules/*/initramfs.img; do echo $1 >>\"\$file\"; done"
}

stage_0() {
  head -c 5000000 /dev/urandom >"$work/large"
  mkdir -p "$work/context"
  cp "$work/large" "$work/context/large"
  derive first 'COPY large /usr/share/bootc-tests-large' "$(other_initramfs first)"
  switch_to first
  keep kernels-0 "$(kernel_names)"
}

stage_1() {
  check_booted first
  check_exit 'the object of the large file is told' 0 object_of /usr/share/bootc-tests-large
  keep object "/sysroot/composefs/objects/$out"
  check_exit 'it is there' 0 test -e "$(kept object)"
  check_equal 'two kernels are there' 2 "$(kernel_names | wc -l)"
  # An image that is not of bootc, in the same repository.
  mkdir -p "$work/app"
  printf 'FROM scratch\nCOPY app /usr/app\n' >"$work/Containerfile"
  echo application >"$work/app/app"
  check_exit 'an application image' 0 podman build --quiet --tag localhost/app --file "$work/Containerfile" "$work/app"
  check_exit 'goes into the repository' 0 with_writable_sysroot bootc internals cfs oci pull containers-storage:localhost/app app
  context_file marker second
  derive second 'COPY marker /usr/share/bootc-tests-marker' "$(other_initramfs second)"
  switch_to second
  check_exit 'the large object is still there' 0 test -e "$(kept object)"
}

stage_2() {
  check_booted second
  check_exit 'the large object is that of the rollback' 0 test -e "$(kept object)"
  check_equal 'two kernels are there' 2 "$(kernel_names | wc -l)"
  check_no_match 'the kernel that nobody uses is gone' "$(kept kernels-0)" "$(kernel_names)"
  keep kernel-second "$(deployment_id)"
  context_file marker third
  derive_from localhost/second third 'COPY marker /usr/share/bootc-tests-marker'
  switch_to third
  check_exit 'the large object is still there while its deployment can be booted' 0 test -e "$(kept object)"
}

stage_3() {
  check_booted third
  check_equal 'third and second boot one kernel, named after second' "bootc_composefs-$(kept kernel-second)" "$(kernel_names)"
  context_file marker fourth
  derive_from localhost/second fourth 'COPY marker /usr/share/bootc-tests-marker'
  switch_to fourth
  check_exit 'the large object went with the last deployment that had it' 1 test -e "$(kept object)"
}

stage_4() {
  check_booted fourth
  check_equal 'still one kernel' "bootc_composefs-$(kept kernel-second)" "$(kernel_names)"
  context_file marker fifth
  derive_from localhost/second fifth 'COPY marker /usr/share/bootc-tests-marker'
  switch_to fifth
}

stage_5() {
  check_booted fifth
  check_equal 'one kernel, of a deployment that is gone' "bootc_composefs-$(kept kernel-second)" "$(kernel_names)"
  context_file marker sixth
  derive sixth 'COPY marker /usr/share/bootc-tests-marker'
  switch_to sixth
}

stage_6() {
  check_booted sixth
  check_equal 'two kernels again' 2 "$(kernel_names | wc -l)"
  # Of the deployment that left the menu with the reboot, its state and what only its image has.
  check_exit 'what the reboot left is found' 1 bootc internals composefs-gc --assert-no-op
  check_contains 'and told' '--assert-no-op: GC would remove' "$err"
  check_exit 'garbage collection' 0 bootc internals composefs-gc --prune-repo
  check_exit 'the application image is still there' 0 bootc internals cfs oci inspect app
  check_exit 'the repository is whole' 0 bootc internals cfs fsck
  check_no_garbage
  # Something that only the repository knows of is found without being told to look there.
  check_exit 'the application image is given up' 0 with_writable_sysroot bootc internals cfs oci untag app
  check_exit 'what was only of that is found' 1 bootc internals composefs-gc --assert-no-op
  check_match 'and told as objects' 'GC would remove [0-9]+ objects' "$err"
}

run_stages
