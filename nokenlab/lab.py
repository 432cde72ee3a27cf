"""A Lab: one model, its tokenizer and its embedding space; text and embeddings in, text out."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import chain

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.decode import loop
from nokenlab.decode.prompts import Prompts, as_rows, batch, row_seeds
from nokenlab.fast import step_pool
from nokenlab.models import memory
from nokenlab.space import EmbeddingSpace


class Lab:
    """A model to experiment on. Made by `nokenlab.load`.

    Wherever `prompts` are asked for they may be a text, a list of texts, embeddings
    (rows, tokens, width), or a list of embeddings (1, tokens, width) of unequal length, which are
    padded on the left. A model trained with a token that starts every text (Llama's `<s>`) gets it in
    front of each prompt by itself: it is no part of the text, and position 0 is the text's first token.
    """

    def __init__(self, model, tokenizer, name: str, revision: str | None = None):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.name, self.revision = name, revision
        self.turn = threading.RLock()  # cells and widgets are on several threads

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"Lab({self.name}, width {self.width}, {dtype} on {self.device})"

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """The model's number format."""
        return self.model.dtype

    @property
    def width(self) -> int:
        """Numbers in one embedding."""
        return self.model.get_input_embeddings().embedding_dim

    @property
    def context(self) -> int | None:
        """The longest text the model takes, in tokens, where its configuration says so."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @cached_property
    def space(self) -> EmbeddingSpace:
        """The embeddings of the model's real tokens."""
        rows = self.model.get_input_embeddings().num_embeddings
        ids = torch.tensor(sorted(id for id in self.tokenizer.get_vocab().values() if id < rows))
        return EmbeddingSpace(self.embed_ids(ids), ids, self.token)

    def token(self, id: int) -> str:
        """A token as a reader sees it; bytes that are no whole character as \\xNN."""
        text = self.text([id], skip_special_tokens=False)
        if "\N{REPLACEMENT CHARACTER}" in text:
            return _bytes(self.tokenizer.convert_ids_to_tokens(id))
        return text

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
        if not text:
            raise ValueError("the prompt is empty; write at least one character")
        ids = self.tokenizer(self._as_chat(text) if chat else text, add_special_tokens=False).input_ids
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
        """The embeddings of a text, (1, tokens, width), on the model's device. `chat` as in `ids`."""
        return self.embed_ids(self.ids(text, chat))[None]

    def sample(
        self,
        prompts: Prompts,
        max_new_tokens: int = 20,
        *,
        seeds: int | Sequence[int] | None = None,
        processors: Sequence = (),
        feed: loop.Feed | None = None,
    ) -> Iterator[loop.Step]:
        """Token by token, all rows at once: yields a `Step` with ids, probabilities and what is fed next.

        Greedy without `seeds`; with them each row is drawn at random, from a generator seeded by
        seeds[row] (a single number n means n, n + 1, …). `processors` are transformers' logits
        processors; `feed(step)` may return vectors (running, width) to feed next. See `sampling.sample`.
        """
        start = self.embed_ids(torch.tensor(self.start_ids, dtype=torch.long))  # (0 or 1, width)
        embeddings, mask = batch(as_rows(prompts, self.embed), start)
        self.check_room(embeddings.shape[1], max_new_tokens)
        steps = loop.sample(
            self.model,
            embeddings,
            mask,
            max_new_tokens=max_new_tokens,
            eos_ids=self.eos_ids,
            seeds=row_seeds(seeds, len(embeddings)),
            processors=processors,
            feed=feed,
        )
        return self._in_turn(steps)

    def generate(
        self,
        prompts: Prompts,
        max_new_tokens: int = 20,
        *,
        seeds: int | Sequence[int] | None = None,
        processors: Sequence = (),
        feed: loop.Feed | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> list[str]:
        """The new text of each row, up to its end-of-sequence token. Arguments as in `sample`.

        Rows run in batches of `batch_size`, by default `rows_at_once`; where memory does not hold one
        it is halved. `feed` sees the rows of one batch at a time. With `progress` a bar on the standard error
        output counts rows, and new tokens a second.
        """
        prompts = as_rows(prompts, self.embed)
        seeds = row_seeds(seeds, len(prompts))
        how = {"processors": processors, "feed": feed}
        ended, new, begin = {-1, *self.eos_ids}, 0, time.perf_counter()

        def texts(some: slice) -> list[str]:
            nonlocal new
            own = None if seeds is None else seeds[some]
            steps = self.sample(prompts[some], max_new_tokens, seeds=own, **how)
            rows = self._drain(steps, len(prompts[some]), max_new_tokens)
            new += sum(len(row) - row.count(-1) for row in rows)
            bar.update(len(rows))
            bar.set_postfix_str(f"{new / (time.perf_counter() - begin):,.0f} tokens/s")
            return [self.text([id for id in row if id not in ended]) for row in rows]

        with tqdm(total=len(prompts), unit="row", disable=not progress) as bar:
            return list(chain.from_iterable(self.in_batches(texts, len(prompts), batch_size)))

    def logits(self, prompts: Prompts, batch_size: int | None = None) -> Tensor:
        """The model's logits for the token after each prompt, (rows, vocab), float32."""
        prompts = as_rows(prompts, self.embed)

        def logits(some: slice) -> Tensor:
            return next(self.sample(prompts[some], 1)).logits

        return torch.cat(self.in_batches(logits, len(prompts), batch_size))

    @cached_property
    def rows_at_once(self) -> int:
        """How many rows run in one batch by themselves: what memory holds, up to 1,024 on a GPU, else 128."""
        room = memory.memory(str(self.device))[1] - self.model.get_memory_footprint()
        row = memory.row_size(self.model.config, self.dtype.itemsize)
        rows = 1024 if self.device.type == "cuda" else 128
        while rows > 1 and rows * row > 0.75 * room:
            rows //= 2
        return rows

    @property
    def eos_ids(self) -> list[int]:
        """The tokens that end a text."""
        eos = self.model.generation_config.eos_token_id
        if eos is None:
            eos = self.tokenizer.eos_token_id
        return [] if eos is None else [eos] if isinstance(eos, int) else list(eos)

    def provenance(self) -> dict:
        """What a result depends on: model, revision, device, dtype, threads, rows in a batch."""
        on_gpu = self.device.type == "cuda"
        return {
            "model": self.name,
            "revision": self.revision,
            "device": torch.cuda.get_device_name(self.device) if on_gpu else self.device.type,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "rows_at_once": self.rows_at_once,
        }

    def embed_ids(self, ids: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model.get_input_embeddings()(ids.to(self.device))  # (tokens, width)

    def _as_chat(self, text: str) -> str:
        if not self.tokenizer.chat_template:
            raise ValueError(f"{self.name} is no chat model: its tokenizer has no chat template")
        message = [{"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)

    def text(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids, a space at its front included, which some tokenizers leave out (▁)."""
        options = {"skip_special_tokens": skip_special_tokens, "clean_up_tokenization_spaces": False}
        text = self.tokenizer.decode(ids, **options)
        first = ids and self.tokenizer.convert_ids_to_tokens(ids[0])  # None for a padding row of the table
        return f" {text}" if first and first.startswith("▁") and not text.startswith(" ") else text

    def in_batches(self, run: Callable[[slice], object], rows: int, size: int | None) -> list:
        """`run` for some rows at a time, results in order; half as many at once whenever memory ends."""
        size = size or self.rows_at_once
        size = -(-rows // -(-rows // size))  # batches of one size, or nearly: they find a captured step kept
        done, start = [], 0
        while start < rows:
            try:
                done.append(run(slice(start, start + size)))
                start += size
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = size // 2
                step_pool.forget()
                torch.cuda.empty_cache()
        return done

    def check_room(self, tokens: int, max_new_tokens: int) -> None:
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
        if self.context and tokens + max_new_tokens > self.context:
            raise ValueError(
                f"the prompt's {tokens} tokens and {max_new_tokens} new ones do not fit {self.name}, "
                f"which takes {self.context} tokens; shorten the prompt"
            )

    def _in_turn(self, steps: Iterator[loop.Step]) -> Iterator[loop.Step]:
        """The same steps, each made while no other thread has the model."""
        while True:
            with self.turn:
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _drain(self, steps: Iterator[loop.Step], rows: int, max_new_tokens: int) -> list[list[int]]:
        """The new ids of each row; -1 after its end."""
        ids = torch.full((rows, max_new_tokens), -1, device=self.device)
        for step in steps:
            ids[step.rows, step.index] = step.ids
        return ids.tolist()


def _bytes(piece: str) -> str:
    """The bytes behind a byte-level token, as \\xNN."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte = {char: value for value, char in bytes_to_unicode().items()}
    if match := re.fullmatch(r"<0x([0-9A-F]{2})>", piece):  # SentencePiece writes them so
        return f"\\x{match[1].lower()}"
    if not all(char in byte for char in piece):
        return piece
    return "".join(f"\\x{byte[char]:02x}" for char in piece)
