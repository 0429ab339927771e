# shellcheck shell=bash
# Named checks for the scripts of a plan. Sourced first by each of them.
#
# A script makes any number of checks, goes on after a failed one, and ends with `finish_checks`, which exits 1 if one
# failed and else leaves a pass mark for the plan's token (see token.sh). A script that dies on the way leaves no mark.

set -u
export LC_ALL=C.UTF-8

lib_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/guest.sh
. "$lib_folder/guest.sh"
# shellcheck source=SCRIPTDIR/token.sh
. "$lib_folder/token.sh"

require_composefs_guest

checks_made=0
checks_failed=0
work=$(mktemp -d /run/bootc-tests.XXXXXX)
trap remove_work EXIT

# remove_work: with what is mounted in it, the innermost first.
remove_work() {
  local mounted
  while read -r mounted; do
    umount "$mounted"
  done < <(awk -v folder="$work/" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo | tac)
  rm -rf --one-file-system -- "$work"
}

# pass NAME / fail NAME [DETAIL...]: one line for a check; details of a failure are indented below it.
pass() {
  checks_made=$((checks_made + 1))
  printf 'ok: %s\n' "$1"
}

fail() {
  checks_made=$((checks_made + 1))
  checks_failed=$((checks_failed + 1))
  printf 'FAIL: %s\n' "$1"
  shift
  (($#)) && printf '%s\n' "$@" | sed 's/^/    /'
  return 0
}

# check_equal NAME EXPECTED ACTUAL: byte for byte; texts of several lines are shown as a diff.
check_equal() {
  if [[ $2 == "$3" ]]; then
    pass "$1"
  elif [[ $2$3 == *$'\n'* ]]; then
    fail "$1" "$(diff -u --label expected --label actual <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -n 60)"
  else
    fail "$1" "expected: $2" "actual:   $3"
  fi
}

# check_match NAME REGEX ACTUAL: extended regular expression, not anchored.
check_match() {
  if [[ $3 =~ $2 ]]; then
    pass "$1"
  else
    fail "$1" "expected to match: $2" "actual: $3"
  fi
}

# check_contains NAME TEXT ACTUAL: literally.
check_contains() {
  if [[ $3 == *"$2"* ]]; then
    pass "$1"
  else
    fail "$1" "expected to contain: $2" "actual: $3"
  fi
}

# check_no_match NAME REGEX ACTUAL
check_no_match() {
  if [[ $3 =~ $2 ]]; then
    fail "$1" "expected not to match: $2" "matched: ${BASH_REMATCH[0]}" "actual: $3"
  else
    pass "$1"
  fi
}

# capture COMMAND...: runs it with no input; leaves `code`, `out`, `err` (no trailing newlines) and the exact bytes in
# $work/stdout and $work/stderr.
capture() {
  "$@" </dev/null >"$work/stdout" 2>"$work/stderr"
  code=$?
  out=$(<"$work/stdout")
  err=$(<"$work/stderr")
}

printable_tail() {
  tail -n 20 "$1" | head -c 4000 | tr -d '\000-\010\013-\037'
}

# check_exit NAME CODE COMMAND...: captures the command and compares its exit status.
check_exit() {
  local name=$1 expected=$2
  shift 2
  capture "$@"
  if [[ $code == "$expected" ]]; then
    pass "$name"
  else
    fail "$name" "expected exit status: $expected" "actual exit status:   $code" "command: $*" \
      "stdout: $(printable_tail "$work/stdout")" "stderr: $(printable_tail "$work/stderr")"
  fi
}

# check_error NAME TEXT COMMAND...: the command fails with status 1, TEXT is in its error, and the error has the shape
# that programs rely on: nothing on stdout, one line beginning with `error: `, no escape sequence, no stack.
check_error() {
  local name=$1 text=$2
  shift 2
  check_exit "$name: exit status" 1 "$@"
  check_equal "$name: nothing on stdout" '' "$out"
  check_equal "$name: one error line" 1 "$(grep -c '^error: ' <<<"$err")"
  check_contains "$name: says what is wrong" "$text" "$err"
  check_no_match "$name: no escape sequences" $'\e' "$err"
  check_no_match "$name: no stack trace" $'(^|\n) +at [^\n]*:[0-9]+' "$err"
}

# finish_checks: last line of every script.
finish_checks() {
  printf '%s: %d checks, %d failed\n' "$(script_name)" "$checks_made" "$checks_failed"
  ((checks_made > 0 && checks_failed == 0)) || exit 1
  leave_pass_mark
  exit 0
}
