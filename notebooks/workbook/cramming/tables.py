"""Cramming: how long a text does the model recite, token by token, from one noken?

After "Cramming 1568 Tokens into a Single Vector" (Kuratov et al. 2025, arXiv 2502.13063), done progressively:
a row's target grows whenever the model says more of it, and its noken learns on from there.
"""

import math
from collections.abc import Sequence
from itertools import chain, takewhile
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.constraints import at_norm, free
from nokenlab.lab import Lab
from nokenlab.learning import adam
from nokenlab.measures import entropy, kl
from nokenlab.nokens import near_centroid, random_nokens
from nokenlab.prompt import NOKEN, fill
from nokenlab.readout import teacher_forcing
from workbook.word_lists import read_lines

TEXTS = Path(__file__).with_name("texts.txt")
KINDS = ("text", "shuffled", "random tokens")
AHEAD = 4  # tokens beyond the horizon that are learned too: with one alone nokens get stuck
LEARNING_RATE = 0.3  # per move and coordinate, in units of a typical token's spread
FREE, TOKEN_NORM = "free", "token norm"
UNRELATED = (
    f"In the evening the {NOKEN} was seen near the river, and people said that it",
    f"A recipe for {NOKEN} begins with",
    f"The word {NOKEN} means",
    f"My sister opened the letter and read aloud: {NOKEN}",
)
CRAMMED, RANDOM = "crammed", "random noken"
NATS = math.log(2)  # in a bit
FIRST = 8  # first tokens of a noken's own text, whose probability is measured after unrelated prompts


def read_texts(count: int) -> list[str]:
    """The first `count` of nokenlab's own fifty texts, each of 58 to 70 tokens of the default model."""
    texts = read_lines(TEXTS)
    if not 1 <= count <= len(texts):
        raise ValueError(f"there are {len(texts)} texts, so 1 to {len(texts)} can be crammed, got {count}")
    return texts[:count]


def targets_of(lab: Lab, texts: Sequence[str], tokens: int) -> pd.DataFrame:
    """The targets to cram, one row per text and kind. Columns: text (a number), kind, ids (tensor (tokens,)).

    kind: the text; the same with its words shuffled; as many random tokens. The text's number is their seed.
    Raises ValueError for a text with fewer tokens.
    """
    rows = []
    for number, text in enumerate(texts):
        generator = torch.Generator().manual_seed(number)
        words = text.split()
        order = torch.randperm(len(words), generator=generator).tolist()
        shuffled = " ".join(words[position] for position in order)
        ids = [lab.ids_behind(f" {text}"), lab.ids_behind(f" {shuffled}"), random_ids(lab, tokens, generator)]
        shortest = min(map(len, ids))
        if not 1 <= tokens <= shortest:
            raise ValueError(f"longest must be 1 to {shortest} tokens, which text {number} has, got {tokens}")
        rows += [(number, kind, target[:tokens]) for kind, target in zip(KINDS, ids, strict=True)]
    return pd.DataFrame(rows, columns=["text", "kind", "ids"])


def random_ids(lab: Lab, tokens: int, generator: torch.Generator) -> Tensor:
    """Random tokens, (tokens,), whose text the tokenizer splits into these same tokens."""
    ids: list[int] = []
    while len(ids) < tokens:
        drawn = lab.space.ids[torch.randint(len(lab.space), (), generator=generator)].item()
        text = lab.text([*ids, drawn])  # empty for a special token, such as the end of a text
        if text and lab.ids(text).tolist() == [*ids, drawn]:
            ids.append(drawn)
    return torch.tensor(ids)


class Crammed:
    """The state of `cram`, and what it found.

    vectors (rows, width), each where its horizon was last reached, and starts, the same, float32 on the CPU.
    horizon: how many first tokens each row says, (rows,). steps: moves of each row, (rows,). growth: (row,
    step, horizon) of each new horizon.
    """

    def __init__(self, start: Tensor, lengths: list[int], patience: int):
        self.starts = start.expand(len(lengths), -1).clone()
        self.vectors, self.lengths, self.patience = self.starts.clone(), torch.tensor(lengths), patience
        self.horizon, self.waited, self.steps = torch.zeros(3, len(lengths), dtype=torch.long)
        self.growth: list[tuple[int, int, int]] = []

    def active(self) -> Tensor:
        """The rows that learn on, those with equal horizons together."""
        rows = ((self.horizon < self.lengths) & (self.waited <= self.patience)).nonzero().squeeze(1)
        return rows[self.horizon[rows].argsort(stable=True)]

    def update(self, rows: Tensor, vectors: Tensor, correct: Tensor) -> None:
        """Record that rows say their `correct` first tokens, (rows,), with vectors (rows, width)."""
        grown = correct > self.horizon[rows]
        self.waited[rows] = torch.where(grown, 0, self.waited[rows] + 1)
        longer = rows[grown]
        self.horizon[longer], self.vectors[longer] = correct[grown], vectors[grown]
        self.growth += zip(longer.tolist(), self.steps[longer].tolist(), correct[grown].tolist(), strict=True)
        self.steps[rows] += 1


def cram(
    lab: Lab, prompt: str, ids: Sequence[Tensor], held: str = FREE, patience: int = 60, seed: int = 0
) -> Crammed:
    """Learn a noken for each row of ids with which the model says as many of its first tokens as possible.

    A row's loss is over its horizon, the first tokens that it says, and the `AHEAD` beyond; it ends when the
    next one did not become right in `patience` moves, or with all its ids. Adam, all rows from one start near
    the centroid. held: "free", or "token norm", where each move ends at the norm of the median token. Rows do
    not depend on each other. Ctrl-C ends it and keeps what was learned.
    """
    constraints = {FREE: free(), TOKEN_NORM: at_norm(lab.space.median_norm)}
    if held not in constraints:
        raise ValueError(f"held must be {' or '.join(map(repr, constraints))}, got {held!r}")
    if patience < 1:
        raise ValueError(f"patience must be at least 1 move, got {patience}")
    (template,) = teacher_forcing.cached_templates(lab, [prompt])
    hold = constraints[held].bind(lab)
    start = hold(near_centroid(lab.space, 1, seed)[0].to(lab.device))  # (1, width)
    crammed = Crammed(start.cpu(), list(map(len, ids)), patience)
    vectors = start.repeat(len(ids), 1).requires_grad_()
    optimizer = adam(lab, vectors, LEARNING_RATE)
    ids = [row.to(lab.device) for row in ids]
    size = teacher_forcing.rows_at_once(lab, [template], ids)
    with tqdm(total=len(ids), unit="row") as bar:
        try:
            while len(active := crammed.active()):
                for rows in active.split(size):
                    targets = [ids[row][: crammed.horizon[row] + AHEAD] for row in rows.tolist()]
                    correct = _add_gradients(lab, template, vectors, rows, targets)
                    crammed.update(rows, vectors.detach().cpu()[rows], correct)
                optimizer.step()
                optimizer.zero_grad()
                with torch.no_grad():
                    vectors.copy_(hold(vectors))
                bar.update(len(ids) - len(crammed.active()) - bar.n)
                bar.set_postfix_str(f"{crammed.horizon.float().mean():.1f} tokens")
        except KeyboardInterrupt:
            print("cramming was stopped; what was learned is kept")
    return crammed


def _add_gradients(lab: Lab, template, vectors: Tensor, rows: Tensor, ids: list[Tensor]) -> Tensor:
    """Add to the gradients of some rows of vectors; how many first ids each of them says, on the CPU."""
    with lab.lock, torch.enable_grad():
        chosen = vectors[rows.to(vectors.device), None]  # (rows, 1, width)
        losses, right = teacher_forcing.score_tokens(lab, template, chosen, ids)
        torch.stack([row.mean() for row in losses]).sum().backward()
    return torch.stack([row.long().cumprod(0).sum() for row in right]).cpu()


def horizons(lab: Lab, prompt: str, targets: pd.DataFrame, crammed: Crammed, held: str) -> pd.DataFrame:
    """What greedy decoding recites from each noken: one row per row of `targets`.

    Columns: text, kind, held, horizon (how many first tokens are right), whole (all of them: it might have
    been more), steps (moves of this row), before and after (bits that the model needs for these tokens, with
    the noken where it began and as it was learned), gain (before less after), norm, nearest (token), cosine
    (to it), recited (these tokens), then (what greedy decoding says next, three tokens, the first of them
    wrong).
    """
    ids, vectors = targets["ids"].tolist(), crammed.vectors
    decoded = lab.greedy_ids(fill(lab, prompt, vectors), len(ids[0]))
    right = [leading_right(new, row.tolist()) for new, row in zip(decoded, ids, strict=True)]
    recited = [row[:n] for row, n in zip(ids, right, strict=True)]
    nearest = lab.space.nearest(vectors, k=1)
    table = targets[["text", "kind"]].assign(held=held, horizon=right)
    table["whole"] = table["horizon"] == len(ids[0])
    table["steps"] = crammed.steps.tolist()
    table["before"] = [row.sum().item() for row in bits(lab, prompt, crammed.starts, recited)]
    table["after"] = [row.sum().item() for row in bits(lab, prompt, vectors, recited)]
    table["gain"] = table["before"] - table["after"]
    table["norm"] = vectors.norm(dim=-1).tolist()
    table["nearest"], table["cosine"] = nearest["token"].tolist(), nearest["cosine"].tolist()
    table["recited"] = [lab.text(row.tolist()) for row in recited]
    table["then"] = [lab.text(new[n : n + 3]) for new, n in zip(decoded, right, strict=True)]
    return table


def elsewhere(
    lab: Lab, targets: pd.DataFrame, vectors: Tensor, held: str, max_new_tokens: int = 12
) -> pd.DataFrame:
    """The effect of the nokens (rows, width) of `targets` on `UNRELATED` prompts, and of random ones.

    One row per prompt, `of` ("crammed", "random noken": of the same norm) and row of `targets`. Columns:
    prompt, of, text, kind, held, norm, entropy (of the next token, bits), kl (from the next-token
    distribution of the prompt without <noken>, bits), own (nats per token of the noken's own `FIRST` tokens
    after this prompt), own_said (how many of them greedy decoding says), response.
    """
    tables = []
    norms = vectors.norm(dim=-1).tolist()
    random = torch.cat([random_nokens(lab.width, seed, norm) for seed, norm in enumerate(norms)])
    first = [row[:FIRST] for row in targets["ids"]]
    for prompt in UNRELATED:
        without = lab.logits(" ".join(prompt.replace(NOKEN, " ").split()))[0]
        for of, nokens in ((CRAMMED, vectors), (RANDOM, random)):
            x = fill(lab, prompt, nokens)
            logits, decoded = lab.logits(x), lab.greedy_ids(x, max_new_tokens)
            table = targets[["text", "kind"]].assign(held=held, norm=nokens.norm(dim=-1).tolist())
            table["entropy"], table["kl"] = entropy(logits).tolist(), kl(logits, without).tolist()
            table["own"] = [row.mean().item() * NATS for row in bits(lab, prompt, nokens, first)]
            pairs = zip(decoded, first, strict=True)
            table["own_said"] = [leading_right(new, row.tolist()) for new, row in pairs]
            table["response"] = [lab.text(new) for new in decoded]
            table.insert(0, "prompt", prompt)
            table.insert(1, "of", of)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def leading_right(decoded: Sequence[int], target: Sequence[int]) -> int:
    """How many first ids are the same."""
    pairs = zip(decoded, target, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


@torch.no_grad()
def bits(lab: Lab, prompt: str, vectors: Tensor, ids: Sequence[Tensor]) -> list[Tensor]:
    """The bits of each token of ids after a prompt with vectors (rows, width): (tokens,) for each row."""
    (template,) = teacher_forcing.cached_templates(lab, [prompt])
    rows = [row for row, tokens in enumerate(ids) if len(tokens)]
    if not rows:
        return list(ids)

    def costs(batch: slice) -> list[Tensor]:
        tokens = [ids[row].to(lab.device) for row in rows[batch]]
        fed = vectors[rows[batch], None].to(lab.device)  # (batch, 1, width)
        nats, _ = teacher_forcing.score_tokens(lab, template, fed, tokens)
        return [row.cpu() / NATS for row in nats]

    size = teacher_forcing.rows_at_once(lab, [template], list(ids))
    by_row = dict(zip(rows, chain.from_iterable(lab.in_batches(costs, len(rows), size)), strict=True))
    return [by_row.get(row, torch.zeros(0)) for row in range(len(ids))]
