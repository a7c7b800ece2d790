"""Help, version, usage errors, configuration, database, models: what needs no article."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

COMMANDS = [
    ["eval"],
    ["ingest"],
    ["import"],
    ["similar"],
    ["explain"],
    ["stories"],
    ["serve"],
    ["poll"],
    *(["feeds", name] for name in ("add", "list", "errors", "disable", "enable", "remove", "import", "export")),
    ["feedback", "merge"],
    ["feedback", "list"],
    ["repair"],
    ["db", "upgrade"],
    ["db", "current"],
    ["index", "rebuild"],
    ["index", "stats"],
    ["model", "list"],
    ["model", "export"],
    ["model", "info"],
    ["model", "parity"],
    ["calibrate"],
    ["doctor"],
]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(command_line, command):
    done = command_line.run(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: dedup")
    assert done.stderr == ""


def test_help_loads_nothing_heavy():
    heavy = {"pydantic", "rich", "sqlalchemy", "fastapi", "numpy", "onnxruntime", "faiss", "gensim", "aiohttp", "torch"}
    script = (
        "import sys\nfrom dedup.cli import main\nsys.argv = ['dedup', '--help']\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code, leaving.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert "dedup.cli._app" in loaded
    assert heavy & set(loaded) == set()


def test_the_version_is_that_of_the_distribution(command_line):
    from importlib.metadata import version

    assert command_line.run("--version").stdout == f"dedup {version('news-dedup')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ingest"],
        ["similar"],
        ["similar", "  "],
        ["similar", "text", "--k", "0"],
        ["similar", "text", "--k", "101"],
        ["similar", "text", "--min-probability", "1.5"],
        ["similar", "text", "--published", "yesterday"],
        ["similar", "text", "--published", "0001-01-01"],
        ["stories", "--limit", "0"],
        ["stories", "--id", "9223372036854775808"],
        ["explain", "1"],
        ["poll", "--json"],
        ["feeds", "add"],
        ["feeds", "add", "neither-url-nor-file"],
        ["feeds", "list", "--polled", "--disabled"],
        ["serve", "--port", "65536"],
        ["model", "export", "--profile", "cpu-int4"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two_and_changes_nothing(command_line, arguments):
    done = command_line.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not command_line.database.exists()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[verdict]\nmin_probabilty = 0.4\n", "verdict.min_probabilty"),
        ("[serve]\nport = 70000\n", "serve.port"),
        ("not toml at all", "my.toml"),
        ('[store]\nurl = "nosuch://here"\n[model]\nname = "e5-small"\n', "nosuch"),
        ('[model]\nname = "no-such-model"\n', "no-such-model"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(command_line, toml, named):
    (command_line.folder / "my.toml").write_text(toml, encoding="utf-8")
    done = command_line.run("similar", "News")  # needs the settings, the model and the database
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_option_config_wins_over_the_environment(command_line):
    other = command_line.folder / "other.toml"
    other.write_text(f'[store]\nurl = "sqlite:///{command_line.folder}/other.sqlite3"\n', encoding="utf-8")
    done = command_line.run("--config", str(other), "db", "current", "--json")
    assert json.loads(done.stdout)["url"].endswith("/other.sqlite3")


def test_db_makes_a_database_once_and_says_what_it_has(command_line):
    before = command_line.json("db", "current")
    assert (before["revision"], before["current"]) == (None, False)
    assert not command_line.database.exists()
    made = command_line.json("db", "upgrade")
    assert made["before"] is None
    assert made["after"] == before["needed"]
    again = command_line.json("db", "upgrade")
    assert again["before"] == again["after"] == made["after"]
    assert command_line.json("db", "current")["current"] is True


def test_a_database_of_a_newer_version_is_refused_and_left_alone(command_line):
    command_line.json("db", "upgrade")
    with sqlite3.connect(command_line.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")
    connection.close()
    for command in (["index", "stats"], ["db", "upgrade"], ["db", "current"]):
        done = command_line.run(*command)
        assert done.returncode == 1
        assert "ffff" in done.stderr
    with sqlite3.connect(command_line.database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("ffff",)]
    connection.close()


def test_a_file_that_is_no_database_is_one_line(command_line):
    command_line.database.write_bytes(b"This is a shopping list." * 100)
    done = command_line.run("stories")
    assert done.returncode == 1
    assert "no SQLite database" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_index_is_rebuilt_from_the_database(news_day):
    before = news_day.ask("index", "stats")
    after = news_day.json("index", "rebuild")
    assert after == before
    assert before["articles"] > before["indexed"] > 0
    assert before["indexed"] == before["embeddings"]
    assert before["model"] == "e5-small"


def test_models_are_listed_and_a_prepared_one_is_described(news_day):
    models = {model["name"]: model for model in news_day.json("model", "list")["models"]}
    assert {"labse", "labse-en-ru", "e5-small", "minilm"} <= set(models)
    assert models["e5-small"]["configured"]
    assert any(kind.startswith("int8 (") for kind in models["e5-small"]["prepared"])
    exported = news_day.json("model", "export")  # prepared already: nothing is built
    described = news_day.json("model", "info")
    assert described == exported | {"calibration": None}
    assert described["contract"]["dimension"] == 384
    assert described["fingerprint"] == news_day.ask("index", "stats")["artifact"]
    assert "e5-small" in news_day.run("model", "list").stdout
    assert described["fingerprint"] in news_day.run("model", "info").stdout


def test_a_model_that_is_not_prepared_is_said_with_the_command_that_helps(command_line):
    cache = {"DEDUP_CACHE": str(command_line.folder / "cache")}
    done = command_line.run("model", "info", **cache)
    assert done.returncode == 1
    assert "dedup model export e5-small" in done.stderr
