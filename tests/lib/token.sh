# shellcheck shell=bash
# The proof that a plan passed. Exit statuses can be lost on the way (a connection that breaks, a runner that dies), so a
# plan passed only when the guest itself wrote `plan-result: pass NONCE` to its console.
#
# BOOTC_plan_nonce comes from the runner, new for every run: neither an old console log nor marks of an earlier run count.

marks_root=/run/bootc-tests

# marks_folder: marks of the plan that the running script belongs to; a plan's scripts share one folder.
marks_folder() {
  printf '%s/%s' "$marks_root" "$(basename "$(cd "$(dirname "$0")" && pwd)")"
}

leave_pass_mark() {
  mkdir -p "$(marks_folder)"
  printf '%s' "${BOOTC_plan_nonce:-}" >"$(marks_folder)/$(script_name)"
}

# has_pass_mark NAME: that script passed in this run.
has_pass_mark() {
  [[ $(cat "$(marks_folder)/$1" 2>/dev/null) == "$BOOTC_plan_nonce" ]]
}

# write_token: to the journal and to every console there is; prints the devices that took it. Twice, since a message of the
# kernel may cut a line in two. A console without a reader may block, hence the limit.
write_token() {
  local device
  logger --tag bootc-tests "plan-result: pass $BOOTC_plan_nonce"
  for device in /dev/console /dev/hvc0; do
    # shellcheck disable=SC2016 # expanded by the inner shell
    [[ -c $device ]] && timeout 10 sh -c 'printf "\r\nplan-result: pass %s\r\n" "$1" "$1" >"$2"' sh \
      "$BOOTC_plan_nonce" "$device" 2>/dev/null && printf '%s\n' "$device"
  done
  return 0
}
