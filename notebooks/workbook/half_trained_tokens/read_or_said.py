"""Not read, or not said? Half-trained tokens as inputs and as outputs, separately.

With tied weights one table serves as input and as output, so a token that is never said again may fail at
either end. An untied head combines one token's input row with another's output row.
"""

import copy

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab import measures
from nokenlab.interpolation import lerp
from nokenlab.lab import Lab
from nokenlab.prompt import fill
from workbook.embedding_space import tables as embedding_space
from workbook.half_trained_tokens.tables import CANDIDATE, MATCHED

UNREAD = 0.05  # of the KL between matched tokens, at most
ROWS = 128  # tokens whose next-token distributions are held at once, beside their partners


def untied(lab: Lab) -> Lab:
    """The same model with a copy of the output rows, which may be changed while `lab` stays as it is.

    All other weights are shared. The rows are `model.get_output_embeddings().weight`, (vocab, width).
    """
    model = copy.copy(lab.model)
    model._modules = dict(lab.model._modules)  # else the head would be exchanged in both
    model.set_output_embeddings(copy.deepcopy(lab.model.get_output_embeddings()))
    return Lab(model, lab.tokenizer, lab.name, lab.revision)


def swap_rows(lab: Lab, ids: Tensor, others: Tensor) -> None:
    """Exchange the output rows of tokens, one for one, in place: for a lab from `untied`."""
    head = lab.model.get_output_embeddings()
    with torch.no_grad():
        for values in (head.weight, head.bias):
            if values is not None:
                values[torch.cat([ids, others])] = values[torch.cat([others, ids])].clone()


def partners(table: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """For each pair of a `verify` table another pair to compare it with, (pairs,): a ring, strong ones first.

    The order within strong, weak and other candidates is random: neighbours by the indicator may have almost
    the same vector, and must not be compared with each other alone.
    """
    rows = _sides(table)[CANDIDATE]
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    order = np.lexsort([shuffled, -rows["weak"], -rows["strong"]])
    partner = np.empty(len(rows), dtype=int)
    partner[order] = np.roll(order, -1)
    return partner


def _sides(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The candidates and the matched tokens, in the order of their pairs."""
    table = table.sort_values("pair")
    return {of: table[table["of"] == of].reset_index(drop=True) for of in (CANDIDATE, MATCHED)}


def reads(lab: Lab, table: pd.DataFrame, prompts: list[str], seed: int = 0) -> pd.DataFrame:
    """Does it matter which token is read? The next token after it, beside that after another of its kind.

    Columns: prompt, pair, of, id, partner (the other's id, see `partners`), strong, weak (whether both
    candidates are), distance (of the two inputs), reads_kl (bits, from its distribution to the partner's).
    """
    partner, sides, parts = partners(table, seed), _sides(table), []
    flags = sides[CANDIDATE][["strong", "weak"]]
    both = flags & flags.iloc[partner].to_numpy()
    for prompt in prompts:
        for of, rows in sides.items():
            vectors = lab.embed_ids(torch.tensor(rows["id"].to_numpy()))  # (pairs, width)
            part = pd.DataFrame({"prompt": prompt, "pair": rows["pair"], "of": of, "id": rows["id"]})
            part["partner"] = rows["id"].to_numpy()[partner]
            part[["strong", "weak"]] = both
            part["distance"] = (vectors - vectors[partner]).float().norm(dim=-1).tolist()
            part["reads_kl"] = _divergence(lab, prompt, vectors, partner)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def says(lab: Lab, table: pd.DataFrame, prompts: list[str], seed: int = 0) -> pd.DataFrame:
    """The rank of an output row behind its own input row or another's: one row per pair and prompt.

    In prompts that require repetition. An untied head whose rows are swapped exchanges two logits and leaves
    all others, so the healthy row in a glitch token's place is read off where the healthy token stands.
    Columns: prompt, pair, strong, weak, and ranks: own_glitch, other_glitch (the candidate's row behind its
    own input, behind another candidate's), healthy_in (behind its partner's input), own_healthy,
    other_healthy (the partner's row behind its own input, behind another matched token's), glitch_in (behind
    the candidate's).
    """
    other, sides, parts = partners(table, seed), _sides(table), []
    glitch, healthy = (torch.tensor(sides[of]["id"].to_numpy()) for of in (CANDIDATE, MATCHED))
    before = np.argsort(other)  # whose partner each pair is
    for prompt in prompts:
        own_glitch, of_before, glitch_in = _ranks(lab, prompt, glitch, [glitch, glitch[before], healthy])
        own_healthy, of_healthy, healthy_in = _ranks(lab, prompt, healthy, [healthy, healthy[before], glitch])
        ranks = {
            "own_glitch": own_glitch,
            "other_glitch": of_before[other],
            "healthy_in": healthy_in,
            "own_healthy": own_healthy,
            "other_healthy": of_healthy[other],
            "glitch_in": glitch_in,
        }
        parts.append(sides[CANDIDATE][["pair", "strong", "weak"]].assign(prompt=prompt, **ranks))
    return pd.concat(parts, ignore_index=True)[["prompt", "pair", "strong", "weak", *ranks]]


def walk(lab: Lab, table: pd.DataFrame, prompts: list[str], count: int = 30, steps: int = 20) -> pd.DataFrame:
    """What is left of reading when healthy tokens move to the untrained centre, and to the centroid.

    The first `count` matched tokens, those that are verified last. At each alpha a token is compared with the
    next one at the same alpha. Columns: prompt, to, id, token, alpha (0 is the token, 1 the centre), reads_kl
    (bits), left (the same as a share of that at 0).
    """
    rows = table[table["of"] == MATCHED].sort_values(["weak", "pair"], kind="stable").head(count)
    starts = lab.embed_ids(torch.tensor(rows["id"].to_numpy())).float().cpu()
    alphas = np.linspace(0, 1, steps + 1)
    centre = embedding_space.untrained(lab)[1].median(dim=0).values
    ends = {"untrained centre": centre.cpu(), "centroid": lab.space.centroid.cpu()}
    ring = np.roll(np.arange(len(rows)), -1)
    partner, parts = len(rows) * np.arange(len(alphas))[:, None] + ring, []  # (alphas, rows)
    for prompt in prompts:
        for to, end in ends.items():
            line = lerp(starts, end.expand_as(starts), alphas.tolist())  # (alphas, rows, width)
            kl = _divergence(lab, prompt, line.flatten(0, 1), partner.ravel()).reshape(partner.shape)
            part = pd.concat([rows[["id", "token"]]] * len(alphas), ignore_index=True)
            part = part.assign(prompt=prompt, to=to, alpha=np.repeat(alphas, len(rows)), reads_kl=kl.ravel())
            parts.append(part.assign(left=(kl / np.maximum(kl[0], 1e-12)).ravel()))
    return pd.concat(parts, ignore_index=True)[["prompt", "to", "id", "token", "alpha", "reads_kl", "left"]]


def lost(walked: pd.DataFrame) -> pd.DataFrame:
    """Where each token of a `walk` table stops being read: the first alpha with under 5 % left.

    Between two alphas it is interpolated linearly. Columns: prompt, to, id, token, alpha_lost.
    """
    groups = walked.groupby(["prompt", "to", "id", "token"], sort=False)[["alpha", "left"]]
    return groups.apply(_crossing).rename("alpha_lost").reset_index()


def _crossing(rows: pd.DataFrame) -> float:
    alpha, left = rows["alpha"].to_numpy(), rows["left"].to_numpy()
    after = int((left < UNREAD).argmax())
    before = max(after - 1, 0)
    return float(np.interp(-UNREAD, [-left[before], -left[after]], [alpha[before], alpha[after]]))


def _divergence(lab: Lab, prompt: str, vectors: Tensor, partner: np.ndarray) -> np.ndarray:
    """KL in bits from what follows each vector (rows, width) to what follows its partner, (rows,)."""
    others, parts = torch.as_tensor(partner), []
    for batch in torch.arange(len(vectors)).split(ROWS):
        both = torch.cat([batch, others[batch]]).unique()  # of all rows these alone are held
        logits = lab.logits(fill(lab, prompt, vectors[both]))  # (both, vocab)
        for at in batch.split(64):
            first, second = (torch.searchsorted(both, rows) for rows in (at, others[at]))
            parts.append(measures.kl(logits[first], logits[second]))
    return torch.cat(parts).cpu().numpy()


def _ranks(lab: Lab, prompt: str, inputs: Tensor, outputs: list[Tensor]) -> list[np.ndarray]:
    """The rank of each output row behind the input row of the same number, ids (rows,): (rows,) each.

    1 is the likeliest, and ties count for it.
    """

    def ranks(batch: slice) -> Tensor:
        logits = lab.logits(fill(lab, prompt, lab.embed_ids(inputs[batch]))).cpu()  # (batch, vocab)
        return torch.stack([(logits > logits.gather(1, ids[batch, None])).sum(1) + 1 for ids in outputs])

    return list(torch.cat(lab.in_batches(ranks, len(inputs), None), dim=1).numpy())
