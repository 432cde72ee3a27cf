"""A Lab: a language model to experiment on. Text and embeddings in, text out."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from numbers import Integral

import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.decode import loop
from nokenlab.decode.hidden_states import states
from nokenlab.decode.kv_cache import PlainDecoders
from nokenlab.decode.padding import Prompts, as_rows, batch, row_seeds
from nokenlab.embedder import Embedder
from nokenlab.errors import short
from nokenlab.models import memory


class Lab(Embedder):
    """A language model to experiment on. Made by `nokenlab.load`.

    Wherever `prompts` are asked for they may be a text, a list of texts, embeddings
    (rows, tokens, width), or a list of embeddings (1, tokens, width) of unequal length, which are
    padded on the left. `decoders` makes what runs the model step by step; without it that is transformers'
    own way, with a cache that grows.
    """

    def __init__(self, model, tokenizer, name: str, revision: str | None = None, decoders=None):
        super().__init__(model, tokenizer, name, revision)
        self.decoders = decoders or PlainDecoders(model)
        self.lock = threading.RLock()  # cells and widgets are on several threads

    @property
    def context(self) -> int | None:
        """The longest text the model takes, in tokens, where its configuration says so."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @property
    def eos_ids(self) -> list[int]:
        """The tokens that end a text."""
        eos = self.model.generation_config.eos_token_id
        if eos is None:
            eos = self.tokenizer.eos_token_id
        return [] if eos is None else [eos] if isinstance(eos, int) else list(eos)

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
        processors; `feed(step)` may return vectors (running, width) to feed next. See `loop.sample`.
        """
        embeddings, mask = self.batch(prompts)
        self.check_room(embeddings.shape[1], max_new_tokens)
        steps = loop.sample(
            self.decoders,
            embeddings,
            mask,
            max_new_tokens=max_new_tokens,
            eos_ids=self.eos_ids,
            seeds=row_seeds(seeds, len(embeddings)),
            processors=processors,
            feed=feed,
        )
        return self._locked(steps)

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
        new, begin = 0, time.perf_counter()

        def texts(some: slice) -> list[str]:
            nonlocal new
            own = None if seeds is None else seeds[some]
            steps = self.sample(prompts[some], max_new_tokens, seeds=own, processors=processors, feed=feed)
            rows = self._new_ids(steps, len(prompts[some]), max_new_tokens)
            new += sum(map(len, rows))
            bar.update(len(rows))
            bar.set_postfix_str(f"{new / (time.perf_counter() - begin):,.0f} tokens/s")
            return [self.text([id for id in row if id not in self.eos_ids]) for row in rows]

        with tqdm(total=len(prompts), unit="row", disable=not progress) as bar:
            return list(chain.from_iterable(self.in_batches(texts, len(prompts), batch_size)))

    def logits(self, prompts: Prompts, batch_size: int | None = None) -> Tensor:
        """The model's logits for the token after each prompt, (rows, vocab), float32."""
        prompts = as_rows(prompts, self.embed)

        def logits(some: slice) -> Tensor:
            return next(self.sample(prompts[some], 1)).logits

        return torch.cat(self.in_batches(logits, len(prompts), batch_size))

    def states(self, prompt: str | Tensor) -> Tensor:
        """The hidden states of a prompt, a text or (1, tokens, width): (layers + 1, tokens, width).

        states[i] is what enters layer i, so states[0] are the embeddings as the first layer gets them, and
        states[-1] is what leaves the last, before the last norm. Without a start-of-text token.
        """
        embeddings, _ = self.batch(prompt)
        if len(embeddings) > 1:
            raise ValueError(f"states are those of one prompt, got {len(embeddings)}")
        self.check_room(embeddings.shape[1], 1)
        with self.lock:
            return states(self.model, embeddings)[:, len(self.start_ids) :]

    def batch(self, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Prompts as the model gets them: (rows, tokens, width), padded on the left, and mask (rows, tokens).

        A start-of-text token is in front, if the model has one.
        """
        start = self.embed_ids(torch.tensor(self.start_ids, dtype=torch.long))  # (0 or 1, width)
        return batch(as_rows(prompts, self.embed), start)

    @cached_property
    def rows_at_once(self) -> int:
        """How many rows run in one batch by themselves: what memory holds, up to 1,024 on a GPU, else 128."""
        return memory.rows_at_once(
            self.model, str(self.device), memory.row_size(self.model.config, self.dtype.itemsize)
        )

    def in_batches(self, run: Callable[[slice], object], rows: int, size: int | None) -> list:
        """`run` for some rows at a time, results in order; half as many at once whenever memory ends."""
        if size is not None and (not isinstance(size, Integral) or size < 1):
            raise ValueError(f"batch_size must be a whole number, at least 1, got {short(size)}")
        return memory.in_batches(run, rows, size or self.rows_at_once, self.decoders.forget)

    def check_room(self, tokens: int, max_new_tokens: int) -> None:
        """ValueError where a prompt of so many tokens and so many new ones are too long for the model."""
        if not isinstance(max_new_tokens, Integral) or max_new_tokens < 1:
            raise ValueError(
                f"max_new_tokens must be a whole number, at least 1, got {short(max_new_tokens)}"
            )
        if self.context and tokens + max_new_tokens > self.context:
            takes = f"{self.name} takes {self.context} tokens, {tokens} of them the prompt's"
            room = self.context - tokens
            rather = f"at most {room}" if room > 0 else "shorten the prompt"
            raise ValueError(f"max_new_tokens is {short(max_new_tokens, 20)}, but {takes}; {rather}")

    def provenance(self) -> dict:
        """What a result depends on: that of `Embedder`, and rows_at_once."""
        return super().provenance() | {"rows_at_once": self.rows_at_once}

    def _locked(self, steps: Iterator[loop.Step]) -> Iterator[loop.Step]:
        """The same steps, each made while no other thread has the model."""
        while True:
            with self.lock:
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _new_ids(self, steps: Iterator[loop.Step], rows: int, max_new_tokens: int) -> list[list[int]]:
        """The new ids of each row, with the one that ended it."""
        ids = torch.full((rows, max_new_tokens), -1, device=self.device)
        for step in steps:
            ids[step.rows, step.index] = step.ids
        return [[id for id in row if id >= 0] for row in ids.tolist()]
