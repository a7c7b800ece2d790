"""The tensors of a BERT encoder by their canonical names, shapes checked."""

from __future__ import annotations

from collections.abc import Iterator

from ._errors import CheckpointInvalid
from ._stack import BertShape
from ._tensors import Floats, Tensors, row_chunks, whole


class BertWeights:
    """A BertModel's tensors under their canonical names, whatever prefix and vintage the checkpoint has."""

    def __init__(self, tensors: Tensors, shape: BertShape) -> None:
        self._tensors = tensors
        self._shape = shape
        names = tensors.names()
        anchor = "embeddings.word_embeddings.weight"
        found = [name for name in names if name == anchor or name.endswith(f".{anchor}")]
        if len(found) != 1:
            raise CheckpointInvalid(f"the weights hold {len(found)} tensors called {anchor!r}; one is needed.")
        self._prefix = found[0][: -len(anchor)]
        self._names = names

    def _name(self, name: str) -> str:
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        for candidate in (self._prefix + name, self._prefix + old):
            if candidate in self._names:
                return candidate
        raise CheckpointInvalid(f"the weights hold no tensor {self._prefix + name!r}. Fetch the checkpoint again.")

    def get(self, name: str, *shape: int) -> Floats:
        """The tensor, after checking its shape."""
        found = self._name(name)
        self._check(found, shape)
        return whole(self._tensors, found)

    def linear(self, name: str, inputs: int, outputs: int) -> tuple[Floats, Floats]:
        """`(inputs, outputs)` weight for `x @ w` and `(outputs,)` bias of a torch Linear."""
        return self.get(f"{name}.weight", outputs, inputs).T, self.get(f"{name}.bias", outputs)

    def words(self, chunk_bytes: int) -> Iterator[Floats]:
        """The word table in pieces of rows."""
        return row_chunks(self._tensors, self._word_table(), chunk_bytes)

    def some_words(self, start: int, stop: int) -> Floats:
        """Rows `start:stop` of the word table."""
        return self._tensors.rows(self._word_table(), start, stop)

    def positions(self) -> Floats:
        """Position table plus the row of token type 0."""
        shape = self._shape
        types = self._name("embeddings.token_type_embeddings.weight")
        return self.get("embeddings.position_embeddings.weight", shape.positions, shape.hidden) + self._tensors.rows(
            types, 0, 1
        )

    def _word_table(self) -> str:
        name = self._name("embeddings.word_embeddings.weight")
        self._check(name, (self._shape.vocabulary, self._shape.hidden))
        return name

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        if self._tensors.shape(name) != shape:
            raise CheckpointInvalid(f"tensor {name!r} has shape {self._tensors.shape(name)}, config.json says {shape}.")
