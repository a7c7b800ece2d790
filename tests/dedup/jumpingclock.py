"""A clock on the wall that a test can set, for processes of its own: import it before anything that asks for the time.

Setting the machine's own clock would need root and disturb everything else on it; the monotonic clock, by which timers
run, goes on, as it does when a clock is set. The file named on the command line, 8 bytes, says by how many seconds the
clock is ahead: of all processes at one moment, as one machine's clock is.
"""

from __future__ import annotations

import datetime
import mmap
import struct
import sys
import time
from pathlib import Path
from typing import Any

_real, _real_time = datetime.datetime, time.time
with Path(sys.argv[4]).open("rb") as _file:
    _shared = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _ahead() -> float:
    return float(struct.unpack("d", _shared[:8])[0])


class _Kind(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, _real)


class _Datetime(_real, metaclass=_Kind):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _real.now(tz) + datetime.timedelta(seconds=_ahead())


datetime.datetime = _Datetime  # type: ignore[misc]
time.time = lambda: _real_time() + _ahead()
