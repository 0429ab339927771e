#!/bin/bash
# Every other script in this folder must have passed in this run; then the token goes to the console.
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"

if [[ ! ${BOOTC_plan_nonce:-} ]]; then
  fail 'the runner gave a nonce' 'BOOTC_plan_nonce is not set; pass it with: tmt run --environment BOOTC_plan_nonce=…'
  finish_checks
fi

for script in "$(dirname "$0")"/*.sh; do
  name=$(basename "$script" .sh)
  [[ $name == finish ]] && continue
  if has_pass_mark "$name"; then
    pass "$name passed"
  else
    fail "$name passed" "no mark of this run in $(marks_folder): it failed, was left out, or did not reach its end"
  fi
done

if ((checks_failed == 0)); then
  consoles=$(write_token)
  check_match 'a console took the token' '^/dev/' "$consoles"
fi
finish_checks
