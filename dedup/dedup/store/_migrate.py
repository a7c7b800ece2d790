"""Schema migrations with alembic: the scripts live in `alembic/` of the checkout and travel inside the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from dedup._errors import SchemaMissing, SchemaTooNew

# One number for the whole program, so that every process of one database waits for the same lock ("dedup" in ASCII).
ADVISORY_LOCK = 0x6465647570


def migrations_folder() -> Path:
    """Where the migration scripts are: in the installed package, or at the top of a source checkout."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "alembic"


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema to the newest revision in one transaction; returns (before, after).

    Raises:
        SchemaTooNew: the database was written by a newer version of the program.
    """
    before = current_revision(engine)
    head = head_revision()
    if before == head:
        return before, head
    _refuse_unknown(engine, before)
    # Two processes that start at once take turns instead of both creating the tables; the second finds nothing to do.
    with engine.connect().execution_options(begin_immediate=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, head


def check_revision(engine: Engine) -> None:
    """Refuse a schema that is newer, or older, than this program.

    Raises:
        SchemaTooNew, SchemaMissing: with the command that helps.
    """
    before = current_revision(engine)
    _refuse_unknown(engine, before)
    if before != head_revision():
        raise SchemaMissing(f"the schema is at {before}, this program needs {head_revision()}: run `dedup db upgrade`")


def current_revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    assert head is not None, "the package carries no migration"
    return head


def _refuse_unknown(engine: Engine, revision: str | None) -> None:
    script = ScriptDirectory.from_config(_alembic_config())
    known = {entry.revision for entry in script.walk_revisions()}
    if revision is not None and revision not in known:
        where = engine.url.render_as_string(hide_password=True)
        raise SchemaTooNew(
            f"{where} has schema {revision}, which this version does not know: it was written by a newer one. "
            "Upgrade news-dedup, or point store.url elsewhere; nothing was changed."
        )


def _alembic_config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return config
