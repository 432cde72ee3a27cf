"""Cramming: how long a text does the model recite, token by token, from one noken?

After "Cramming 1568 Tokens into a Single Vector" (Kuratov et al. 2025, arXiv 2502.13063), done progressively:
what a row shall say grows whenever the model says more of it, and its noken learns on from there.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.constraints import at_norm, free
from nokenlab.lab import Lab
from nokenlab.learning import adam
from nokenlab.measures import entropy, kl
from nokenlab.nokens import near_centroid, random_nokens, rescale
from nokenlab.prompt import NOKEN, fill
from nokenlab.readout import teacher_forcing

TEXTS = Path(__file__).with_name("texts.txt")
KINDS = ("text", "shuffled", "random tokens")
AHEAD = 4  # tokens behind the horizon that are learned too: with one alone nokens stay where they got stuck
LEARNING_RATE = 0.3  # of a typical token's spread, a number and move
FREE, TOKEN_NORM = HELD = ("free", "token norm")
UNRELATED = (
    f"In the evening the {NOKEN} was seen near the river, and people said that it",
    f"A recipe for {NOKEN} begins with",
    f"The word {NOKEN} means",
    f"My sister opened the letter and read aloud: {NOKEN}",
)
CRAMMED, RANDOM = "crammed", "random noken"
NATS = math.log(2)  # in a bit
TOLD = 8  # first tokens of a noken's own text that are looked for behind an unrelated prompt


class Crammed(NamedTuple):
    """What `cram` found: vectors (rows, width) and where they began, the same, float32 on the CPU.

    growth: a line a row and new horizon: row, step, horizon. steps: moves of each row, (rows,).
    """

    vectors: Tensor
    starts: Tensor
    growth: pd.DataFrame
    steps: Tensor


def read_texts(count: int) -> list[str]:
    """The first `count` of nokenlab's own fifty texts, of 58 to 70 tokens of the default model each."""
    texts = TEXTS.read_text(encoding="utf-8").splitlines()
    if not 1 <= count <= len(texts):
        raise ValueError(f"there are {len(texts)} texts, so 1 to {len(texts)} can be crammed, got {count}")
    return texts[:count]


def targets_of(lab: Lab, texts: Sequence[str], tokens: int) -> pd.DataFrame:
    """What is to be crammed, a row a text and kind. Columns: text (its number), kind, ids (tensor (tokens,)).

    kind: the text; the same with its words shuffled; as many random tokens. The text's number is their seed.
    Raises ValueError for a text with fewer tokens.
    """
    rows = []
    for number, text in enumerate(texts):
        generator = torch.Generator().manual_seed(number)
        words = text.split()
        order = torch.randperm(len(words), generator=generator).tolist()
        shuffled = " ".join(words[place] for place in order)
        said = [lab.ids(f" {text}"), lab.ids(f" {shuffled}"), random_ids(lab, tokens, generator)]
        shortest = min(map(len, said))
        if not 1 <= tokens <= shortest:
            raise ValueError(f"longest must be 1 to {shortest} tokens, which text {number} has, got {tokens}")
        rows += [
            {"text": number, "kind": kind, "ids": ids[:tokens]} for kind, ids in zip(KINDS, said, strict=True)
        ]
    return pd.DataFrame(rows)


def random_ids(lab: Lab, tokens: int, generator: torch.Generator) -> Tensor:
    """So many random tokens, (tokens,), whose text the tokenizer cuts into these very tokens again."""
    ids: list[int] = []
    while len(ids) < tokens:
        drawn = lab.space.ids[torch.randint(len(lab.space), (), generator=generator)].item()
        text = lab.text([*ids, drawn])  # empty for a mark, such as that of an end
        if text and lab.ids(text).tolist() == [*ids, drawn]:
            ids.append(drawn)
    return torch.tensor(ids)


def cram(
    lab: Lab,
    prompt: str,
    ids: Sequence[Tensor],
    held: str = FREE,
    patience: int = 60,
    seed: int = 0,
    learning_rate: float = LEARNING_RATE,
    batch_size: int | None = None,
    progress: bool = True,
) -> Crammed:
    """Learn a noken for each row of ids, with which the model says as many of its first tokens as can be had.

    A row's loss is over its horizon, the first tokens that it says, and the `AHEAD` behind them; it ends
    where the next did not become right in `patience` moves, or with all its ids. Adam, all rows from one
    start near the centroid; `learning_rate` as in `nokenlab.learn`. held: "free", or "token norm", where each
    move ends at the norm of the median token. Rows do not depend on each other; `batch_size` of them run in
    one pass, by default what memory holds. Ctrl-C ends it and keeps what was learned.
    """
    if held not in HELD:
        raise ValueError(f"held is {' or '.join(map(repr, HELD))}, got {held!r}")
    if patience < 1:
        raise ValueError(f"patience must be at least 1 move, got {patience}")
    (frame,) = teacher_forcing.frames(lab, [prompt])
    hold = (at_norm(lab.space.median_norm) if held == TOKEN_NORM else free()).bind(lab)
    start = near_centroid(lab.space, 1, seed)[0].to(lab.device)  # (1, width)
    vectors = hold(start.expand(len(ids), -1)).clone().requires_grad_()
    moves = adam(lab, vectors, learning_rate)
    ids = [row.to(lab.device) for row in ids]
    size = batch_size or teacher_forcing.rows_at_once(lab, [frame], ids)
    starts = vectors.detach().clone()
    found = Growing(starts.clone(), [len(row) for row in ids], patience)
    with tqdm(total=len(ids), unit="row", disable=not progress) as bar:
        try:
            while len(going := found.going()):
                for rows in going[found.horizon[going].argsort(stable=True)].split(size):  # alike in length
                    some = [ids[row][: found.horizon[row] + AHEAD] for row in rows.tolist()]
                    found.look(rows, *_gradients(lab, frame, vectors, rows, some))
                moves.step()
                moves.zero_grad()
                with torch.no_grad():
                    vectors.copy_(hold(vectors))
                bar.update(len(ids) - len(found.going()) - bar.n)
                bar.set_postfix_str(f"{found.horizon.float().mean():.1f} tokens")
        except KeyboardInterrupt:
            print("cramming was stopped; what was learned is kept")
    growth = pd.DataFrame(found.growth, columns=["row", "step", "horizon"])
    return Crammed(found.kept.cpu(), starts.cpu(), growth, found.steps)


class Growing:
    """How far each row has come, and its vector there. horizon: how many first tokens it says, (rows,)."""

    def __init__(self, vectors: Tensor, most: list[int], patience: int):
        self.kept, self.most, self.patience = vectors, torch.tensor(most), patience
        self.horizon, self.waited, self.steps = (torch.zeros(len(most), dtype=torch.long) for _ in range(3))
        self.growth: list[tuple[int, int, int]] = []

    def going(self) -> Tensor:
        """Rows that learn on."""
        return ((self.horizon < self.most) & (self.waited <= self.patience)).nonzero().squeeze(1)

    def look(self, rows: Tensor, vectors: Tensor, correct: Tensor) -> None:
        """What rows say now with vectors (rows, width): so many first tokens are right, (rows,)."""
        grown = correct > self.horizon[rows]
        self.horizon[rows] = torch.maximum(self.horizon[rows], correct)
        self.waited[rows] = torch.where(grown, 0, self.waited[rows] + 1)
        self.kept[rows[grown].to(self.kept.device)] = vectors[grown.to(vectors.device)]
        longer, at = rows[grown], correct[grown]
        self.growth += zip(longer.tolist(), self.steps[longer].tolist(), at.tolist(), strict=True)
        self.steps[rows] += 1


def _gradients(lab: Lab, frame, vectors: Tensor, rows: Tensor, ids: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Adds to the gradients of some rows; gives their vectors and how many first tokens are right."""
    own = vectors[rows.to(vectors.device)]
    with lab.lock, torch.enable_grad():
        losses, right = teacher_forcing.by_token(lab, frame, own[:, None], ids)
        torch.stack([row.mean() for row in losses]).sum().backward()
    correct = torch.stack([row.long().cumprod(0).sum() for row in right])
    return own.detach(), correct.cpu()


def horizons(lab: Lab, prompt: str, targets: pd.DataFrame, crammed: Crammed, held: str) -> pd.DataFrame:
    """What greedy decoding recites from each noken: a row a row of `targets`.

    Columns: text, kind, held, horizon (how many first tokens are right), whole (all of them: it may have been
    more), steps (moves of this row), before and after (what the model needs for these tokens, with the noken
    where it began and as it was learned, bits), gain (before less after), norm, nearest (token), cosine (to
    it), recited (these tokens), then (what greedy decoding says next, three tokens, the first of them wrong).
    """
    ids, vectors = targets["ids"].tolist(), crammed.vectors
    said = teacher_forcing.greedy(lab, fill(lab, prompt, vectors), len(ids[0]))
    right = [leading_right(new, row.tolist()) for new, row in zip(said, ids, strict=True)]
    table = targets[["text", "kind"]].assign(
        held=held, horizon=right, whole=[n == len(ids[0]) for n in right]
    )
    table["steps"] = crammed.steps.tolist()
    recited = [row[:n] for row, n in zip(ids, right, strict=True)]
    table["before"] = [row.sum().item() for row in bits(lab, prompt, crammed.starts, recited)]
    table["after"] = [row.sum().item() for row in bits(lab, prompt, vectors, recited)]
    table["gain"] = table["before"] - table["after"]
    table["norm"] = vectors.norm(dim=-1).tolist()
    nearest = lab.space.nearest(vectors, k=1)
    table["nearest"], table["cosine"] = nearest["token"].tolist(), nearest["cosine"].tolist()
    table["recited"] = [lab.text(row.tolist()) for row in recited]
    table["then"] = [lab.text(new[n : n + 3]) for new, n in zip(said, right, strict=True)]
    return table


def elsewhere(
    lab: Lab,
    targets: pd.DataFrame,
    vectors: Tensor,
    held: str,
    prompts: Sequence[str] = UNRELATED,
    max_new_tokens: int = 12,
) -> pd.DataFrame:
    """What the nokens (rows, width) of `targets` do to unrelated prompts, and random ones of their norms.

    A row a prompt, `of` ("crammed", "random noken") and row of `targets`. Columns: prompt, of, text, kind,
    held, norm, entropy (of the next token, bits), kl (from the next-token distribution of the prompt without
    <noken>, bits), own (nats a token of the noken's own first `TOLD` tokens behind this prompt), own_said
    (how many of them greedy decoding says), response.
    """
    tables = []
    random = random_nokens(lab.width, range(len(vectors)))
    random = torch.cat(
        [rescale(row, norm) for row, norm in zip(random[:, None], vectors.norm(dim=-1).tolist(), strict=True)]
    )
    own = [row[:TOLD] for row in targets["ids"]]
    for prompt in prompts:
        bare = lab.logits(" ".join(prompt.replace(NOKEN, " ").split()))[0]
        for of, nokens in ((CRAMMED, vectors), (RANDOM, random)):
            logits = lab.logits(fill(lab, prompt, nokens))  # (rows, vocab)
            said = teacher_forcing.greedy(lab, fill(lab, prompt, nokens), max_new_tokens)
            right = [leading_right(new, row.tolist()) for new, row in zip(said, own, strict=True)]
            table = targets[["text", "kind"]].assign(held=held, norm=nokens.norm(dim=-1).tolist())
            table["entropy"], table["kl"] = entropy(logits).tolist(), kl(logits, bare).tolist()
            table["own"] = [row.mean().item() * NATS for row in bits(lab, prompt, nokens, own)]
            table["own_said"], table["response"] = right, [lab.text(new) for new in said]
            tables.append(table.assign(prompt=prompt, of=of))
    table = pd.concat(tables, ignore_index=True)
    return table[["prompt", "of", *table.columns.drop(["prompt", "of"])]]


def leading_right(said: Sequence[int], wanted: Sequence[int]) -> int:
    """How many first ids are the same."""
    pairs = zip(said, wanted, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(said), len(wanted)))


@torch.no_grad()
def bits(lab: Lab, prompt: str, vectors: Tensor, ids: Sequence[Tensor]) -> list[Tensor]:
    """What each token of ids costs behind a prompt with vectors (rows, width), in bits: (tokens,) a row."""
    (frame,) = teacher_forcing.frames(lab, [prompt])
    found = [torch.zeros(0)] * len(ids)
    asked = [row for row, own in enumerate(ids) if len(own)]  # nothing costs nothing

    def losses(some: slice) -> None:
        rows = asked[some]
        own = [ids[row].to(lab.device) for row in rows]
        costs, _ = teacher_forcing.by_token(lab, frame, vectors[rows, None].to(lab.device), own)
        for row, cost in zip(rows, costs, strict=True):
            found[row] = cost.cpu() / NATS

    if asked:
        lab.in_batches(losses, len(asked), teacher_forcing.rows_at_once(lab, [frame], list(ids)))
    return found
