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

from nokenlab.errors import check_filled, check_text, check_vectors, short
from nokenlab.models import placement
from nokenlab.space import EmbeddingSpace


class Embedder:
    """What stands at a model's front door, whatever the model makes: `Lab` makes text, `MusicLab` sound.

    A model trained with a token that starts every text (Llama's `<s>`) gets it in front of each prompt by
    itself: it is no part of the text, and position 0 is the text's first token.
    """

    def __init__(self, model, tokenizer, name: str, revision: str | None = None):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.name, self.revision = name, revision
        self.nokens: dict[str, Tensor] = {}  # name -> (width,): words that no tokenizer has

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        where = f"auto: {placement.in_words(self.model)}" if placement.is_spread(self.model) else self.device
        return f"{type(self).__name__}({self.name}, width {self.width}, {dtype} on {where})"

    @property
    def device(self) -> torch.device:
        """Where the model runs: prompts go there. With device="auto" some of its layers lie elsewhere."""
        return torch.device(placement.device(self.model))

    @property
    def dtype(self) -> torch.dtype:
        """The model's number format."""
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
            vectors = weights.detach()  # the model's own, not a second time in memory
        return EmbeddingSpace(vectors, ids, partial(_token, self.tokenizer))

    def with_nokens(self, **nokens: Tensor) -> Self:
        """The same with words of your own: each `<name>` in a text is one token, whose embedding is `name`'s.

        `lab.with_nokens(blorp=vector)`, (width,), finite, knows "The <blorp> is a kind of" in every table and
        panel. A space right before `<name>` goes: words have tokens that begin with their space. Its id is
        beyond those of the model's table. The model is shared. Raises ValueError for a vector that is no
        embedding, and for a name that is no word, or "noken", which is a place to be filled.
        """
        for name, vector in nokens.items():
            if name == "noken" or not name.isidentifier():
                raise ValueError(f"<{name}> is no name for a noken of your own; choose another word")
            check_vectors(vector, f"<{name}>")
            if vector.shape != (self.width,):
                raise ValueError(f"<{name}> must be one vector, ({self.width},), got {tuple(vector.shape)}")
        found = copy.copy(self)
        found.nokens = self.nokens | {name: vector.detach().float().cpu() for name, vector in nokens.items()}
        return found

    def token(self, id: int) -> str:
        """A token as a reader sees it; bytes that are no whole character as \\xNN."""
        own = id - self._rows
        return _token(self.tokenizer, id) if own < 0 or not self.nokens else f"<{list(self.nokens)[own]}>"

    @cached_property
    def start_ids(self) -> list[int]:
        """What the tokenizer puts before every text: [] or the id of a start-of-text token."""
        ids, bare = self.tokenizer("a").input_ids, self.tokenizer("a", add_special_tokens=False).input_ids
        return next(ids[:i] for i in range(len(ids) + 1) if ids[i : i + len(bare)] == bare)

    def ids(self, text: str, chat: bool = False) -> Tensor:
        """Token ids of a text, (tokens,) on the CPU, without a start-of-text token.

        The text is used as it is. With `chat` it is first put into the frame of a conversation that
        the model was trained on, as one message of a user that waits for its answer.
        """
        check_text(text, "the prompt")
        ids = self._cut(self._as_chat(text) if chat else text)
        if chat and ids[: len(self.start_ids)] == self.start_ids:  # many frames begin with it
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
            found = self.model.get_input_embeddings()(ids.clamp_max(rows - 1) if self.nokens else ids)
        if self.nokens and (own := ids >= rows).any():
            vectors = torch.stack(list(self.nokens.values())).to(found)
            found = found.clone()
            found[own] = vectors[ids[own] - rows]
        return found

    def text(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids, a space at its front included, which some tokenizers leave out (▁)."""
        return _text(self.tokenizer, ids, skip_special_tokens)

    def provenance(self) -> dict:
        """What a result depends on: model, revision, device (its layers' places, if many), dtype, threads.

        And the words of `with_nokens`, where there are: name and a digest of its vector.
        """
        on_gpu = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_gpu else self.device.type
        if placement.is_spread(self.model):
            device = f"auto: {placement.in_words(self.model)}"
        return {
            "model": self.name,
            "revision": self.revision,
            "device": device,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        } | self._own_words()

    def _own_words(self) -> dict[str, str]:
        words = [f"<{name}> {_digest(vector)}" for name, vector in self.nokens.items()]
        return {"nokens": ", ".join(words)} if words else {}

    @property
    def _rows(self) -> int:
        """Rows of the model's table of embeddings; the ids of `nokens` follow."""
        return self.model.get_input_embeddings().num_embeddings

    def _cut(self, text: str) -> list[int]:
        """The ids of a text; what stands between words of `nokens` is cut into tokens by itself."""
        names = list(self.nokens)
        parts = re.split(f" ?<({'|'.join(map(re.escape, names))})>", text) if names else [text]
        ids = self.tokenizer(parts, add_special_tokens=False).input_ids  # text, name, text, name, … text
        ids[1::2] = [[self._rows + names.index(name)] for name in parts[1::2]]
        return [id for part in ids for id in part]

    def _as_chat(self, text: str) -> str:
        if not self.tokenizer.chat_template:
            raise ValueError(f"{self.name} is no chat model: its tokenizer has no chat template")
        message = [{"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)


def _text(tokenizer, ids: Sequence[int], skip_special_tokens: bool) -> str:
    options = {"skip_special_tokens": skip_special_tokens, "clean_up_tokenization_spaces": False}
    text = tokenizer.decode(ids, **options)
    first = ids and tokenizer.convert_ids_to_tokens(ids[0])  # None for a padding row of the table
    return f" {text}" if first and first.startswith("▁") and not text.startswith(" ") else text


def _token(tokenizer, id: int) -> str:
    text = _text(tokenizer, [id], skip_special_tokens=False)
    if "\N{REPLACEMENT CHARACTER}" in text:
        return _bytes(tokenizer.convert_ids_to_tokens(id))
    return text


def _digest(vector: Tensor) -> str:
    return hashlib.sha256(vector.numpy().tobytes()).hexdigest()[:12]


def _bytes(piece: str) -> str:
    """The bytes behind a byte-level token, as \\xNN."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte = {char: value for value, char in bytes_to_unicode().items()}
    if match := re.fullmatch(r"<0x([0-9A-F]{2})>", piece):  # SentencePiece writes them so
        return f"\\x{match[1].lower()}"
    if not all(char in byte for char in piece):
        return piece
    return "".join(f"\\x{byte[char]:02x}" for char in piece)
