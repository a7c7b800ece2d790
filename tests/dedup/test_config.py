"""One place for every default, and a refusal that names what is wrong."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dedup._errors import ConfigError
from dedup.config import Config, default_config_path, load_config
from dedup_ingest import ArticleLimits, FetchSettings, ParseSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("DEDUP_") and name != "DEDUP_CACHE":
            monkeypatch.delenv(name)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_every_setting_stands_in_config_toml_and_nothing_else_does() -> None:
    file = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
    fields = {
        section: set(field.annotation.model_fields)  # type: ignore[union-attr]
        for section, field in Config.model_fields.items()
    }
    assert {section: set(values) for section, values in file.items()} == fields


def test_no_default_hides_in_the_code() -> None:
    for section in Config.model_fields.values():
        assert section.is_required()
        for name, field in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert field.is_required(), name


def test_every_number_is_explained_or_named_with_its_unit() -> None:
    units = ("_seconds", "_hours", "_bytes", "_characters", "_words", "_articles", "_tokens", "_entries", "_share")
    for line in (ROOT / "config.toml").read_text(encoding="utf-8").splitlines():
        name, found, value = line.partition(" = ")
        if found and value.split("#")[0].strip().replace(".", "").isdigit():
            assert "#" in line or name.endswith(units) or name.startswith(("max_", "dns_", "port")), line


@pytest.mark.parametrize(
    ("section", "settings"), [("article", ArticleLimits), ("fetch", FetchSettings), ("parse", ParseSettings)]
)
def test_the_limits_of_ingest_are_the_same_here_and_there(section: str, settings: type[Any]) -> None:
    configured = getattr(load_config(), section).model_dump()
    assert configured == dataclasses.asdict(settings())


def test_the_defaults_make_a_service_of_labse() -> None:
    config = load_config()
    assert (config.model.name, config.model.profile, config.model.engine) == ("labse", "auto", "auto")
    assert default_config_path() == ROOT / "config.toml"


def test_a_file_needs_only_the_keys_it_changes(tmp_path: Path) -> None:
    config = load_config(written(tmp_path / "my.toml", "[verdict]\nwindow_hours = 24\n"))
    assert config.verdict.window_hours == 24.0
    assert config.verdict.candidates == load_config().verdict.candidates


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    text = '\ufeff# Einstellungen\r\n[model]\r\nname = "e5-small"\r\n'
    assert load_config(written(tmp_path / "my.toml", text)).model.name == "e5-small"


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "my.toml", "[serve]\nport = 1111\nmax_k = 11\nhost = 'file'\n")
    monkeypatch.setenv("DEDUP_SERVE__PORT", "2222")
    monkeypatch.setenv("DEDUP_SERVE__MAX_K", "22")
    config = load_config(path, {"serve": {"port": 3333}})
    assert (config.serve.port, config.serve.max_k, config.serve.host) == (3333, 22, "file")


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEDUP_CONFIG", str(written(tmp_path / "my.toml", "[serve]\nport = 4444\n")))
    assert load_config().serve.port == 4444
    other = written(tmp_path / "other.toml", "[serve]\nport = 5555\n")
    assert load_config(other).serve.port == 5555


def test_lists_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEDUP_FETCH__ALLOW_NETWORKS", json.dumps(["127.0.0.0/8", "::1/128"]))
    assert load_config().fetch.allow_networks == ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[model]\nnmae = 'labse'\n", "model.nmae: unknown key"),
        ("[modle]\nname = 'labse'\n", "modle: unknown key"),
        ("window_hours = 5\n", "window_hours: unknown key"),
        ("[model]\nprofile = 'cpu-int4'\n", "model.profile"),
        ("[model]\nlanguages = ['en', 'klingon']\n", "'klingon' is not known here"),
        ("[verdict]\nmin_probability = 1.5\n", "verdict.min_probability"),
        ("[verdict]\ncandidates = 0\n", "verdict.candidates"),
        ("[fetch]\ntotal_deadline_seconds = -1\n", "fetch.total_deadline_seconds"),
        ("[serve]\nport = 70000\n", "serve.port"),
        ("model = 5\n", "model"),
    ],
)
def test_a_wrong_key_or_value_in_the_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = written(tmp_path / "my.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert "config.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("DEDUP_MODEL__NMAE", "labse", "model.nmae: unknown key"),
        ("DEDUP_MODLE__NAME", "labse", "DEDUP_MODLE__NAME"),
        ("DEDUP_MODEL", "labse", "DEDUP_MODEL"),
        ("DEDUP_MODEL_NAME", "labse", "DEDUP_MODEL_NAME"),
        ("DEDUP_SERVE__PORT", "http", "serve.port"),
        ("DEDUP_FETCH__ALLOW_NETWORKS", "127.0.0.0/8", "fetch"),
    ],
)
def test_a_wrong_name_or_value_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert named in str(caught.value)


def test_other_peoples_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEDUP_CACHE", "/somewhere")
    monkeypatch.setenv("MODEL__NAME", "nothing of ours")
    assert load_config().model.name == "labse"


def test_a_file_that_is_missing_or_no_toml_is_a_refusal_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml.*No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"broken\.toml is not TOML.*line 2"):
        load_config(written(tmp_path / "broken.toml", "[model]\nname = \n"))
    with pytest.raises(ConfigError, match=r"utf16\.toml is not TOML"):
        load_config(written(tmp_path / "utf16.toml", "[model]\n", "utf-16"))
    with pytest.raises(ConfigError, match=r"cannot read"):
        load_config(tmp_path)


def test_a_configuration_cannot_be_changed_afterwards() -> None:
    from pydantic import ValidationError

    config = load_config()
    with pytest.raises(ValidationError, match="frozen"):
        config.verdict.candidates = 5  # type: ignore[misc]
