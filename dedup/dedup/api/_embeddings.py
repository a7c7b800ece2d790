"""`POST /v1/embeddings`, as OpenAI's API has it, so that its clients get the service's vectors by another base URL."""

# No `from __future__ import annotations`: the request model is made inside a function, from the limits of the
# configuration, and FastAPI could not find it by name.

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictInt, StrictStr, Tag

from dedup.api._errors import documented_as_openai, openai_answer
from dedup.api._fields import whole_characters
from dedup.api._service import Service
from dedup.config import Config
from dedup.space import Vectors


@dataclass(frozen=True, slots=True)
class EmbeddingObject:
    """One text's unit vector: numbers, or base64 of little-endian float32."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model read, prefix and special tokens included."""

    prompt_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class EmbeddingList:
    """The embeddings in the order of the texts."""

    data: list[EmbeddingObject]
    model: str
    usage: Usage
    object: Literal["list"] = "list"


def text_only(value: Any) -> Any:
    """Refuse token ids in words: another tokenizer's numbers would give vectors of nonsense."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, (int, list)):
        raise ValueError("token arrays are not supported, as each model has tokens of its own: send the text")  # noqa: TRY004 - pydantic reports ValueError
    return value


Text = Annotated[StrictStr, Field(min_length=1), BeforeValidator(whole_characters)]


def add_embeddings(app: FastAPI, service: Service, config: Config) -> None:
    """Give the application its route. At most `serve.max_waiting_texts` texts a request."""
    most = config.serve.max_waiting_texts

    class EmbeddingRequest(BaseModel):
        """Texts to embed with the model of this service. A text longer than it reads is cut by model.long_texts."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        input: Annotated[
            Annotated[Text, Tag("text")] | Annotated[list[Text], Field(min_length=1, max_length=most), Tag("texts")],
            Discriminator(lambda value: "texts" if isinstance(value, list) else "text"),
            BeforeValidator(text_only),
        ]
        model: Annotated[StrictStr, Field(min_length=1, description="The name of the model that is served.")]
        encoding_format: Literal["float", "base64"] = "float"
        dimensions: Annotated[
            StrictInt | None, Field(description="Only the model's own number: it was not trained to be cut.")
        ] = None
        user: Annotated[StrictStr | None, Field(description="Taken and ignored.")] = None

    @app.post(
        "/v1/embeddings",
        responses=documented_as_openai(),
        response_model=EmbeddingList,
        summary="Embeddings of texts, as OpenAI's API gives them",
    )
    async def embeddings(request: EmbeddingRequest) -> JSONResponse:
        artifact = service.artifact
        served = artifact.manifest.model
        if request.model != served:
            return openai_answer(
                404, f"the model {request.model!r} is not served here, {served!r} is", "model_not_found", "model"
            )
        if request.dimensions not in (None, artifact.dimension):
            return openai_answer(
                400, f"{served} has {artifact.dimension} dimensions and cannot be cut", "invalid_request", "dimensions"
            )
        texts = [request.input] if isinstance(request.input, str) else request.input
        vectors, tokens = await service.embed(texts)
        data = [
            {"object": "embedding", "index": index, "embedding": value}
            for index, value in enumerate(_encoded(vectors, request.encoding_format))
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": served, "usage": usage})


def _encoded(vectors: Vectors, encoding_format: str) -> Sequence[list[float] | str]:
    if encoding_format == "base64":
        return [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in vectors]
    return [row.tolist() for row in vectors]
