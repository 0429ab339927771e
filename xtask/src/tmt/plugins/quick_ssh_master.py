"""tmt plugin: look for the ssh master process four times a second.

tmt looks once, and then every 30 seconds. A guest under emulation takes a second or two to answer, so each start of the
master cost half a minute. The deadline stays tmt's own.
"""

import tmt.guest
from tmt.utils.wait import Waiting

_original = tmt.guest.default_ssh_master_start_waiting


def _quick() -> Waiting:
    waiting = _original()
    waiting.tick = 0.25
    return waiting


tmt.guest.default_ssh_master_start_waiting = _quick
