# shellcheck shell=bash
# shellcheck disable=SC2154 # checks.sh sets what is used here
# Tests that reboot. tmt starts the script again after each reboot that the script asked for; what it does then is the
# function `stage_N`, N being the number of reboots. Sourced after checks.sh; `run_stages` is the last line of the script.
#
# A stage whose checks failed ends the test. What proves that all stages ran, each in a boot of its own, is kept on the disk.

stages_folder=/var/lib/bootc-tests/$(script_name)

# keep NAME TEXT / kept NAME: a value that later stages read.
keep() {
  mkdir -p "$stages_folder"
  printf '%s\n' "$2" >"$stages_folder/$1"
}

kept() {
  cat "$stages_folder/$1"
}

boot_id() {
  cat /proc/sys/kernel/random/boot_id
}

run_stages() {
  local stage=${TMT_REBOOT_COUNT:-0}
  if ((stage == 0)); then
    rm -rf "$stages_folder"
  else
    check_equal "stage $((stage - 1)) was of this run" "${BOOTC_plan_nonce:-}" "$(kept "nonce-$((stage - 1))")"
    check_no_match "the machine was booted again" "$(kept "boot-$((stage - 1))")" "$(boot_id)"
  fi
  "stage_$stage"
  keep "nonce-$stage" "${BOOTC_plan_nonce:-}"
  keep "boot-$stage" "$(boot_id)"
  if ! declare -F "stage_$((stage + 1))" >/dev/null; then
    finish_plan
  fi
  printf 'stage %d: %d checks, %d failed\n' "$stage" "$checks_made" "$checks_failed"
  ((checks_made > 0 && checks_failed == 0)) || exit 1
  tmt-reboot "${reboot_options[@]}"
  # It stops this script; nothing below is reached unless it could not.
  fail 'the machine reboots' 'tmt-reboot came back'
  exit 1
}

# Options of tmt-reboot; a stage may set them.
reboot_options=()

# finish_plan: the end of a plan of one script. The token goes to the console if no check failed.
finish_plan() {
  if [[ ! ${BOOTC_plan_nonce:-} ]]; then
    fail 'the runner gave a nonce' 'BOOTC_plan_nonce is not set; pass it with: tmt run --environment BOOTC_plan_nonce=…'
  elif ((checks_made > 0 && checks_failed == 0)); then
    check_match 'a console took the token' '^/dev/' "$(write_token)"
  fi
  finish_checks
}
