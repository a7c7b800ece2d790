"""Types of request fields: what JSON Schema says of them is what they accept, no less and no more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BeforeValidator, Field, StrictFloat, StrictStr

MAX_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 1970, 2100

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


def moment(value: Any) -> datetime:
    """RFC 3339 to an aware UTC datetime. pydantic alone would also take numbers and times without a zone."""
    if isinstance(value, datetime):
        return value
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-03-12T09:30:00Z")
    day, minute, second, fraction, zone = found.groups()
    # A leap second is a valid RFC 3339 time that datetime has no room for.
    second = "59" if second == "60" else second
    parsed = datetime.fromisoformat(f"{day}T{minute}{second}{(fraction or '')[:7]}{zone.upper()}")
    if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
        raise ValueError(f"must be between the years {FIRST_YEAR} and {LAST_YEAR}")
    return parsed.astimezone(UTC)


def whole_characters(value: Any) -> Any:
    """Join surrogate pairs that a JSON writer left apart, and replace lone ones: no database stores them."""
    if isinstance(value, str) and _SURROGATE.search(value):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def number(value: Any) -> Any:
    """A JSON number: 10 and 10.0 are the same integer, "10" and true are none."""
    if isinstance(value, (str, bool)):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError, and lets TypeError through
    return value


Characters = Annotated[StrictStr, BeforeValidator(whole_characters)]
# At least one character that is neither white space nor one of those that are taken out before storing.
Title = Annotated[
    StrictStr,
    Field(min_length=1, pattern=r"[^\s\u0000-\u001F\u007F-\u009F\uFDD0-\uFDEF\uFFFE\uFFFF]"),
    BeforeValidator(whole_characters),
]
Moment = Annotated[datetime, BeforeValidator(moment), Field(description="RFC 3339, 1970 to 2100.")]
Lang = Annotated[
    StrictStr,
    Field(max_length=16, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description="Such as en, ru, pt-BR."),
]
Probability = Annotated[StrictFloat, Field(ge=0, le=1)]
Identifier = Annotated[int, Path(ge=1, le=MAX_ID)]
