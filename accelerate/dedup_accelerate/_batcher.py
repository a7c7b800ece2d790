"""Many callers, one model: texts that arrive together are run together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from ._encoder import Encoder, Pending, Vectors, plan_batches, refuse_one_text
from ._errors import EncoderBusy, EncoderClosed


@dataclass(slots=True, eq=False)
class _Request:
    """One call: `waiting` are the rows of `pending.ids` that no batch has taken yet, `left` how many are not done."""

    pending: Pending
    rows: Vectors
    waiting: deque[int]
    left: int
    since: float
    future: Future[Vectors]

    def take(self) -> tuple[_Request, int, list[int]]:
        row = self.waiting.popleft()
        return self, row, self.pending.ids[row]


class DynamicBatcher:
    """Puts the texts of concurrent callers into common batches, which one thread runs.

    Each batch takes one text of every waiting call in turn, oldest call first, until the budget is full: a call of one
    text waits for the batch that runs and its own, not for the hundreds of a large call before it.

    encoder: what runs them; its batch_tokens is the budget of a batch. wait_milliseconds: a batch that is not full
    waits so long for more, counted from its oldest text; while one batch runs, the next fills anyway.
    max_waiting_texts: a call that would make more texts wait than this raises EncoderBusy, unless nothing waits: then
    it is taken whatever its size, so no single call is too large.

    Any thread and any event loop may call. Texts that the encoder's cache knows wait for nothing. A caller that
    gives up (a cancelled task) takes its texts out of the queue. `close`, or leaving the `with` block, lets what
    waits be finished; a later call raises EncoderClosed.
    """

    def __init__(self, encoder: Encoder, *, wait_milliseconds: float = 2.0, max_waiting_texts: int = 2048) -> None:
        if wait_milliseconds < 0 or max_waiting_texts < 1:
            raise ValueError("wait_milliseconds must not be negative, max_waiting_texts must be positive")
        self.encoder = encoder
        self._wait = wait_milliseconds / 1000
        self._most = max_waiting_texts
        self._queue: deque[_Request] = deque()
        self._texts = self._tokens = 0  # that wait
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="dedup-encoder", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Encoder.encode`, from a thread; waits for the vectors. Raises EncoderBusy, EncoderClosed, TypeError."""
        return self._submit(texts, Future()).result()

    async def aencode(self, texts: Sequence[str]) -> Vectors:
        """As `Encoder.encode`, from a task, while its loop goes on. Raises EncoderBusy, EncoderClosed, TypeError."""
        # Texts are tokenised in a thread: 256 long ones would hold the loop for 100 ms.
        future: Future[Vectors] = Future()
        try:
            await asyncio.to_thread(self._submit, texts, future)
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()  # also while its texts are still on their way into the queue
            raise

    def close(self) -> None:
        """Take no more texts, finish those that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _submit(self, texts: Sequence[str], future: Future[Vectors]) -> Future[Vectors]:
        refuse_one_text(texts)
        pending = self.encoder.prepare(texts)
        count = len(pending.ids)
        # Longest first, so that the batches of a large call hold texts of one length and little padding.
        order = deque(sorted(range(count), key=lambda row: -len(pending.ids[row])))
        request = _Request(
            pending, np.empty((count, self.encoder.dimension), np.float32), order, count, time.monotonic(), future
        )
        if not count:
            _settle(request, pending.vectors)
            return future
        with self._changed:
            if self._closed:
                raise EncoderClosed("the encoder was closed; open the service again.")
            self._forget_cancelled()
            if self._texts and self._texts + count > self._most:
                raise EncoderBusy(
                    f"{self._texts} texts wait for the encoder already (at most {self._most}): ask again later."
                )
            self._queue.append(request)
            self._texts += count
            self._tokens += sum(map(len, pending.ids))
            self._changed.notify_all()
        return future

    def _work(self) -> None:
        while items := self._next():
            for batch in plan_batches([len(ids) for _, _, ids in items], self.encoder.batch_tokens):
                self._run([items[position] for position in batch])

    def _next(self) -> list[tuple[_Request, int, list[int]]]:
        """What to run next, up to the token budget and at least one text; nothing when closed and nothing waits."""
        with self._changed:
            while True:
                self._forget_cancelled()
                if self._queue:
                    rest = min(request.since for request in self._queue) + self._wait - time.monotonic()
                    if rest <= 0 or self._closed or self._tokens >= self.encoder.batch_tokens:
                        break
                    self._changed.wait(rest)
                elif self._closed:
                    return []
                else:
                    self._changed.wait()
            taken: list[tuple[_Request, int, list[int]]] = []
            room = self.encoder.batch_tokens
            while self._queue and (room > 0 or not taken):
                request = self._queue.popleft()
                taken.append(request.take())
                tokens = len(taken[-1][2])
                room -= tokens
                self._texts -= 1
                self._tokens -= tokens
                if request.waiting:
                    self._queue.append(request)
            return taken

    def _forget_cancelled(self) -> None:
        """Drop what nobody waits for any more: calls that were cancelled, or failed with another batch."""
        for request in [request for request in self._queue if request.future.done()]:
            self._queue.remove(request)
            self._texts -= len(request.waiting)
            self._tokens -= sum(len(request.pending.ids[row]) for row in request.waiting)

    def _run(self, items: Sequence[tuple[_Request, int, list[int]]]) -> None:
        try:
            rows = self.encoder.run([ids for _, _, ids in items])
        except Exception as error:  # whatever the runtime raises belongs to the callers, never to this thread
            for request, _, _ in items:
                _settle(request, error)
            return
        for (request, row, _), vector in zip(items, rows, strict=True):
            request.rows[row] = vector
            request.left -= 1
            if not request.left:
                _settle(request, self.encoder.finish(request.pending, request.rows))


def _settle(request: _Request, outcome: Vectors | Exception) -> None:
    """Answer a request once; one that was cancelled, or has failed already, stays as it is."""
    if request.future.done() or not request.future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        request.future.set_exception(outcome)
    else:
        request.future.set_result(outcome)
