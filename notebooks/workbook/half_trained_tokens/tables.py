"""Half-trained tokens: candidates by an indicator, verified by asking for them, beside matched tokens.

After "Fishing for Magikarp" (Land and Bartolo, 2024). What of them is read and said stands in `read_or_said`.
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
    """Magikarp's three ways to ask for a token, in our words: each ends where only it can come next.

    A machine gives back what is put in, so many `trials` long; an answer names the word that was asked for; a
    thing is written two and a half times as often. They have 20 trials and 50 times, and look at three new
    tokens, we at one. Of 132 tokens 8 trials and 20 judge all but one alike.
    """
    back = f"\nIn: «{NOKEN}»\nOut: «"
    return [
        "A machine gives back whatever is put in." + f"{back}{NOKEN}»" * trials + back,
        "Question: What is 'qxzvu'?\nAnswer: 'qxzvu' is no word that I know."
        f"\nQuestion: What is '{NOKEN}'?\nAnswer: '",
        "The same thing is written here over and over:\n" + NOKEN * (5 * trials // 2),
    ]


def candidates_of(lab: Lab, share: float) -> int:
    """How many candidates a share of all tokens is, at least 2."""
    return max(2, int(share * len(lab.space)))


def pairs(lab: Lab, share: float = 0.02, seed: int = 0) -> pd.DataFrame:
    """The share of all tokens nearest to what was hardly trained, each with a healthy partner: a row a token.

    Columns: pair, of ("candidate", "matched token": of the same leading space and decile), id, token, rank
    (of the pair's candidate, by the indicator), space (in front), decile (of the id among all tokens', 0 to
    9), indicator (distance to the middle of what was hardly trained). See `glitch_candidates` and
    `matched_ids` in `embedding_space`, which raises ValueError where there are too few partners.
    """
    near = embedding_space.glitch_candidates(lab, len(lab.space))
    count = candidates_of(lab, share)
    candidates = near["id"][:count].tolist()
    ids = candidates + embedding_space.matched_ids(lab, candidates, seed)
    numbers = list(range(count))
    names = [lab.token(id) for id in ids]
    return pd.DataFrame(
        {
            "pair": numbers * 2,
            "of": [CANDIDATE] * count + [MATCHED] * count,
            "id": ids,
            "token": names,
            "rank": [number + 1 for number in numbers] * 2,
            "space": [name.startswith(" ") for name in names],
            "decile": (lab.space.rows(torch.tensor(ids)) * 10 // len(lab.space)).tolist(),
            "indicator": near.set_index("id")["distance"][ids].tolist(),
        }
    )


def vectors_of(lab: Lab, ids: list[int]) -> Tensor:
    """The embeddings of tokens, (ids, width)."""
    return lab.space.vectors[lab.space.rows(torch.tensor(ids)).to(lab.device)]


def fill_all(lab: Lab, prompt: str, vectors: Tensor) -> Tensor:
    """A prompt with the same vector at every <noken>, one row per vector: (vectors, tokens, width)."""
    return fill(lab, prompt, vectors[:, None].expand(-1, prompt.count(NOKEN), -1))


def verified(lab: Lab, table: pd.DataFrame, prompts: list[str]) -> pd.DataFrame:
    """A `pairs` table and how likely each token is said in prompts where only it can come next.

    Further columns: max_prob (its highest probability in all of these prompts), strong, weak (1 where that is
    below 0.001, 0.1; else 0).
    """
    ids = torch.tensor(table["id"].tolist())
    vectors = vectors_of(lab, ids.tolist())

    def said(some: slice) -> Tensor:
        """(rows, ways)"""
        own = ids[some, None].to(lab.device)
        logits = (lab.logits(fill_all(lab, prompt, vectors[some])) for prompt in prompts)
        return torch.cat([row.softmax(-1).gather(1, own) for row in logits], dim=1).cpu()

    most = torch.cat(lab.in_batches(said, len(ids), None)).max(dim=1).values.numpy()
    return table.assign(max_prob=most, strong=(most < STRONG).astype(int), weak=(most < WEAK).astype(int))


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """Which share of the first candidates by the indicator is verified, from a `verified` table.

    Columns: of, rank (so many first ones), strong, weak (shares). Matched tokens are in the order of their
    candidates.
    """
    parts = []
    for of, rows in table.groupby("of", sort=False):
        rows = rows.sort_values("rank")
        shares = rows[["strong", "weak"]].expanding().mean()
        parts.append(shares.assign(of=of, rank=np.arange(1, len(rows) + 1)))
    return pd.concat(parts, ignore_index=True)[["of", "rank", "strong", "weak"]]


def told(table: pd.DataFrame, reads: pd.DataFrame, says: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """All that is known of each token, a row a token: a `verified` table with what `read_or_said` found.

    Further columns: reads_kl (bits, mean over prompts), says_rank (of its output row behind another, healthy
    token; median over prompts), alpha_lost (mean over prompts, on the way to the untrained centre; empty for
    tokens that did not walk).
    """
    ranks = says.groupby("pair")[["healthy_in", "other_healthy"]].median()
    candidate = table["of"] == CANDIDATE
    places = table["pair"]
    walked = lost[lost["to"] == "untrained centre"].groupby("id")["alpha_lost"].mean()
    return table.assign(
        reads_kl=table["id"].map(reads.groupby("id")["reads_kl"].mean()),
        says_rank=np.where(candidate, places.map(ranks["healthy_in"]), places.map(ranks["other_healthy"])),
        alpha_lost=table["id"].map(walked),
    )
