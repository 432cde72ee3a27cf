"""An Embedder: a model's tokenizer and its token embeddings. Text in, ids and vectors out."""

import copy
import hashlib
import re
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Self

import pandas as pd
import torch
from torch import Tensor

from nokenlab.errors import NOKEN, check_filled, check_text, check_vectors, short
from nokenlab.models import placement
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
        if self.nokens and id >= self._rows:
            return f"<{list(self.nokens)[id - self._rows]}>"
        return token_text(self.tokenizer, id)

    @cached_property
    def start_ids(self) -> list[int]:
        """What the tokenizer puts before every text: [], or the id of a start-of-text token."""
        ids = self.tokenizer("a").input_ids
        bare = self.tokenizer("a", add_special_tokens=False).input_ids
        return next(ids[:i] for i in range(len(ids) + 1) if ids[i : i + len(bare)] == bare)

    def ids(self, text: str, chat: bool = False) -> Tensor:
        """Token ids of a text, (tokens,) on the CPU, without a start-of-text token.

        The text is used as it is. With `chat` the tokenizer's chat template is applied first: one message
        of a user that waits for its answer.
        """
        check_text(text, "the prompt")
        ids = self._tokenized(self._as_chat(text) if chat else text)
        if chat and ids[: len(self.start_ids)] == self.start_ids:  # many templates begin with it
            ids = ids[len(self.start_ids) :]
        return torch.tensor(ids)

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

    def embed(self, text: str, chat: bool = False) -> Tensor:
        """The embeddings of a text, (1, tokens, width), on the model's device. `chat` as in `ids`.

        Raises ValueError for a text with an unfilled `<noken>`.
        """
        ids = self.ids(text, chat)
        check_filled(text)
        return self.embed_ids(ids)[None]

    def embed_ids(self, ids: Tensor) -> Tensor:
        """The embeddings of ids (…, tokens), (…, tokens, width), on the model's device."""
        if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.is_complex():
            raise ValueError(f"ids must be a torch tensor of whole numbers, got {short(ids)}")
        rows = self._rows
        if ids.numel() and not 0 <= ids.min() <= ids.max() < rows + len(self.nokens):
            raise ValueError(f"ids of {self.name} are 0 to {rows + len(self.nokens) - 1}, got {short(ids)}")
        ids = ids.to(self.device)
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings()(ids.clamp_max(rows - 1))
        is_noken = ids >= rows
        if is_noken.any():
            vectors = torch.stack(list(self.nokens.values())).to(embeddings)
            embeddings = embeddings.clone()
            embeddings[is_noken] = vectors[ids[is_noken] - rows]
        return embeddings

    def text(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids, with the space at its front that some tokenizers leave out (▁)."""
        return decoded(self.tokenizer, ids, skip_special_tokens)

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
        """Rows of the model's table of embeddings; the ids of `nokens` follow."""
        return self.model.get_input_embeddings().num_embeddings

    def _tokenized(self, text: str) -> list[int]:
        """The ids of a text; the parts between words of `nokens` are tokenized separately."""
        names = list(self.nokens)
        parts = re.split(f" ?<({'|'.join(map(re.escape, names))})>", text) if names else [text]
        ids = self.tokenizer(parts, add_special_tokens=False).input_ids  # text, name, text, name, … text
        ids[1::2] = [[self._rows + names.index(name)] for name in parts[1::2]]
        return [id for part in ids for id in part]

    def _as_chat(self, text: str) -> str:
        if not self.tokenizer.chat_template:
            raise ValueError(f"{self.name} is not a chat model: its tokenizer has no chat template")
        message = [{"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)


def _digest(vector: Tensor) -> str:
    return hashlib.sha256(vector.numpy().tobytes()).hexdigest()[:12]
