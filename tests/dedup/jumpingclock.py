"""A clock on the wall that a test can set, for a process of its own: import it before anything that asks for the time.

Setting the machine's own clock would need root and disturb everything else on it; the monotonic clock, by which timers
run, goes on, as it does when a clock is set.
"""

from __future__ import annotations

import datetime
import sys
import threading
import time
from typing import Any

_real, _real_time = datetime.datetime, time.time
_ahead = datetime.timedelta()


class _Kind(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, _real)


class _Datetime(_real, metaclass=_Kind):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _real.now(tz) + _ahead


def _follow() -> None:
    global _ahead
    for line in sys.stdin:
        _ahead = datetime.timedelta(seconds=float(line))


datetime.datetime = _Datetime  # type: ignore[misc]
time.time = lambda: _real_time() + _ahead.total_seconds()
threading.Thread(target=_follow, daemon=True).start()
