"""Not read, or not said? Half-trained tokens as inputs and as outputs, apart.

One table reads and says in a model with tied weights, so a token that is never said again may fail at either
end. An untied head lets an input row meet another token's output row.
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
from workbook.half_trained_tokens.tables import CANDIDATE, MATCHED, vectors_of

UNREAD = 0.05  # of the KL between matched tokens, at most
ROWS = 64  # distributions that are compared at once


def untied(lab: Lab) -> Lab:
    """The same model with output rows of its own, a copy: they may be changed, and `lab` stays as it is.

    All other weights are shared. The rows are `model.get_output_embeddings().weight`, (vocab, width).
    """
    model = copy.copy(lab.model)
    model._modules = dict(lab.model._modules)  # else the head would be exchanged in both
    model.set_output_embeddings(copy.deepcopy(lab.model.get_output_embeddings()))
    return Lab(model, lab.tokenizer, lab.name, lab.revision)


def swap_rows(lab: Lab, ids: Tensor, others: Tensor) -> None:
    """Exchange the output rows of tokens, one to one, in place: for a lab that `untied` gave."""
    head = lab.model.get_output_embeddings()
    with torch.no_grad():
        for values in filter(lambda values: values is not None, (head.weight, head.bias)):
            values[torch.cat([ids, others])] = values[torch.cat([others, ids])].clone()


def ring(table: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """For each pair of a `verified` table another pair, (pairs,): the next one, strong ones first.

    Within strong, weak and other candidates the order is random: neighbours by the indicator may have one
    and the same vector, and are not compared with each other alone.
    """
    rows = table[table["of"] == CANDIDATE].sort_values("pair")
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    order = np.lexsort([shuffled, -rows["weak"], -rows["strong"]])
    partner = np.empty(len(rows), dtype=int)
    partner[order] = np.roll(order, -1)
    return partner


def reads(lab: Lab, table: pd.DataFrame, prompts: list[str], seed: int = 0) -> pd.DataFrame:
    """Does it matter which token is read? The next token after it, beside that after another of its kind.

    Columns: prompt, pair, of, id, partner (the other's id, see `ring`), strong, weak (whether both candidates
    are), distance (of the two inputs), reads_kl (bits, from its distribution to the partner's).
    """
    partner, parts = ring(table, seed), []
    flags = table[table["of"] == CANDIDATE].sort_values("pair")[["strong", "weak"]].to_numpy()
    both = flags & flags[partner]
    for prompt in prompts:
        for of, rows in table.groupby("of", sort=False):
            ids = rows.sort_values("pair")["id"].to_numpy()
            vectors = vectors_of(lab, ids.tolist())
            columns = {"id": ids, "partner": ids[partner], "strong": both[:, 0], "weak": both[:, 1]}
            columns["distance"] = (vectors - vectors[partner]).float().norm(dim=-1).tolist()
            columns["reads_kl"] = _divergence(lab.logits(fill(lab, prompt, vectors)), partner)
            parts.append(pd.DataFrame({"prompt": prompt, "pair": range(len(ids)), "of": of} | columns))
    return pd.concat(parts, ignore_index=True)


def says(lab: Lab, table: pd.DataFrame, prompts: list[str], seed: int = 0) -> pd.DataFrame:
    """Where an output row ranks behind an input row of its own or of another token: a row a pair and prompt.

    In prompts that ask to repeat. An untied head whose rows are swapped exchanges two logits and leaves all
    others, so the healthy row in a glitch token's place is read off where the healthy token stands.
    Columns: prompt, pair, strong, weak, and ranks: own_glitch, other_glitch (the candidate's row behind its
    own input, behind another candidate's), healthy_in (behind its partner's input), own_healthy,
    other_healthy (the partner's row behind its own input, behind another matched token's), glitch_in (behind
    the candidate's).
    """
    other, parts = ring(table, seed), []
    sides = {of: rows.sort_values("pair") for of, rows in table.groupby("of")}
    glitch, healthy = (torch.tensor(sides[of]["id"].to_numpy()) for of in (CANDIDATE, MATCHED))
    for prompt in prompts:
        after_glitch, after_healthy = (
            lab.logits(fill(lab, prompt, vectors_of(lab, ids.tolist()))).cpu() for ids in (glitch, healthy)
        )
        columns = {
            "own_glitch": _ranks(after_glitch, glitch),
            "other_glitch": _ranks(after_glitch, glitch, other),
            "healthy_in": _ranks(after_healthy, glitch),
            "own_healthy": _ranks(after_healthy, healthy),
            "other_healthy": _ranks(after_healthy, healthy, other),
            "glitch_in": _ranks(after_glitch, healthy),
        }
        flags = {name: sides[CANDIDATE][name].to_numpy() for name in ("strong", "weak")}
        parts.append(pd.DataFrame({"prompt": prompt, "pair": range(len(glitch))} | flags | columns))
    return pd.concat(parts, ignore_index=True)


def walk(lab: Lab, table: pd.DataFrame, prompts: list[str], count: int = 30, steps: int = 20) -> pd.DataFrame:
    """Healthy tokens on their way to the untrained centre, and to the centroid: what is left of reading?

    The first `count` matched tokens, those that are verified last. At each place a token is compared with the
    next one, gone as far. Columns: prompt, to, id, token, alpha (0 is the token, 1 the centre), reads_kl
    (bits), left (the same as a share of that at 0).
    """
    rows = table[table["of"] == MATCHED].sort_values(["weak", "pair"], kind="stable").head(count)
    starts, alphas = vectors_of(lab, rows["id"].tolist()).float().cpu(), np.linspace(0, 1, steps + 1)
    centre = embedding_space.untrained(lab)[1].median(dim=0).values
    ends = {"untrained centre": centre.cpu(), "centroid": lab.space.centroid.cpu()}
    partner, parts = np.roll(np.arange(len(rows)), -1), []
    for prompt in prompts:
        for to, end in ends.items():
            way = torch.stack([lerp(start, end, alphas.tolist()) for start in starts], dim=1)
            logits = lab.logits(fill(lab, prompt, way.flatten(0, 1))).view(len(alphas), len(rows), -1)
            found = [_divergence(some, partner) for some in logits]
            for alpha, values in zip(alphas, found, strict=True):
                left = values / np.maximum(found[0], 1e-12)
                columns = {"id": rows["id"], "token": rows["token"], "alpha": alpha, "reads_kl": values}
                parts.append(pd.DataFrame({"prompt": prompt, "to": to} | columns | {"left": left}))
    return pd.concat(parts, ignore_index=True)


def lost(walked: pd.DataFrame) -> pd.DataFrame:
    """Where each token of a `walk` table stops being read: the first alpha with under 5 % left.

    Between two places it is read off a straight line. Columns: prompt, to, id, token, alpha_lost.
    """
    keys = ["prompt", "to", "id", "token"]
    found = walked.groupby(keys, sort=False)[["alpha", "left"]].apply(_crossing)
    return found.rename("alpha_lost").reset_index()


def _crossing(rows: pd.DataFrame) -> float:
    alpha, left = rows["alpha"].to_numpy(), rows["left"].to_numpy()
    at = int((left < UNREAD).argmax())
    before = max(at - 1, 0)
    return float(np.interp(-UNREAD, [-left[before], -left[at]], [alpha[before], alpha[at]]))


def _divergence(logits: Tensor, partner: np.ndarray) -> np.ndarray:
    """KL in bits from each row (rows, vocab) to its partner's, (rows,)."""
    others = torch.as_tensor(partner)
    parts = [measures.kl(logits[at], logits[others[at]]) for at in torch.arange(len(logits)).split(ROWS)]
    return torch.cat(parts).cpu().numpy()


def _ranks(logits: Tensor, ids: Tensor, rows: np.ndarray | None = None) -> np.ndarray:
    """The rank of ids[i] in row i, or in row rows[i], of logits (rows, vocab); 1 is the likeliest."""
    at = torch.arange(len(ids)) if rows is None else torch.as_tensor(rows)
    found = [(logits[some] > logits[some, id][:, None]).sum(1) + 1 for some, id in _split(at, ids)]
    return torch.cat(found).numpy()


def _split(*columns: Tensor) -> zip:
    return zip(*(column.split(ROWS) for column in columns), strict=True)
