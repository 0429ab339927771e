#!/bin/bash
# A /var that is gone with the power. What runs tests keeps them in /var, so that a service of the image looks at it, and then goes back.
# shellcheck disable=SC2317 # stages are called by their names
# shellcheck source=SCRIPTDIR/../lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=SCRIPTDIR/../lib/stages.sh
. "$(dirname "$0")/../lib/stages.sh"
# shellcheck source=SCRIPTDIR/../lib/deployments.sh
. "$(dirname "$0")/../lib/deployments.sh"
# shellcheck source=SCRIPTDIR/../lib/root-setup.sh
. "$(dirname "$0")/../lib/root-setup.sh"

# add_witness: the service. Nobody can log in meanwhile, so that this boot is not taken for the last one.
add_witness() {
  context_file usr/libexec/tests-witness '#!/bin/bash
trap "systemctl --no-block reboot" EXIT
exec >/etc/tests-witness 2>&1
findmnt --noheadings --output FSTYPE --mountpoint /var
stat --format=%a /var
touch /var/tests-volatile && echo writable
cat /var/tests-lasting
systemctl --failed --plain --no-legend --full
bootc status --format=json | jq -r .status.booted.image.image.image
bootc rollback'
  context_file usr/lib/systemd/system/tests-witness.service '[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /usr/libexec/tests-witness
[Install]
WantedBy=multi-user.target'
}

stage_0() {
  check_booted bootc
  keep first "$(deployment_id)"
  echo lasting >/var/tests-lasting
  add_witness
  derive_set_up volatile $'[var]\nmount = "volatile"' \
    'RUN systemctl enable tests-witness && systemctl disable ssh && systemctl mask ssh.service ssh.socket'
  switch_to volatile
  check_staged volatile
  keep second "$(verity_of staged)"
}

stage_1() {
  check_booted bootc
  check_equal 'this is the deployment before' "$(kept first)" "$(deployment_id)"
  check_equal 'what was seen with the volatile /var' \
    $'overlay\n755\nwritable\ncat: /var/tests-lasting: No such file or directory\nlocalhost/volatile' \
    "$(head -n 5 "/sysroot/state/deploy/$(kept second)/etc/tests-witness")"
  check_equal 'the rollback is that deployment' "$(kept second)" "$(verity_of rollback)"
  check_equal 'what was written there is gone' '' "$(find /var /sysroot/state -name tests-volatile 2>/dev/null)"
  check_equal '/var is as it was' lasting "$(cat /var/tests-lasting)"
  check_no_garbage
}

run_stages
