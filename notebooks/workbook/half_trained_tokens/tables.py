"""Half-trained tokens: candidates by an indicator, verified by asking for them, beside matched tokens.

After "Fishing for Magikarp" (Land and Bartolo, 2024). Whether they are read and said is in `read_or_said`.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.lab import Lab
from nokenlab.prompt import NOKEN, fill
from workbook.embedding_space import tables as embedding_space

CANDIDATE, MATCHED = "candidate", "matched token"
STRONG, WEAK = 0.001, 0.1  # below: never said, hardly said; Magikarp's


def verify_prompts(trials: int = 8) -> list[str]:
    """Magikarp's three prompts for a token, in our words: each ends where only the token can come next.

    A machine gives back its input, `trials` times; an answer names the word that was asked about; a thing is
    written two and a half times as often. The paper has 20 trials and 50 times, and looks at three new
    tokens; here it is one. Of 132 tokens 8 trials and 20 judge all but one alike.
    """
    back = f"\nIn: «{NOKEN}»\nOut: «"
    return [
        "A machine gives back whatever is put in." + f"{back}{NOKEN}»" * trials + back,
        "Question: What is 'qxzvu'?\nAnswer: 'qxzvu' is no word that I know."
        f"\nQuestion: What is '{NOKEN}'?\nAnswer: '",
        "The same thing is written here over and over:\n" + NOKEN * (5 * trials // 2),
    ]


def pairs(lab: Lab, count: int, seed: int = 0) -> pd.DataFrame:
    """The `count` tokens nearest to the untrained ones, each with a healthy partner: one row per token.

    Columns: pair, of ("candidate", "matched token": of the same leading space and decile), id, token, rank
    (of the pair's candidate, by the indicator), space (in front), decile (of the id among all tokens', 0 to
    9), indicator (distance to the centre of the untrained). See `glitch_candidates` and `matched_ids` in
    `embedding_space`, which raises ValueError where there are too few partners.
    """
    near = embedding_space.glitch_candidates(lab, len(lab.space))
    candidates = near["id"][:count].tolist()
    ids = candidates + embedding_space.matched_ids(lab, candidates, seed)
    table = pd.DataFrame({"pair": np.tile(range(count), 2), "of": np.repeat([CANDIDATE, MATCHED], count)})
    table["id"] = ids
    table["token"] = [lab.token(id) for id in ids]
    table["rank"] = table["pair"] + 1
    table["space"] = table["token"].str.startswith(" ")
    table["decile"] = (lab.space.rows(torch.tensor(ids)) * 10 // len(lab.space)).tolist()
    table["indicator"] = near.set_index("id")["distance"][ids].tolist()
    return table


def verify(lab: Lab, pairs: pd.DataFrame, prompts: list[str]) -> pd.DataFrame:
    """A `pairs` table and how probable each token is in prompts where only it can come next.

    Further columns: max_prob (its highest probability in all of these prompts), strong, weak (1 where that is
    below 0.001, 0.1; else 0).
    """
    ids = torch.tensor(pairs["id"].tolist())
    vectors = lab.embed_ids(ids)

    def probabilities(batch: slice) -> Tensor:
        """(rows, prompts)"""
        tokens = ids[batch, None].to(lab.device)
        columns = []
        for prompt in prompts:
            x = fill(lab, prompt, vectors[batch, None].expand(-1, prompt.count(NOKEN), -1))
            columns.append(lab.logits(x).softmax(-1).gather(1, tokens))
        return torch.cat(columns, dim=1).cpu()

    most = torch.cat(lab.in_batches(probabilities, len(ids), None)).max(dim=1).values.numpy()
    return pairs.assign(max_prob=most, strong=(most < STRONG).astype(int), weak=(most < WEAK).astype(int))


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """The share of the first candidates by the indicator that is verified, from a `verify` table.

    Columns: of, rank (how many first candidates), strong, weak (shares). Matched tokens are in the order of
    their candidates.
    """
    table = table.sort_values(["of", "rank"], ignore_index=True)
    rank = table.groupby("of").cumcount().rename("rank") + 1
    shares = table.groupby("of")[["strong", "weak"]].expanding().mean().reset_index(drop=True)
    return pd.concat([table["of"], rank, shares], axis=1)


def summary(table: pd.DataFrame, reads: pd.DataFrame, says: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """All results of each token, one row per token: a `verify` table with those of `read_or_said`.

    Further columns: reads_kl (bits, mean over prompts), says_rank (of its output row behind another, healthy
    token; median over prompts), alpha_lost (mean over prompts, on the line to the untrained centre; empty for
    tokens that were not moved).
    """
    ranks = table["pair"].map(says.groupby("pair")["healthy_in"].median())
    matched_ranks = table["pair"].map(says.groupby("pair")["other_healthy"].median())
    walked = lost[lost["to"] == "untrained centre"].groupby("id")["alpha_lost"].mean()
    return table.assign(
        reads_kl=table["id"].map(reads.groupby("id")["reads_kl"].mean()),
        says_rank=ranks.where(table["of"] == CANDIDATE, matched_ranks),
        alpha_lost=table["id"].map(walked),
    )
