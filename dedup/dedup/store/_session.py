"""Engines and sessions, and the one short locked section in which stories change."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from dedup._errors import SchemaMissing, StoreBusy, StoreUnavailable
from dedup.store._migrate import ADVISORY_LOCK, check_revision, upgrade


class Store:
    """An open database with an up-to-date schema."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries; whatever it changed is thrown away."""
        with translated(self.engine), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def locked(self) -> Iterator[Session]:
        """The only way to change stories: one writer at a time over all processes; commits on leaving, or rolls back.

        Raises:
            StoreUnavailable: the lock was not had within `store.lock_timeout_seconds`, the disk is full, or the
                database is read-only.
        """
        with translated(self.engine), self.engine.connect() as connection:
            # SQLite: the default deferred BEGIN would take the write lock at the first write, after stale reads.
            locking = connection.execution_options(begin_immediate=True)
            with Session(locking, expire_on_commit=False) as session, session.begin():
                session.connection()  # a session begins at its first statement; the lock is to be had here
                if not self.is_sqlite:
                    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
                yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction about anything but stories: feeds, leases, what waits. Commits on leaving, or rolls back.

        On SQLite the same lock as `locked`, because it has only one; on PostgreSQL rows lock themselves.

        Raises:
            StoreUnavailable: as `locked`.
        """
        with translated(self.engine), self.engine.connect() as connection:
            locking = connection.execution_options(begin_immediate=True)
            with Session(locking, expire_on_commit=False) as session, session.begin():
                session.connection()
                yield session

    def close(self) -> None:
        self.engine.dispose()


def open_store(url: str, *, lock_timeout_seconds: float = 30.0, create: bool = True) -> Store:
    """Open the database behind a SQLAlchemy URL and check its schema.

    A new SQLite file gets its tables at once; one from an older version is migrated. PostgreSQL is only checked:
    `dedup db upgrade` changes it.

    Raises:
        StoreUnavailable: the URL is wrong, the driver is missing, or the server or file cannot be reached.
        SchemaMissing: no tables, and not a SQLite file that may be created.
        SchemaTooNew: the tables were written by a newer version.
    """
    engine = make_engine(url, lock_timeout_seconds)
    with translated(engine):
        empty = not inspect(engine).has_table("alembic_version")
        if engine.dialect.name == "sqlite" and create:
            upgrade(engine)
        elif empty:
            raise SchemaMissing(f"{safe_url(engine)} has no tables yet: run `dedup db upgrade`")
        else:
            check_revision(engine)
    return Store(engine)


def make_engine(url: str, lock_timeout_seconds: float) -> Engine:
    """An engine with this program's connection settings; touches no database yet, but for a SQLite folder.

    Raises:
        StoreUnavailable: the URL is malformed or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        arguments: dict[str, Any] = {}
        if parsed.get_backend_name() == "sqlite":
            arguments["timeout"] = lock_timeout_seconds
            if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
                Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args=arguments)
    except ModuleNotFoundError as error:
        raise StoreUnavailable(f"the driver {error.name!r} is missing: pip install 'news-dedup[postgres]'") from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreUnavailable(f"store.url {url!r} is not a database URL: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"cannot make the folder of {url}: {error}") from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, lock_timeout_seconds)
    else:
        milliseconds = int(lock_timeout_seconds * 1000)
        event.listen(engine, "connect", lambda raw, _record: _set_lock_timeout(raw, milliseconds))
    return engine


def safe_url(engine: Engine) -> str:
    """The URL without its password, for messages."""
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn the driver's connection, lock, disk and read-only errors into one of ours that says what to do."""
    try:
        yield
    except DatabaseError as error:
        # sqlite3 reports a file that is no database as DatabaseError itself; integrity errors are bugs and pass on.
        if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
            raise
        said = str(error.orig)
        kind = StoreBusy if any(sign in said for sign in _BUSY) else StoreUnavailable
        raise kind(f"{safe_url(engine)}: {_advice(said)}") from error


_BUSY = ("database is locked", "lock timeout", "deadlock detected")


def _advice(message: str) -> str:
    hints = {
        "database is locked": "another process holds the write lock; raise store.lock_timeout_seconds or stop it",
        "lock timeout": "another process holds the write lock; raise store.lock_timeout_seconds or stop it",
        "readonly": "the database or its folder is read-only; nothing was stored",
        "disk is full": "the disk is full; nothing of this batch was stored, free space and run again",
        "disk I/O error": "the disk is full or failing; nothing of this batch was stored, see to it and run again",
        "unable to open": "the file cannot be opened; check the path and its permissions",
        "not a database": "the file is no SQLite database; point store.url at another one",
        "connection": "the server cannot be reached; check store.url and that it is running",
    }
    for sign, hint in hints.items():
        if sign in message:
            return f"{message.strip()} ({hint})"
    return message.strip()


def _prepare_sqlite(engine: Engine, lock_timeout_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def configure(raw: Any, _record: Any) -> None:
        # The driver must not open transactions on its own: "begin" below decides between BEGIN and BEGIN IMMEDIATE.
        raw.isolation_level = None
        cursor = raw.cursor()
        _keep_write_ahead_log(cursor, lock_timeout_seconds)
        cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut; one per batch, so it costs little
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("begin_immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _keep_write_ahead_log(cursor: sqlite3.Cursor, lock_timeout_seconds: float) -> None:
    """Switch the file to a write-ahead log; it stays so.

    While another connection writes into a new file, SQLite refuses the switch at once instead of waiting: of eight
    processes that opened a new file together, one in eighty was refused.
    """
    end = time.monotonic() + lock_timeout_seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= end:
                raise
            time.sleep(0.02)
        else:
            return


def _set_lock_timeout(raw: Any, milliseconds: int) -> None:
    cursor = raw.cursor()
    cursor.execute(f"SET lock_timeout = {milliseconds}")
    cursor.close()
    raw.commit()
