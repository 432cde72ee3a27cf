"""An Embedder: a model's tokenizer and its token embeddings. Text in, ids and vectors out."""

import copy
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Self

import pandas as pd
import torch
from torch import Tensor

from nokenlab.errors import NOKEN, check_text, check_vectors, short
from nokenlab.models import placement
from nokenlab.models.tokenizing import TextReader
from nokenlab.space import EmbeddingSpace
from nokenlab.spelling import decoded, token_text


class Embedder:
    """The input side of a model, whatever it generates: `Lab` generates text, `MusicLab` sound.

    A model trained with a start-of-text token (Llama's `<s>`) gets it before each prompt: it is not part of
    the text, and position 0 is the text's first token. `nokens` are words of your own: see `with_nokens`.
    """

    def __init__(self, model, tokenizer, name: str, revision: str | None = None):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.name, self.revision = name, revision
        self.reader = TextReader(tokenizer, name)
        self.nokens: dict[str, Tensor] = {}  # name -> (width,)

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        where = f"auto: {placement.in_words(self.model)}" if placement.is_spread(self.model) else self.device
        return f"{type(self).__name__}({self.name}, width {self.width}, {dtype} on {where})"

    @property
    def device(self) -> torch.device:
        """The device of prompts and the model; with device="auto" some layers are on others."""
        return torch.device(placement.device(self.model))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the model's weights."""
        return self.model.dtype

    @property
    def width(self) -> int:
        """Numbers in one embedding."""
        return self.model.get_input_embeddings().embedding_dim

    @cached_property
    def space(self) -> EmbeddingSpace:
        """The embeddings of the model's real tokens."""
        embedding = self.model.get_input_embeddings()
        rows = embedding.num_embeddings
        ids = torch.tensor(sorted(id for id in self.tokenizer.get_vocab().values() if id < rows))
        vectors, weights = self.embed_ids(ids), embedding.weight[: len(ids)]
        if weights.device == vectors.device and torch.equal(weights, vectors):
            vectors = weights.detach()  # shares memory with the model
        return EmbeddingSpace(vectors, ids, partial(token_text, self.tokenizer))

    def with_nokens(self, **nokens: Tensor) -> Self:
        """A copy with words of your own: each `<name>` in a text is one token, whose embedding is `name`'s.

        `lab.with_nokens(blorp=vector)`, (width,), finite, reads "The <blorp> is a kind of" in every table and
        panel. A space right before `<name>` is dropped: words have tokens that begin with their space. Ids of
        such words follow those of the model's table. The model is shared. Raises ValueError for a vector of
        another shape, and for a name that is not a word, or is "noken", which `nl.fill` fills.
        """
        for name, vector in nokens.items():
            if f"<{name}>" == NOKEN or not name.isidentifier():
                raise ValueError(f"<{name}> cannot name a noken of your own; choose another word")
            check_vectors(vector, f"<{name}>")
            if vector.shape != (self.width,):
                raise ValueError(f"<{name}> must be one vector, ({self.width},), got {tuple(vector.shape)}")
        embedder = copy.copy(self)
        vectors = {name: vector.detach().float().cpu() for name, vector in nokens.items()}
        embedder.nokens = self.nokens | vectors
        return embedder

    def token(self, id: int) -> str:
        """The text of one token; bytes that are not a complete character as \\xNN."""
        if self.nokens and id >= self._first_noken:
            return f"<{list(self.nokens)[id - self._first_noken]}>"
        return token_text(self.tokenizer, id)

    @property
    def start_ids(self) -> list[int]:
        """What the tokenizer puts before every text: [], or the id of a start-of-text token."""
        return self.reader.start_ids

    def ids(self, text: str, chat: bool = False) -> Tensor:
        """Token ids of a text, (tokens,) on the CPU, without a start-of-text token, should it begin with one.

        The text is used as it is. With `chat` the tokenizer's chat template is applied first: one message
        of a user that waits for its answer.
        """
        check_text(text, "the prompt")
        return self._ids(self.reader.as_chat(text) if chat else text, self.reader.ids)

    def ids_behind(self, text: str) -> Tensor:
        """Token ids of a text that continues another, (tokens,) on the CPU: "," is no "▁,", as it may be in
        `ids`, where some tokenizers put a space before a text."""
        return self._ids(text, self.reader.ids_behind)

    def tokens(self, text: str, chat: bool = False) -> pd.DataFrame:
        """The tokens of a text. Columns: position (from 0), token, id, norm (of its embedding)."""
        ids = self.ids(text, chat)
        return pd.DataFrame(
            {
                "position": range(len(ids)),
                "token": [self.token(id) for id in ids.tolist()],
                "id": ids.tolist(),
                "norm": self.embed_ids(ids).float().norm(dim=-1).tolist(),
            }
        )

    def embed(self, text: str, chat: bool = False, behind: bool = False) -> Tensor:
        """The embeddings of a text, (1, tokens, width), on the model's device. `chat` as in `ids`.

        With `behind` it continues another, as in `ids_behind`. Raises ValueError for a text with an unfilled
        `<noken>`, and for one without a token.
        """
        check_text(text, "the prompt")
        ids = self.ids_behind(text) if behind else self.ids(text, chat)
        if NOKEN in text:
            raise ValueError(f"{short(text)} has an unfilled {NOKEN}; fill it: nl.fill(lab, prompt, vectors)")
        if not len(ids):
            raise ValueError(f"the prompt has no tokens: the tokenizer of {self.name} drops {short(text)}")
        return self.embed_ids(ids)[None]

    def embed_ids(self, ids: Tensor) -> Tensor:
        """The embeddings of ids (…, tokens), (…, tokens, width), on the model's device."""
        if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.is_complex():
            raise ValueError(f"ids must be a torch tensor of whole numbers, got {short(ids)}")
        rows, first = self._rows, self._first_noken
        is_noken = (ids >= first) & (ids < first + len(self.nokens))
        if not (is_noken | (ids >= 0) & (ids < rows)).all():
            raise ValueError(f"ids of {self.name} are 0 to {rows - 1}, got {short(ids)}")
        ids, is_noken = ids.to(self.device), is_noken.to(self.device)
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings()(ids.clamp_max(rows - 1))
        if is_noken.any():
            vectors = torch.stack(list(self.nokens.values())).to(embeddings)
            embeddings = embeddings.clone()
            embeddings[is_noken] = vectors[ids[is_noken] - first]
        return embeddings

    def text(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids, with the space at its front that some tokenizers leave out (▁).

        A word of `nokens` is spelled <name>, as `token` has it.
        """
        parts, first = [], self._first_noken
        for is_noken, group in groupby(map(int, ids), lambda id: id >= first):
            if is_noken:
                parts += map(self.token, group)
            else:
                parts.append(decoded(self.tokenizer, list(group), skip_special_tokens))
        return "".join(parts)

    def provenance(self) -> dict:
        """What a result depends on: model, revision, device (of each layer, if there are several), dtype,
        threads; and the words of `with_nokens`, if any: their names and digests of their vectors."""
        on_gpu = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_gpu else self.device.type
        if placement.is_spread(self.model):
            device = f"auto: {placement.in_words(self.model)}"
        record = {
            "model": self.name,
            "revision": self.revision,
            "device": device,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        }
        if self.nokens:
            words = (f"<{name}> {_digest(vector)}" for name, vector in self.nokens.items())
            record["nokens"] = ", ".join(words)
        return record

    @property
    def _rows(self) -> int:
        """Rows of the model's table of embeddings."""
        return self.model.get_input_embeddings().num_embeddings

    @property
    def _first_noken(self) -> int:
        """The id of the first of `nokens`, beyond all that the model and the tokenizer have."""
        return max(self._rows, len(self.tokenizer))

    def _ids(self, text: str, read: Callable[[str], list[int]]) -> Tensor:
        """The ids of a text that may have words of `nokens`; `read` reads what is before the first."""
        names = list(self.nokens)
        first, *rest = re.split(f" ?<({'|'.join(map(re.escape, names))})>", text) if names else [text]
        ids = read(first)
        for name, part in zip(rest[::2], rest[1::2], strict=True):
            ids = [*ids, self._first_noken + names.index(name), *self.reader.ids_behind(part)]
        return torch.tensor(ids, dtype=torch.long)


def _digest(vector: Tensor) -> str:
    return hashlib.sha256(vector.numpy().tobytes()).hexdigest()[:12]
