"""A feed on the local disk, with the limits of one on the web. The ETag is the hash of the content."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ._errors import ErrorKind, FetchError
from ._fetch import Fetched
from ._outcome import FeedRequest


def read_file(request: FeedRequest, max_body_bytes: int) -> Fetched:
    """The file of a request; `body` is None when its content is the one of the request's ETag. Raises FetchError."""
    path = Path(request.url)
    try:
        # O_NONBLOCK: a FIFO without a writer would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FetchError(ErrorKind.FILE, f"{path} is not a regular file")
            body = file.read(max_body_bytes + 1)
    except OSError as error:
        raise FetchError(ErrorKind.FILE, f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise FetchError(ErrorKind.FILE, f"{request.url!r} is not a path ({error})") from error
    if len(body) > max_body_bytes:
        raise FetchError(ErrorKind.TOO_LARGE, f"the file is longer than {max_body_bytes} bytes (max_body_bytes)")
    etag = f'"sha256-{hashlib.sha256(body).hexdigest()}"'
    if etag == request.etag:
        return Fetched(None, None, request.url, etag=etag)
    return Fetched(body, None, request.url, etag=etag)
