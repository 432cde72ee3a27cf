"""What runs a model, as the checks see it: a class of three methods. A Lab is one of them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nokenlab.decode import loop
from nokenlab.decode.forward import prefill
from nokenlab.lab import Lab

ROUNDING = 0.5  # standard deviations of logits, with numbers of 16 bits or fewer
Rows = Sequence[Tensor]  # of each row its vectors (tokens, width), or its ids (tokens,)


class Answer(NamedTuple):
    """New ids (steps,) of a row, and the logits (steps, vocab), float32, of which they are the largest."""

    ids: Tensor
    logits: Tensor


class Runtime(Protocol):
    """To be checked, write a class with these methods and attributes; `llama_cpp.py` is an example.

    name: for the table. limit: how much logits may differ by rounding, in standard deviations of the logits.
    """

    name: str
    limit: float

    def embed(self, ids: Tensor) -> Tensor:
        """The embeddings of ids (tokens,), (tokens, width), as the runtime takes them for input."""

    def logits(self, rows: Rows) -> Tensor:
        """The next logits of rows, run at once and without a cache from before, (rows, vocab), float32."""

    def generate(self, rows: Rows, new: int, ends: Sequence[int] = ()) -> list[Answer]:
        """Greedy ids of rows, run at once with a cache; a row ends after `new`, or after an id of `ends`."""


class InLab:
    """A Lab as a runtime. Logits of one row are those of transformers without a cache: what is right."""

    def __init__(self, lab: Lab):
        self.lab, self.name = lab, "nokenlab"
        self.limit = 1e-3 if lab.dtype == torch.float32 else ROUNDING

    def embed(self, ids: Tensor) -> Tensor:
        """As `Lab.embed_ids`."""
        return self.lab.embed_ids(ids)

    @torch.no_grad()
    def logits(self, rows: Rows) -> Tensor:
        """One pass of the model; rows of unequal length are padded on the left. Several must be vectors."""
        model, start = self.lab.model, torch.tensor(self.lab.start_ids, dtype=torch.long)
        if not rows[0].is_floating_point():
            ids = torch.cat([start, rows[0]])[None].to(self.lab.device)
            return model(input_ids=ids, use_cache=False).logits[:, -1].float().cpu()
        start_vectors = self.lab.embed_ids(start)  # (0 or 1, width)
        x = [torch.cat([start_vectors, row.to(start_vectors)]) for row in rows]
        if len(x) == 1:
            return model(inputs_embeds=x[0][None], use_cache=False).logits[:, -1].float().cpu()
        mask = [row.new_ones(len(row), dtype=torch.long) for row in x]
        padded = (pad_sequence(part, batch_first=True, padding_side="left") for part in (x, mask))
        return prefill(model, *padded)[0].float().cpu()

    def generate(self, rows: Rows, new: int, ends: Sequence[int] = ()) -> list[Answer]:
        """By the decode loop, as `Lab.sample`."""
        x, mask = self.lab.batch([row[None] for row in rows])
        self.lab.check_room(x.shape[1], new)
        steps = loop.sample(self.lab.decoders, x, mask, max_new_tokens=new, eos_ids=ends)
        answers: list[list[tuple[Tensor, Tensor]]] = [[] for _ in rows]
        for step in self.lab.locked(steps):
            for row, id, logits in zip(step.rows.tolist(), step.ids.cpu(), step.logits.cpu(), strict=True):
                answers[row].append((id, logits))
        return [Answer(*map(torch.stack, zip(*answer, strict=True))) for answer in answers]
