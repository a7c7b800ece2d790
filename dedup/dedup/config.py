"""The configuration: one TOML file with every default, overlaid by the user's file and the environment.

`config.toml` is the only place where a default is written; the models below give types and bounds, never values.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from dedup._errors import ConfigError

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]

ENV_PREFIX = "DEDUP_"
# Read by others than this module: the model cache folder (accelerate) and the path of the user's file.
RESERVED_ENV = frozenset({"DEDUP_CACHE", "DEDUP_CONFIG"})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_languages(codes: tuple[str, ...]) -> tuple[str, ...]:
    if codes:
        from dedup_accelerate import scripts_of

        scripts_of(codes)
    return codes


class ModelConfig(_Section):
    name: Annotated[str, Field(min_length=1)]
    profile: Literal["auto", "cpu-int8", "cpu-bf16", "cpu-fp32", "cuda-fp16", "cuda-fp32", "tensorrt"]
    engine: Literal["auto", "onnxruntime", "openvino"]
    languages: Annotated[tuple[str, ...], AfterValidator(_known_languages)]
    threads: Annotated[int, Field(ge=0)]
    cache: str
    batch_tokens: Positive
    long_texts: Literal["truncate", "lead", "windows"]
    window_overlap_tokens: Annotated[int, Field(ge=0)]
    max_windows: Positive
    cache_texts: Annotated[int, Field(ge=0)]


class ParityConfig(_Section):
    min_mean_cosine: Share
    max_pairwise_shift: Annotated[float, Field(ge=0, le=2)]
    min_verdict_f1: Share
    min_story_b3: Share


class EncodeConfig(_Section):
    view: Literal["title", "lead", "body"]
    lead_words: Positive
    clean: bool
    batch_articles: Positive


class BoilerplateConfig(_Section):
    recent_articles: Annotated[int, Field(ge=0)]
    min_articles: Annotated[int, Field(ge=2)]


class ArticleConfig(_Section):
    max_title_characters: Positive
    max_text_characters: Positive
    max_url_characters: Positive
    max_guid_characters: Positive
    max_source_characters: Positive


class FetchConfig(_Section):
    total_deadline_seconds: Seconds
    connect_timeout_seconds: Seconds
    read_timeout_seconds: Seconds
    max_body_bytes: Positive
    max_header_bytes: Positive
    max_headers: Positive
    max_redirects: Annotated[int, Field(ge=0)]
    max_retries: Annotated[int, Field(ge=0)]
    retry_delay_seconds: Annotated[float, Field(ge=0)]
    max_retry_delay_seconds: Seconds
    max_retry_after_seconds: Seconds
    unconditional_share: Share
    max_concurrency: Positive
    max_concurrency_per_host: Positive
    host_spacing_seconds: Annotated[float, Field(ge=0)]
    dns_threads: Positive
    max_url_characters: Positive
    proxy: str
    user_agent: str
    allow_networks: tuple[str, ...]
    allow_local_files: bool


class ScheduleConfig(_Section):
    min_interval_seconds: Seconds
    max_interval_seconds: Seconds
    first_interval_seconds: Seconds
    entries_per_visit: Seconds
    rate_memory_hours: Seconds
    jitter_share: Share
    temporary_delay_seconds: Seconds
    max_temporary_delay_seconds: Seconds
    permanent_delay_seconds: Seconds
    max_permanent_delay_seconds: Seconds
    max_clock_drift_seconds: Annotated[float, Field(ge=0)]


class ParseConfig(_Section):
    workers: Annotated[int, Field(ge=0)]
    deadline_seconds: Seconds
    start_deadline_seconds: Seconds
    max_memory_bytes: Positive
    max_documents_per_worker: Positive
    max_entries: Positive
    max_url_characters: Positive
    detect_language: bool


class FullTextConfig(_Section):
    enabled: Literal["off", "short", "all"]
    feeds: dict[str, Literal["off", "short", "all"]]
    min_text_characters: Positive
    min_page_characters: Positive
    max_page_bytes: Positive
    max_pages_per_feed: Positive
    max_concurrency: Positive
    workers: Annotated[int, Field(ge=0)]
    deadline_seconds: Seconds
    max_memory_bytes: Positive


class VerdictConfig(_Section):
    window_hours: Seconds
    near_copy_jaccard: Share
    min_probability: Share
    use_calibration: bool
    candidates: Positive
    stored_matches: Positive
    floor_scaled_cosine: float
    aggregators: tuple[str, ...]


class StoryConfig(_Section):
    max_size_articles: Positive
    max_span_hours: Seconds
    min_representative_probability: Share
    min_mean_probability: Share
    max_conflict_share: Share
    sample_articles: Positive
    repair_articles: Positive
    neighbourhood_articles: Positive
    source_rank: tuple[str, ...]


class StoreConfig(_Section):
    url: str
    lock_timeout_seconds: Seconds


class IndexConfig(_Section):
    folder: str
    keep_hours: Seconds


class PollConfig(_Section):
    feeds: str
    cron: str
    group_cron: dict[str, str]
    tick_seconds: Seconds
    claim_feeds: Positive
    lease_seconds: Seconds
    drain_seconds: Seconds


class ServeConfig(_Section):
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    max_k: Positive
    max_body_bytes: Positive
    batch_wait_milliseconds: Annotated[float, Field(ge=0)]
    max_waiting_texts: Positive


class Config(BaseSettings):
    """Every setting of the service; see `config.toml` for the meaning and unit of each."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", protected_namespaces=()
    )

    model: ModelConfig
    parity: ParityConfig
    encode: EncodeConfig
    boilerplate: BoilerplateConfig
    article: ArticleConfig
    fetch: FetchConfig
    schedule: ScheduleConfig
    parse: ParseConfig
    fulltext: FullTextConfig
    verdict: VerdictConfig
    story: StoryConfig
    store: StoreConfig
    index: IndexConfig
    poll: PollConfig
    serve: ServeConfig

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load_config` merges files, environment and command line itself; no .env file, no secrets folder."""
        return (init_settings,)


def default_config_path() -> Path:
    """The `config.toml` that carries the defaults: inside the package, or at the top of a source checkout."""
    inside = Path(__file__).parent / "config.toml"
    return inside if inside.is_file() else Path(__file__).parents[2] / "config.toml"


def load_config(path: Path | None = None, overrides: dict[str, dict[str, Any]] | None = None) -> Config:
    """Read the defaults, then `path` (or `DEDUP_CONFIG`), then the environment, then `overrides`.

    Args:
        path: the user's TOML file; `None` takes `DEDUP_CONFIG` from the environment, if set.
        overrides: `{section: {key: value}}` from the command line; they win over everything.

    Raises:
        ConfigError: a file is missing or not TOML, a key is unknown, or a value is out of bounds.
    """
    if path is None and os.environ.get("DEDUP_CONFIG"):
        path = Path(os.environ["DEDUP_CONFIG"])
    layers = [_read(default_config_path())]
    if path is not None:
        layers.append(_read(path))
    _refuse_unknown_environment()
    try:
        layers.append(EnvSettingsSource(Config)())
    except SettingsError as error:
        raise ConfigError(f"configuration refused (the environment): {error}") from error
    layers.append(overrides or {})
    try:
        return Config(**_merge(layers))
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _merge(layers: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for section, values in layer.items():
            known = merged.get(section)
            merged[section] = {**known, **values} if isinstance(known, dict) and isinstance(values, dict) else values
    return merged


def _refuse_unknown_environment() -> None:
    # pydantic-settings ignores variables whose first part is no field: a typing mistake would pass in silence.
    for name in os.environ:
        if not name.startswith(ENV_PREFIX) or name in RESERVED_ENV:
            continue
        section, _, key = name[len(ENV_PREFIX) :].lower().partition("__")
        if section not in Config.model_fields or not key:
            sections = ", ".join(sorted(Config.model_fields))
            raise ConfigError(f"unknown environment variable {name}: use DEDUP_SECTION__KEY, section one of {sections}")


def _explain(error: ValidationError, path: Path | None) -> str:
    problems = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        what = "unknown key" if item["type"] == "extra_forbidden" else item["msg"]
        problems.append(f"{key}: {what}")
    where = f"{path} or the environment" if path else "the environment"
    return f"configuration refused ({where}): " + "; ".join(problems) + f". Allowed keys: {default_config_path()}"
