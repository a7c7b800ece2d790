"""A process that polls like `dedup poll`, on the hashing encoder; run by the tests of polling.

    polling.py URL LIST|"" SECTIONS [CLOCK]

SECTIONS is JSON, `{section: {key: value}}`. CLOCK is the file of a clock that can be set, see `jumpingclock`. Leaves as
the command does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
if sys.argv[4:]:
    import jumpingclock  # noqa: F401 - before all that ask for the time

from newsroom import config_for, hashing_service

from dedup.poll import Poller, log_to_stderr

url, list_, sections = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
log_to_stderr()
with hashing_service(url, **sections) as service:
    print("ready", flush=True)
    if not Poller(service, config_for(url, **sections), [Path(list_)] if list_ else []).run():
        sys.stderr.flush()
        os._exit(0)
print("left", flush=True)
