"""Targets behind prompts with vectors in them: how likely they are, with gradients for the vectors.

What stands before a prompt's first noken is run once, without gradients, and all rows share its cache. Logits
are made where a target is said, and nowhere else.
"""

from __future__ import annotations

from copy import copy
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from nokenlab.errors import check_text
from nokenlab.models import memory
from nokenlab.prompt import NOKEN

if TYPE_CHECKING:
    from nokenlab.lab import Lab

AT_ONCE = 16  # rows: more make a CPU no faster


class Frame:
    """A prompt with places for k vectors. Its texts are cut at each <noken>; a space right before one goes.

    `tokens` is how many positions it takes in all.
    """

    def __init__(self, lab: Lab, prompt: str):
        first, *rest = prompt.split(NOKEN)
        pieces = [*(piece.removesuffix(" ") for piece in [first, *rest[:-1]]), rest[-1]]
        before, *self.behind = (_embedded(lab, piece) for piece in pieces)  # (tokens, width) each
        self.lab, self.before = lab, before
        self.shared = torch.cat([lab.embed_ids(torch.tensor(lab.start_ids, dtype=torch.long)), before])
        self.tokens = len(self.shared) + len(self.behind) + sum(map(len, self.behind))
        self.past = self._run_shared() if len(self.shared) else None

    def filled(self, vectors: Tensor) -> Tensor:
        """The prompt with vectors (rows, k, width) in their places, (rows, tokens, width), for a Lab."""
        before = self.before.expand(len(vectors), -1, -1)
        return torch.cat([before, self.from_first(vectors)], dim=1)

    def from_first(self, vectors: Tensor) -> Tensor:
        """The same from the first noken on."""
        vectors, parts = vectors.to(self.shared), []
        for number, text in enumerate(self.behind):
            parts += [vectors[:, number, None], text.expand(len(vectors), -1, -1)]
        return torch.cat(parts, dim=1)

    def cache(self, rows: int):
        """The cache of what stands before the first noken, for so many rows; it costs no copy."""
        if self.past is None:
            return None
        own = copy(self.past)
        own.layers = [copy(layer) for layer in self.past.layers]  # they get new tensors, never write into old
        for layer in own.layers:
            layer.keys = layer.keys.expand(rows, -1, -1, -1)
            layer.values = layer.values.expand(rows, -1, -1, -1)
        return own

    def _run_shared(self):
        with self.lab.lock, torch.enable_grad():  # gradients, since packed layers are less exact without
            past = self.lab.model(inputs_embeds=self.shared[None], use_cache=True).past_key_values
        for layer in past.layers:
            layer.keys, layer.values = layer.keys.detach(), layer.values.detach()
        return past


def frames(lab: Lab, prompts: list[str]) -> list[Frame]:
    """Prompts that all have as many <noken>, one or more; ValueError for others."""
    if not prompts:
        raise ValueError(f"there is no prompt; give a text with {NOKEN} in it")
    counts = [prompt.count(NOKEN) for prompt in prompts]
    if 0 in counts:
        raise ValueError(f"the prompt needs a {NOKEN}, where the vector goes: {prompts[counts.index(0)]!r}")
    if len(set(counts)) > 1:
        raise ValueError(f"all prompts need as many {NOKEN}; they have {', '.join(map(str, counts))}")
    return [Frame(lab, prompt) for prompt in prompts]


def target_ids(lab: Lab, frames: list[Frame], targets: list[str]) -> list[Tensor]:
    """The ids of each target; ValueError for no text, an empty one, or one too long behind a prompt."""
    if not targets:
        raise ValueError("there are no targets; give at least one text that shall be said")
    for number, target in enumerate(targets):
        check_text(target, f"target {number}")
    if own := [target for target in targets if NOKEN in target]:
        raise ValueError(f"a target is a text the model can say; {NOKEN} goes into the prompt: {own[0]!r}")
    ids, tokens = [lab.ids(target) for target in targets], max(frame.tokens for frame in frames)
    for target, own in zip(targets, ids, strict=True):
        if own.max() >= lab.model.get_input_embeddings().num_embeddings:
            raise ValueError(f"the model cannot say a noken of your own, it has no such token: {target!r}")
        if lab.context and tokens + len(own) > lab.context:
            short = repr(target if len(target) <= 40 else f"{target[:40]}…")
            raise ValueError(
                f"the target {short} has {len(own)} tokens, which do not fit {lab.name} behind a prompt of "
                f"{tokens}: it takes {lab.context}"
            )
    return ids


def rows_at_once(lab: Lab, frames: list[Frame], ids: list[Tensor]) -> int:
    """How many rows are learned together: what memory holds with their gradients, and keeps a CPU busy."""
    config, new = lab.model.config.get_text_config(), max(map(len, ids))
    tokens = new + max(frame.tokens for frame in frames)
    kept = 32 * config.hidden_size * config.num_hidden_layers  # numbers that layers keep for gradients
    size = tokens * kept * lab.dtype.itemsize + 16 * new * config.vocab_size  # bytes of the longest
    fits = memory.rows_at_once(lab.model, str(lab.device), size)
    return fits if lab.device.type == "cuda" else min(fits, AT_ONCE)


def run(lab: Lab, frame: Frame, vectors: Tensor, ids: list[Tensor]) -> tuple[Tensor, Tensor]:
    """How well targets are said behind a prompt with vectors (rows, k, width), in nats a token; ids a row.

    Nll (rows,), float32, which can be differentiated by the vectors, and whether every token of a row's
    target is the likeliest, (rows,).
    """
    losses, right = by_token(lab, frame, vectors, ids)
    return torch.stack([row.mean() for row in losses]), torch.stack([row.all() for row in right])


def by_token(lab: Lab, frame: Frame, vectors: Tensor, ids: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The same token by token: nll (tokens,) and whether it is the likeliest (tokens,), of each row."""
    counts = [len(row) for row in ids]
    said = lab.embed_ids(
        pad_sequence(ids, batch_first=True)[:, :-1]
    )  # padding is on the right: nothing sees it
    x = torch.cat([frame.from_first(vectors), said], dim=1)  # (rows, tokens, width)
    first = x.shape[1] - said.shape[1] - 1  # the position that says a target's first token
    rows = torch.arange(len(ids)).repeat_interleave(torch.tensor(counts))  # (targets' tokens,)
    places = torch.cat([torch.arange(count) for count in counts]) + first
    logits = _logits(
        lab.model, x, len(frame.shared), frame.cache(len(x)), rows.to(x.device), places.to(x.device)
    )
    wanted = torch.cat(ids)
    losses = cross_entropy(logits.float(), wanted, reduction="none")
    return list(losses.split(counts)), list((logits.argmax(-1) == wanted).split(counts))


def greedy(lab: Lab, prompts: Tensor, new: int) -> list[list[int]]:
    """The next `new` ids by greedy decoding behind prompts (rows, tokens, width); fewer where a text ends."""

    def decode(some: slice) -> list[list[int]]:
        ids: list[list[int]] = [[] for _ in prompts[some]]
        for step in lab.sample(prompts[some], new):
            for row, id in zip(step.rows.tolist(), step.ids.tolist(), strict=True):
                ids[row].append(id)
        return ids

    return list(chain.from_iterable(lab.in_batches(decode, len(prompts), None)))


def _logits(model, x: Tensor, before: int, past, rows: Tensor, places: Tensor) -> Tensor:
    """Logits at some places of some rows, (places, vocab): the head is given no others."""
    mask = torch.ones(len(x), before + x.shape[1], dtype=torch.long, device=x.device)
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, places][None],))
    try:
        out = model(inputs_embeds=x, attention_mask=mask, past_key_values=past, use_cache=past is not None)
    finally:
        hook.remove()
    return out.logits[0]


def _embedded(lab: Lab, text: str) -> Tensor:
    """The embeddings of a text, (tokens, width); of no text, none."""
    return lab.embed(text)[0] if text else lab.embed_ids(torch.empty(0, dtype=torch.long))
