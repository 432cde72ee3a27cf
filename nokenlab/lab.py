"""A Lab: a language model to experiment on. Text and embeddings in, text out."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain

import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.decode import loop
from nokenlab.decode.hidden_states import states
from nokenlab.decode.kv_cache import PlainDecoders
from nokenlab.decode.padding import Prompts, as_rows, batch, row_seeds
from nokenlab.decode.step import State, Step
from nokenlab.embedder import Embedder
from nokenlab.errors import check_count, check_text, short
from nokenlab.models import memory
from nokenlab.models.families import rope_switch


class Lab(Embedder):
    """A language model to experiment on; `nokenlab.load` returns one.

    `prompts` may be a text, a list of texts, embeddings (rows, tokens, width), or a list of embeddings
    (1, tokens, width) of unequal length, which are padded on the left. `decoders` makes what runs the model
    step by step; the default uses transformers' cache, which grows with each token. `lock` is held while the
    model runs: cells and panels run in several threads.
    """

    def __init__(self, model, tokenizer, name: str, revision: str | None = None, decoders=None):
        super().__init__(model, tokenizer, name, revision)
        self.decoders = decoders or PlainDecoders(model)
        self.lock = threading.RLock()

    @property
    def context(self) -> int | None:
        """The longest text the model takes, in tokens, or None where its configuration does not say.

        Where its rotary factors change with the length (longrope), the longest text before they do.
        """
        config = self.model.config.get_text_config()
        longest = (rope_switch(config), getattr(config, "max_position_embeddings", None))
        return min(filter(None, longest), default=None)

    @property
    def eos_ids(self) -> list[int]:
        """The tokens that end a text."""
        eos = self.model.generation_config.eos_token_id
        if eos is None:
            eos = self.tokenizer.eos_token_id
        return [] if eos is None else [eos] if isinstance(eos, int) else list(eos)

    def sample(
        self,
        prompts: Prompts | None = None,
        max_new_tokens: int = 20,
        *,
        seeds: int | Sequence[int] | None = None,
        processors: Sequence = (),
        feed: loop.Feed | None = None,
        hidden: bool = False,
        stop: Sequence[str] = (),
        state: State | None = None,
    ) -> Iterator[Step]:
        """Token by token, all rows at once: yields a `Step` with ids, probabilities and what is fed next.

        Greedy without `seeds`; with them row i is drawn at random by a generator seeded by seeds[i] (a single
        number n means n, n + 1, …). `processors` are transformers' logits processors; `feed(step)` may
        return vectors to feed next, (running, width), or k in turn, (running, k, width). With `hidden` steps
        have `step.hidden`. A row ends once its new text has one of the texts in `stop`. With `state`, the
        `step.state()` of an earlier run, that run goes on, after `prompts` if there are any: as many as rows
        of that step, or one for all, equally long. `hidden`, `state` and k vectors at once take the plain
        decode step, with `fast` too. See `loop.sample`. Raises ValueError for a prompt that is empty, too
        long or has an unfilled `<noken>`.
        """
        if state is None:
            embeddings, mask = self.batch(prompts)
            batch, tokens = embeddings.shape[:2]
        else:
            embeddings, mask = self._continuation(prompts, state), None
            batch, tokens = state.batch, state.tokens + (0 if embeddings is None else embeddings.shape[1])
        self.check_room(tokens, max_new_tokens)
        ends = partial(self._ends, _checked_stop(stop), 0 if state is None else state.ids.shape[1])
        steps = loop.sample(
            self.decoders,
            embeddings,
            mask,
            max_new_tokens=max_new_tokens,
            eos_ids=self.eos_ids,
            seeds=row_seeds(seeds, batch),
            processors=processors,
            feed=feed,
            hidden=hidden,
            ends=ends if stop else None,
            spare=self.context and self.context - tokens - max_new_tokens,
            state=state,
        )
        return self.locked(steps)

    def generate(
        self,
        prompts: Prompts | None = None,
        max_new_tokens: int = 20,
        *,
        seeds: int | Sequence[int] | None = None,
        processors: Sequence = (),
        feed: loop.Feed | None = None,
        hidden: bool = False,
        stop: Sequence[str] = (),
        state: State | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> list[str]:
        """The new text of each row, up to its end-of-sequence token or the first text of `stop` in it.

        Arguments as in `sample`. Rows run in batches of `batch_size`, by default `rows_at_once`; a batch that
        memory does not hold is halved; the rows of a `state` are one batch. `feed` gets the rows of one batch
        at a time. With `progress` a bar on the standard error output counts rows, and new tokens per second.
        """
        hooks = {"processors": processors, "feed": feed, "hidden": hidden, "stop": stop}
        if state is None:
            ids = self._new_ids(prompts, max_new_tokens, seeds, batch_size, progress, **hooks)
        else:
            steps = self.sample(prompts, max_new_tokens, seeds=seeds, state=state, **hooks)
            ids = loop.new_ids(steps, state.batch)
        return [_before(self.new_text(row), stop) for row in ids]

    def greedy_ids(self, prompts: Prompts, max_new_tokens: int = 20) -> list[list[int]]:
        """The new ids of each row by greedy decoding, its end-of-sequence token included."""
        return self._new_ids(prompts, max_new_tokens)

    def _new_ids(self, prompts, max_new_tokens, seeds=None, batch_size=None, progress=False, **hooks):
        """The new ids of each row, its end-of-sequence token included. Arguments as in `generate`."""
        prompts = as_rows(prompts, self.embed)
        seeds = row_seeds(seeds, len(prompts))
        tokens, begin = 0, time.perf_counter()

        def new_ids(batch: slice) -> list[list[int]]:
            nonlocal tokens
            rows, batch_seeds = prompts[batch], None if seeds is None else seeds[batch]
            ids = loop.new_ids(self.sample(rows, max_new_tokens, seeds=batch_seeds, **hooks), len(rows))
            tokens += sum(map(len, ids))
            bar.update(len(rows))
            bar.set_postfix_str(f"{tokens / (time.perf_counter() - begin):,.0f} tokens/s")
            return ids

        with tqdm(total=len(prompts), unit="row", disable=not progress) as bar:
            return list(chain.from_iterable(self.in_batches(new_ids, len(prompts), batch_size)))

    def new_text(self, ids: Sequence[int]) -> str:
        """The text of new ids, without the end-of-sequence token."""
        return self.text([id for id in ids if id not in self.eos_ids])

    def logits(self, prompts: Prompts, batch_size: int | None = None) -> Tensor:
        """The model's logits for the token after each prompt, (rows, vocab), float32."""
        prompts = as_rows(prompts, self.embed)

        def logits(batch: slice) -> Tensor:
            return next(self.sample(prompts[batch], 1)).logits

        return torch.cat(self.in_batches(logits, len(prompts), batch_size))

    def states(self, prompt: str | Tensor) -> Tensor:
        """The hidden states of a prompt, a text or (1, tokens, width): (layers + 1, tokens, width).

        states[i] is what enters layer i: states[0] are the embeddings as the first layer gets them.
        states[-1] is what leaves the last layer, before the final norm. A start-of-text token is left out.
        """
        embeddings, _ = self.batch(prompt)
        if len(embeddings) > 1:
            raise ValueError(f"states must be of one prompt, got {len(embeddings)}")
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
        """The default batch size: what memory holds, up to 1,024 rows on a GPU, else 128."""
        row = memory.row_size(self.model.config, self.dtype.itemsize)
        return memory.rows_at_once(self.model, str(self.device), row)

    def in_batches(self, run: Callable[[slice], object], rows: int, size: int | None) -> list:
        """`run(batch)` for slices of `size` rows; results in order. Batches halve when memory runs out."""
        if size is not None:
            check_count(size, "batch_size")
        return memory.in_batches(run, rows, size or self.rows_at_once, self.decoders.forget)

    def check_room(self, tokens: int, new: int, name: str = "max_new_tokens") -> None:
        """ValueError where a prompt of so many tokens and so many new ones are too long for the model.

        `tokens` counts a start-of-text token; `name` is that of `new` in the message.
        """
        check_count(new, name)
        if self.context and tokens + new > self.context:
            takes = f"{self.name} takes {self.context} tokens, {tokens} of them the prompt's"
            if rope_switch(self.model.config.get_text_config()):
                takes += " (with more, its rotary factors change)"
            room = self.context - tokens
            advice = f"at most {room}" if room > 0 else "shorten the prompt"
            raise ValueError(f"{name} is {short(new, 20)}, but {takes}; {advice}")

    def provenance(self) -> dict:
        """What a result depends on: that of `Embedder`, and rows_at_once."""
        return super().provenance() | {"rows_at_once": self.rows_at_once}

    def _continuation(self, prompts: Prompts | None, state: State) -> Tensor | None:
        """What comes after a state, (running, tokens, width), or None."""
        if not isinstance(state, State) or state.decoder.model is not self.model:
            what = "of another model" if isinstance(state, State) else short(state)
            raise ValueError(f"state must be step.state() of a step of {self.name}, got one {what}")
        if prompts is None:
            return None
        rows = as_rows(prompts, partial(self.embed, behind=True))
        embeddings, mask = batch(rows, state.fed[0, :0])
        if len(embeddings) not in (1, len(state.rows)) or not mask.all():
            right = f"one for all {len(state.rows)} rows, or one for each, equally long"
            raise ValueError(f"prompts after a state must be {right}; got {tuple(mask.shape)}")
        return embeddings.expand(len(state.rows), -1, -1)

    def _ends(self, stop: Sequence[str], first: int, ids: Tensor) -> Tensor:
        """Which rows of new ids (running, new) have one of the texts in theirs from index `first`."""
        texts = map(self.new_text, ids[:, first:].tolist())
        return torch.tensor([any(end in text for end in stop) for text in texts])

    def locked(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The same steps, each computed while the lock is held."""
        while True:
            with self.lock:
                step = next(steps, None)
            if step is None:
                return
            yield step


def _checked_stop(stop: Sequence[str]) -> Sequence[str]:
    """ValueError unless `stop` is a list of texts."""
    if isinstance(stop, str) or not isinstance(stop, Sequence):
        raise ValueError(f"stop must be a list of texts, such as [{short(stop)}]")
    for text in stop:
        check_text(text, "a text of stop")
    return stop


def _before(text: str, stop: Sequence[str]) -> str:
    """A text up to the first of the texts in `stop`."""
    return text[: min((text.find(end) for end in stop if end in text), default=None)]
