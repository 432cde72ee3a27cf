"""Learned nokens: vectors trained to make the model say a text, beside what real tokens do in their place."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from nokenlab import constraints
from nokenlab.constraints import Constraint
from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.learning import Learned
from nokenlab.prompt import fill
from nokenlab.readout import teacher_forcing

DEFINITION, ABSURD = "definition", "absurd"
CONTROLS = ("nearest", "random", "other", "ranked", "word")  # real tokens in a noken's place
NEAR = 0.5  # how far from its token "near" may be, in the median token's distances from the centroid
NO_TOKEN = -1


class Target(NamedTuple):
    """What shall be said, with the space before it, and the word that means it: "" where none does."""

    text: str
    word: str

    @property
    def kind(self) -> str:
        """DEFINITION of a word, or ABSURD."""
        return DEFINITION if self.word else ABSURD


def targets_of(lines: Sequence[str]) -> list[Target]:
    """Targets, from "dog: an animal that barks." or, of no word, "seven clouds that owe me money."

    Raises ValueError for an empty text, one that is there twice, and where there is none.
    """
    parts = [line.partition(":") for line in lines]
    found = [Target(f" {b.strip()}", a.strip()) if b else Target(f" {a.strip()}", "") for a, _, b in parts]
    texts = [target.text for target in found]
    if not found or " " in texts or len(set(texts)) < len(texts):
        wanted = "targets wants texts, such as 'dog: an animal that barks.', each once"
        raise ValueError(f"{wanted}; got {short(list(lines))}")
    return found


def constraints_of(lab: Lab, names: Sequence[str], anchor: str) -> dict[str, Constraint]:
    """Constraints of `nl.learn` by name: which vectors a noken may be.

    free: any. token norm: those as long as the median token. near: those within half a median token's
    distance of the token of `anchor`, a word. pinned: those whose nearest token is it. PEZ: tokens alone.
    Raises ValueError for another name, and for a word that no noken can be near or pinned to.
    """
    if not names or not set(names) <= set(constraints.KINDS):
        kinds = ", ".join(constraints.KINDS)
        raise ValueError(f"constraints must be some of {kinds}; got {short(list(names))}")
    distance = NEAR * lab.space.median_distance
    found = {name: constraints.KINDS[name].make(lab, anchor, distance) for name in names}
    for constraint in found.values():
        constraint.bind(lab)  # what is wrong is said before long work
    return found


def check_prompts(prompts: Sequence[str], unseen: Sequence[str]) -> None:
    """ValueError where a prompt that shall be unseen is one of those that nokens are learned in."""
    if both := [prompt for prompt in unseen if prompt in prompts]:
        raise ValueError(f"unseen wants other prompts than those learned in; {short(both[0])} is in both")


def histories(learned: dict[str, Learned], targets: Sequence[Target]) -> pd.DataFrame:
    """The histories of `nl.learn` by constraint as one, with the columns constraint and kind in front."""
    parts = []
    for name, some in learned.items():
        part = some.history
        starts = len(some.vectors) // len(targets)
        part.insert(0, "kind", [targets[row // starts].kind for row in part["row"]])
        part.insert(0, "constraint", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def nll(lab: Lab, prompt: str, vectors: Tensor, texts: Sequence[str]) -> Tensor:
    """How unlikely texts are behind a prompt with a vector in it, nats a token: (rows,).

    A text a vector, (rows, width).
    """
    template = teacher_forcing.CachedTemplate(lab, prompt)
    with torch.no_grad():
        parts = lab.in_batches(
            lambda some: _losses(lab, template, vectors[some], texts[some]), len(texts), 64
        )
    return torch.cat(parts)


def _losses(
    lab: Lab, template: teacher_forcing.CachedTemplate, vectors: Tensor, texts: Sequence[str]
) -> Tensor:
    ids = [lab.ids(text).to(lab.device) for text in texts]
    return teacher_forcing.score(lab, template, vectors.to(lab.device)[:, None], ids)[0]


def best_tokens(lab: Lab, prompts: Sequence[str], texts: Sequence[str], count: int) -> list[int]:
    """The id of the token that says each text best, of the `count` that the gradient ranks first.

    First is where the loss, over all prompts, falls most from the centroid, along the gradient there: the
    search of HotFlip (Ebrahimi et al. 2018) and AutoPrompt (Shin et al. 2020).
    """
    at = lab.space.centroid.repeat(len(texts), 1).requires_grad_()  # (texts, width)
    losses = [_losses(lab, teacher_forcing.CachedTemplate(lab, prompt), at, texts) for prompt in prompts]
    (slopes,) = torch.autograd.grad(torch.cat(losses).sum(), at)  # (texts, width)
    falls = slopes @ lab.space.vectors.float().T  # (texts, tokens)
    rows = falls.topk(min(count, len(lab.space)), largest=False).indices  # (texts, count)
    each = [text for text in texts for _ in range(rows.shape[1])]
    tried = sum(nll(lab, prompt, lab.space.vectors[rows.flatten()], each) for prompt in prompts)
    best = rows.gather(1, tried.view_as(rows).argmin(1, keepdim=True))[:, 0]
    return lab.space.ids[best.cpu()].tolist()


def compared(
    lab: Lab,
    learned: dict[str, Learned],
    targets: Sequence[Target],
    prompts: Sequence[str],
    unseen: Sequence[str],
    ranked: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """What learned nokens say in each prompt, beside real tokens in their place: a row a noken and prompt.

    `learned` is what `nl.learn` made of the targets' texts in `prompts`, by the name of its constraint;
    `unseen` are more prompts. `ranked`: how many tokens `best_tokens` tries. Columns: model, constraint,
    target, start (from 0), word, kind, steps (of learning), norm, nearest (real token), cosine and distance
    (its); rank (the word meant's place among the nearest tokens), other_rank (its place among those nearest
    to the next target's noken of this start and constraint); ranked (the best token); prompt, seen (learned
    in it), said (greedily), exact (the target, word for word), nll (of the target, nats a token); and for
    each X of `CONTROLS` nll_X, the same with a real token in the noken's place, and X_gap, that less the
    noken's nll: nearest; random, one a target and start; other, the one nearest to the next target's noken;
    ranked; word, the one meant. Empty where there is none.
    """
    nokens, vectors, ids = _nokens(lab, learned, targets, seed)
    texts = [target.text for target in targets]
    best = dict(zip(texts, best_tokens(lab, prompts, texts, ranked), strict=True))
    ids["ranked"] = nokens["target"].map(best)
    nokens["ranked"] = ids["ranked"].map(lab.token)
    parts = []
    for prompt in [*prompts, *unseen]:
        said = _said(lab, prompt, nokens["target"].tolist(), vectors, ids)
        parts.append(nokens.assign(prompt=prompt, seen=prompt in prompts).join(said))
    return pd.concat(parts, ignore_index=True).assign(model=lab.name)


def _nokens(
    lab: Lab, learned: dict[str, Learned], targets: Sequence[Target], seed: int
) -> tuple[pd.DataFrame, Tensor, pd.DataFrame]:
    """A row a noken: which it is and where it lies; its vector; and the ids of `CONTROLS`, but for ranked."""
    vectors = torch.stack([some.vectors for some in learned.values()])  # (constraints, rows, width)
    vectors = vectors.unflatten(1, (len(targets), -1))  # (constraints, targets, starts, width)
    starts, own, other = vectors.shape[2], vectors.flatten(0, 2), vectors.roll(-1, 1).flatten(0, 2)
    keys = {
        "constraint": list(learned),
        "target": [target.text for target in targets],
        "start": range(starts),
    }
    table = pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)
    for column in ("word", "kind"):
        table[column] = table["target"].map({target.text: getattr(target, column) for target in targets})
    last = [some.history.groupby("row")["step"].max() for some in learned.values()]
    nearest = lab.space.nearest(own, k=1).reset_index(drop=True)
    table = table.assign(steps=pd.concat(last).to_numpy(), norm=own.norm(dim=-1).numpy())
    table[["nearest", "cosine", "distance"]] = nearest[["token", "cosine", "distance"]]
    ids = pd.DataFrame({"nearest": nearest["id"]})
    ids["random"] = _random_ids(lab, len(targets) * starts, seed).repeat(len(learned)).numpy()
    ids["other"] = lab.space.nearest(other, k=1)["id"].to_numpy() if len(targets) > 1 else NO_TOKEN
    ids["word"] = [int(lab.ids(f" {word}")[-1]) if word else NO_TOKEN for word in table["word"]]
    return (
        table.assign(rank=ranks(lab, own, ids["word"]), other_rank=ranks(lab, other, ids["word"])),
        own,
        ids,
    )


def _random_ids(lab: Lab, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return lab.space.ids[torch.randint(len(lab.space), (count,), generator=generator)]


def ranks(lab: Lab, vectors: Tensor, ids: Sequence[int]) -> list[float]:
    """Which place the token of an id has among those nearest to a vector, by cosine; 1 is nearest.

    One id a vector (rows, width); NaN for NO_TOKEN.
    """
    tokens = torch.nn.functional.normalize(lab.space.vectors.float(), dim=-1)  # (tokens, width)
    found = []
    for vector, id in zip(vectors.to(tokens), ids, strict=True):
        own = lab.space.rows(torch.tensor([id]))[0] if id != NO_TOKEN else None
        cosines = tokens @ vector
        found.append(float("nan") if own is None else 1 + int((cosines > cosines[own]).sum()))
    return found


def _said(lab: Lab, prompt: str, texts: list[str], vectors: Tensor, ids: pd.DataFrame) -> pd.DataFrame:
    """What is said with each noken (rows, width); nll of its text with it, and with its real tokens."""
    rows = list(zip(texts, ids[[*CONTROLS]].to_numpy().tolist(), strict=True))
    pairs = sorted({(text, id) for text, own in rows for id in own if id != NO_TOKEN})
    tokens = lab.embed_ids(torch.tensor([id for _, id in pairs])).float()
    every = torch.cat([vectors.to(lab.device), tokens])
    losses = nll(lab, prompt, every, [*texts, *(text for text, _ in pairs)]).tolist()
    said = lab.generate(fill(lab, prompt, vectors), max(len(lab.ids(text)) for text in texts))
    exact = [answer.startswith(text) for answer, text in zip(said, texts, strict=True)]
    table = pd.DataFrame({"said": said, "exact": exact, "nll": losses[: len(texts)]})
    known = dict(zip(pairs, losses[len(texts) :], strict=True))
    for place, name in enumerate(CONTROLS):
        table[f"nll_{name}"] = [known.get((text, own[place]), float("nan")) for text, own in rows]
        table[f"{name}_gap"] = table[f"nll_{name}"] - table["nll"]
    return table
