#!/bin/bash
# Every other script in this folder must have passed in this run, or, of a plan that has only some, those in BOOTC_plan_scripts; of
# these, if BOOTC_plan_tests has parts of names, those. Then the token goes to the console.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

if [[ ! ${BOOTC_plan_nonce:-} ]]; then
  fail 'the runner gave a nonce' 'BOOTC_plan_nonce is not set; pass it with: tmt run --environment BOOTC_plan_nonce=…'
  finish_checks
fi

# is_wanted NAME: whether the script was to run.
is_wanted() {
  local word
  [[ ! ${BOOTC_plan_scripts:-} || " $BOOTC_plan_scripts " == *" $1 "* ]] || return
  [[ ! ${BOOTC_plan_tests:-} ]] && return
  for word in $BOOTC_plan_tests; do
    [[ /tests/readonly/$1 == *"$word"* ]] && return
  done
  return 1
}

chosen=0
for script in "$(dirname "$0")"/*.sh; do
  name=$(basename "$script" .sh)
  [[ $name == finish ]] && continue
  is_wanted "$name" || continue
  chosen=$((chosen + 1))
  if has_pass_mark "$name"; then
    pass "$name passed"
  else
    fail "$name passed" "no mark of this run in $(marks_folder): it failed, was left out, or did not reach its end"
  fi
done
((chosen > 0)) || fail 'some script was to run' "none has a word of BOOTC_plan_tests in its name: $BOOTC_plan_tests"

if ((checks_failed == 0)); then
  consoles=$(write_token)
  check_match 'a console took the token' '^/dev/' "$consoles"
fi
finish_checks
