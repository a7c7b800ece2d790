"""The schema: made, compared with the models, refused when newer, whole after an interruption."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from newsroom import article, hashing_service
from sqlalchemy import inspect, text

from dedup._errors import SchemaMissing, SchemaTooNew
from dedup.store import Base, open_store
from dedup.store import _migrate as migrate
from dedup.store._session import make_engine

BROKEN = """
from alembic import op
import sqlalchemy as sa
import os, signal
revision, down_revision, branch_labels, depends_on = "9998", {head!r}, None, None
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("article", sa.Column("half", sa.Text(), nullable=True))
    {ending}
def downgrade():
    pass
"""
HEAD = migrate.head_revision()


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may add to; the program reads it instead."""
    folder = tmp_path / "alembic"
    shutil.copytree(migrate.migrations_folder(), folder)
    monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)
    return folder


def tables(url: str) -> set[str]:
    engine = make_engine(url, 5.0)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_an_upgrade_makes_every_table_of_the_models_and_again_changes_nothing(empty_url: str) -> None:
    engine = make_engine(empty_url, 5.0)
    assert migrate.upgrade(engine) == (None, migrate.head_revision())
    assert migrate.upgrade(engine) == (migrate.head_revision(), migrate.head_revision())
    assert tables(empty_url) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()


def test_the_migrations_and_the_models_say_the_same(url: str) -> None:
    engine = make_engine(url, 5.0)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_migrations_can_be_taken_back(url: str) -> None:
    from alembic import command

    engine = make_engine(url, 5.0)
    with engine.connect() as connection, connection.begin():
        config = migrate._alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()
    assert tables(url) == {"alembic_version"}


def test_a_new_sqlite_file_gets_its_tables_by_itself_in_folders_that_do_not_exist(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a/b/news.sqlite3")
    assert migrate.current_revision(store.engine) == migrate.head_revision()
    store.close()


def test_an_empty_server_database_is_refused_with_the_command_that_helps(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        with pytest.raises(SchemaMissing, match="dedup db upgrade"):
            open_store(empty_url, create=False)
    else:
        with pytest.raises(SchemaMissing, match="dedup db upgrade"):
            open_store(empty_url)
    assert tables(empty_url) == set()


def test_a_message_about_a_database_never_shows_its_password(postgres_server: str) -> None:
    from sqlalchemy import make_url

    secret = make_url(postgres_server).set(password="hunter-two").render_as_string(hide_password=False)
    with pytest.raises(SchemaMissing) as caught:
        open_store(secret)
    assert "hunter-two" not in str(caught.value)


def test_case_66_a_schema_from_a_newer_version_is_refused_and_left_as_it_is(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article("a", "Brenholt opens a bridge", "The bridge over the Kelm is open.")])
    engine = make_engine(url, 5.0)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (lambda: open_store(url), lambda: migrate.upgrade(engine)):
        with pytest.raises(SchemaTooNew, match="9999"):
            attempt()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
        assert connection.scalar(text("SELECT count(*) FROM article")) == 1
    engine.dispose()


def test_case_67_a_migration_that_fails_half_way_leaves_the_old_schema(url: str, scripts: Path) -> None:
    before = tables(url)
    (scripts / "versions" / "9998_broken.py").write_text(
        BROKEN.format(head=HEAD, ending="raise RuntimeError('half way')")
    )
    engine = make_engine(url, 5.0)
    with pytest.raises(RuntimeError, match="half way"):
        migrate.upgrade(engine)
    assert migrate.current_revision(engine) == HEAD
    assert tables(url) == before
    assert "half" not in {column["name"] for column in inspect(engine).get_columns("article")}
    engine.dispose()


def test_a_migration_that_fails_on_an_empty_database_leaves_it_empty(empty_url: str, scripts: Path) -> None:
    (scripts / "versions" / "9998_broken.py").write_text(
        BROKEN.format(head=HEAD, ending="raise RuntimeError('half way')")
    )
    engine = make_engine(empty_url, 5.0)
    with pytest.raises(RuntimeError, match="half way"):
        migrate.upgrade(engine)
    engine.dispose()
    assert tables(empty_url) == set()


def test_case_67_a_process_killed_in_a_migration_leaves_the_old_schema_and_the_next_one_succeeds(
    url: str, scripts: Path
) -> None:
    broken = scripts / "versions" / "9998_killed.py"
    broken.write_text(BROKEN.format(head=HEAD, ending="os.kill(os.getpid(), signal.SIGKILL)"))
    code = (
        "import sys; from pathlib import Path; from dedup.store import _migrate as m;"
        "from dedup.store._session import make_engine;"
        "m.migrations_folder = lambda: Path(sys.argv[2]); m.upgrade(make_engine(sys.argv[1], 5.0))"
    )
    done = subprocess.run([sys.executable, "-c", code, url, str(scripts)], check=False)
    assert done.returncode == -9
    engine = make_engine(url, 5.0)
    assert migrate.current_revision(engine) == HEAD
    assert "half" not in tables(url)
    broken.write_text(BROKEN.format(head=HEAD, ending="pass"))
    assert migrate.upgrade(engine) == (HEAD, "9998")
    assert "half" in tables(url)
    engine.dispose()


def test_eight_upgrades_at_once_of_an_empty_database_take_turns(empty_url: str) -> None:
    def one(_: int) -> str:
        engine = make_engine(empty_url, 30.0)
        try:
            return migrate.upgrade(engine)[1]
        finally:
            engine.dispose()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {migrate.head_revision()}
    assert tables(empty_url) == {*Base.metadata.tables, "alembic_version"}
