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
from nokenlab.readout.teacher_forcing import CachedTemplate

DEFINITION, ABSURD = "definition", "absurd"
CONTROLS = ("nearest", "random", "other", "ranked", "word")  # real tokens in a noken's place
NEAR = 0.5  # how far from its token "near" may be, in the median token's distances from the centroid
NO_TOKEN = -1
LOGITS = 64 * 49152  # of one position of each row: so many are held at once, which bounds the rows


class Target(NamedTuple):
    """A text for the model to say, with the space before it, and the word that means it: "" if none does."""

    text: str
    word: str

    @property
    def kind(self) -> str:
        """DEFINITION of a word, or ABSURD."""
        return DEFINITION if self.word else ABSURD


def targets_of(lines: Sequence[str]) -> list[Target]:
    """Targets, from "dog: an animal that barks." or, of no word, "seven clouds that owe me money."

    ValueError for an empty text, the same text twice, and no text at all.
    """
    targets = []
    for line in lines:
        word, colon, text = line.partition(":")
        targets.append(Target(f" {text.strip()}", word.strip()) if colon else Target(f" {line.strip()}", ""))
    texts = {target.text for target in targets}
    if not targets or " " in texts or len(texts) < len(targets):
        must = "targets must be different texts, such as 'dog: an animal that barks.'"
        raise ValueError(f"{must}; got {short(list(lines))}")
    return targets


def constraints_of(lab: Lab, names: Sequence[str], anchor: str) -> dict[str, Constraint]:
    """Constraints of `nl.learn` by name: which vectors a noken may be.

    free: any. token norm: those as long as the median token. near: those within half a median token's
    distance of the token of `anchor`, a word. pinned: those whose nearest token is it. PEZ: tokens alone.
    ValueError for another name, and for a word that no noken can be near or pinned to.
    """
    if unknown := set(names) - set(constraints.KINDS):
        raise ValueError(
            f"constraints must be of {', '.join(constraints.KINDS)}; got {short(sorted(unknown))}"
        )
    distance = NEAR * lab.space.median_distance
    chosen = {name: constraints.KINDS[name].make(lab, anchor, distance) for name in names}
    for constraint in chosen.values():
        constraint.bind(lab)  # errors come before long work
    return chosen


def check_prompts(prompts: Sequence[str], unseen: Sequence[str]) -> None:
    """ValueError if an unseen prompt is one that nokens are learned in."""
    if both := [prompt for prompt in unseen if prompt in prompts]:
        raise ValueError(f"unseen must be other prompts than those learned in; {short(both[0])} is in both")


def histories(learned: dict[str, Learned], targets: Sequence[Target]) -> pd.DataFrame:
    """The histories of `nl.learn` by constraint as one, with the columns constraint and kind in front."""
    parts = []
    for name, nokens in learned.items():
        starts = len(nokens.vectors) // len(targets)
        kinds = [targets[row // starts].kind for row in nokens.history["row"]]
        columns = ["constraint", "kind", *nokens.history]
        parts.append(nokens.history.assign(constraint=name, kind=kinds)[columns])
    return pd.concat(parts, ignore_index=True)


def nll(lab: Lab, prompt: str, vectors: Tensor, texts: Sequence[str]) -> Tensor:
    """The negative log-likelihood of texts behind a prompt with a vector in it, nats per token: (rows,).

    One text per vector, (rows, width).
    """
    template = CachedTemplate(lab, prompt)
    most = max(1, LOGITS // lab.model.get_input_embeddings().num_embeddings)
    with torch.no_grad():
        parts = lab.in_batches(
            lambda part: _losses(lab, template, vectors[part], texts[part]), len(texts), most
        )
    return torch.cat(parts)


def _losses(lab: Lab, template: CachedTemplate, vectors: Tensor, texts: Sequence[str]) -> Tensor:
    ids = [lab.ids_behind(text).to(lab.device) for text in texts]
    return teacher_forcing.score(lab, template, vectors.to(lab.device)[:, None], ids)[0]


def best_tokens(lab: Lab, prompts: Sequence[str], texts: Sequence[str], count: int) -> list[int]:
    """The id of the token that says each text best, of the `count` that the gradient ranks first.

    First is where the loss, over all prompts, falls most from the centroid, along the gradient there: the
    search of HotFlip (Ebrahimi et al. 2018) and AutoPrompt (Shin et al. 2020).
    """
    start = lab.space.centroid.repeat(len(texts), 1).requires_grad_()  # (texts, width)
    losses = [_losses(lab, CachedTemplate(lab, prompt), start, texts) for prompt in prompts]
    (slopes,) = torch.autograd.grad(torch.cat(losses).sum(), start)  # (texts, width)
    falls = slopes @ lab.space.vectors.float().T  # (texts, tokens)
    rows = falls.topk(min(count, len(lab.space)), largest=False).indices  # (texts, count)
    repeated = [text for text in texts for _ in range(rows.shape[1])]
    losses = sum(nll(lab, prompt, lab.space.vectors[rows.flatten()], repeated) for prompt in prompts)
    best = rows.gather(1, losses.view_as(rows).argmin(1, keepdim=True))[:, 0]
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
    """What the model says with nokens, beside real tokens in their place: one row per noken and prompt.

    `learned` is what `nl.learn` made of the targets' texts in `prompts`, by the name of its constraint;
    `unseen` are more prompts. `ranked`: how many tokens `best_tokens` tries. Columns: model, constraint,
    target, start (from 0), word, kind, steps (of learning), norm, nearest (real token), cosine and distance
    (its); rank (of the word meant among the nearest tokens), other_rank (its rank among those nearest to the
    next target's noken of this start and constraint); ranked (the best token); prompt, seen (learned in it),
    said (greedily), exact (the target, word for word), nll (of the target, nats per token); and for each X of
    `CONTROLS` nll_X, the same with a real token in the noken's place, and X_gap, that less the noken's nll:
    nearest; random, one per target and start; other, the one nearest to the next target's noken; ranked;
    word, the one meant. NaN if there is no such token.
    """
    nokens, vectors, ids = _nokens(lab, learned, targets, seed)
    texts = [target.text for target in targets]
    best = dict(zip(texts, best_tokens(lab, prompts, texts, ranked), strict=True))
    ids["ranked"] = nokens["target"].map(best)
    nokens["ranked"] = ids["ranked"].map(lab.token)
    parts = []
    for prompt in [*prompts, *unseen]:
        answers = _answers(lab, prompt, nokens["target"].tolist(), vectors, ids)
        parts.append(nokens.assign(prompt=prompt, seen=prompt in prompts).join(answers))
    return pd.concat(parts, ignore_index=True).assign(model=lab.name)


def _nokens(
    lab: Lab, learned: dict[str, Learned], targets: Sequence[Target], seed: int
) -> tuple[pd.DataFrame, Tensor, pd.DataFrame]:
    """One row per noken: which it is and where it lies; its vector; and the ids of `CONTROLS` but ranked."""
    vectors = torch.stack([nokens.vectors for nokens in learned.values()])  # (constraints, rows, width)
    vectors = vectors.unflatten(1, (len(targets), -1))  # (constraints, targets, starts, width)
    starts, nokens, others = vectors.shape[2], vectors.flatten(0, 2), vectors.roll(-1, 1).flatten(0, 2)
    keys = [(name, *target, target.kind, i) for name in learned for target in targets for i in range(starts)]
    table = pd.DataFrame(keys, columns=["constraint", "target", "word", "kind", "start"])
    table = table[["constraint", "target", "start", "word", "kind"]]
    steps = [nokens.history.groupby("row")["step"].max() for nokens in learned.values()]
    nearest = lab.space.nearest(nokens, k=1).reset_index(drop=True)
    table = table.assign(steps=pd.concat(steps).to_numpy(), norm=nokens.norm(dim=-1).numpy())
    table[["nearest", "cosine", "distance"]] = nearest[["token", "cosine", "distance"]]
    ids = pd.DataFrame({"nearest": nearest["id"]})
    ids["random"] = _random_ids(lab, len(targets) * starts, seed).repeat(len(learned)).numpy()
    ids["other"] = lab.space.nearest(others, k=1)["id"].to_numpy() if len(targets) > 1 else NO_TOKEN
    ids["word"] = [int(lab.ids_behind(f" {word}")[-1]) if word else NO_TOKEN for word in table["word"]]
    table["rank"], table["other_rank"] = ranks(lab, nokens, ids["word"]), ranks(lab, others, ids["word"])
    return table, nokens, ids


def _random_ids(lab: Lab, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return lab.space.ids[torch.randint(len(lab.space), (count,), generator=generator)]


def ranks(lab: Lab, vectors: Tensor, ids: Sequence[int]) -> list[float]:
    """The rank, by cosine, of the token of an id among those nearest to a vector; 1 is nearest.

    One id per vector (rows, width); NaN for NO_TOKEN.
    """
    tokens = torch.nn.functional.normalize(lab.space.vectors.float(), dim=-1)  # (tokens, width)
    ranks = []
    for vector, id in zip(vectors.to(tokens), ids, strict=True):
        if id == NO_TOKEN:
            ranks.append(float("nan"))
            continue
        cosines = tokens @ vector
        ranks.append(1 + int((cosines > cosines[lab.space.rows(torch.tensor([id]))[0]]).sum()))
    return ranks


def _answers(lab: Lab, prompt: str, texts: list[str], vectors: Tensor, ids: pd.DataFrame) -> pd.DataFrame:
    """The columns of `compared` from said on, for nokens (rows, width), their texts and ids of `CONTROLS`."""
    pairs = {(text, id) for name in CONTROLS for text, id in zip(texts, ids[name].tolist(), strict=True)}
    pairs = sorted(pair for pair in pairs if pair[1] != NO_TOKEN)
    tokens = lab.embed_ids(torch.tensor([id for _, id in pairs])).float()
    both = torch.cat([vectors.to(lab.device), tokens])
    losses = nll(lab, prompt, both, [*texts, *(text for text, _ in pairs)]).tolist()
    answers = lab.generate(fill(lab, prompt, vectors), max(len(lab.ids_behind(text)) for text in texts))
    exact = [answer.startswith(text) for answer, text in zip(answers, texts, strict=True)]
    table = pd.DataFrame({"said": answers, "exact": exact, "nll": losses[: len(texts)]})
    token_nll = dict(zip(pairs, losses[len(texts) :], strict=True))
    for name in CONTROLS:
        pairs = zip(texts, ids[name].tolist(), strict=True)
        table[f"nll_{name}"] = [token_nll.get(pair, float("nan")) for pair in pairs]
        table[f"{name}_gap"] = table[f"nll_{name}"] - table["nll"]
    return table
