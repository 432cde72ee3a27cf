"""Sampling step by step: tables of one row per token, and a noken fed where a token comes out."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab.decode.loop import Feed, Step
from nokenlab.lab import Lab
from nokenlab.measures import entropy, leading


def feed_on(lab: Lab, trigger: str, noken: Tensor) -> Feed:
    """A `feed` for `Lab.sample`: when the token `trigger` comes out, `noken` (width,) is fed in its place.

    `trigger` is one token as `lab.tokens` shows it: " the" and "the" differ. The text keeps the token; only
    what the model reads next is changed.
    """
    noken = noken.to(lab.device, lab.dtype)

    def feed(step: Step) -> Tensor:
        fired = [lab.token(id) == trigger for id in step.ids.tolist()]
        return torch.where(torch.tensor(fired, device=lab.device)[:, None], noken, step.embeddings)

    return feed


def step_table(
    lab: Lab,
    prompts: Tensor,
    seeds: Sequence[int],
    max_new_tokens: int = 20,
    *,
    draws: Sequence[int] | None = None,
    processors: Sequence = (),
    feed: Feed | None = None,
) -> pd.DataFrame:
    """Every step of every row of `prompts` (rows, tokens, width): one row per token.

    `seeds` name the rows (the seed of each one's noken, different). Greedy without `draws`, else row i is
    drawn with seed draws[i]. Columns: seed, step (from 0), token, id, probability and rank (the token's, in
    the model's own distribution), entropy (bits), top_5 (token and probability), fed (whether something
    other than the token's own embedding was fed next).
    """
    steps = lab.sample(prompts, max_new_tokens, seeds=draws, processors=processors, feed=feed)
    table = pd.concat([_step_rows(lab, step) for step in steps])
    table = table.sort_values("row", kind="stable", ignore_index=True)  # row by row, each by step
    table.insert(0, "seed", [seeds[row] for row in table.pop("row")])
    return table


def _step_rows(lab: Lab, step: Step) -> pd.DataFrame:
    chosen = step.probabilities.gather(1, step.ids[:, None])  # (running, 1)
    embeddings = lab.embed_ids(step.ids)  # (running, width)
    return pd.DataFrame(
        {
            "row": step.rows.tolist(),
            "step": step.index,
            "token": [lab.token(id) for id in step.ids.tolist()],
            "id": step.ids.tolist(),
            "probability": chosen[:, 0].tolist(),
            "rank": ((step.probabilities > chosen).sum(dim=-1) + 1).tolist(),
            "entropy": entropy(step.logits).tolist(),
            "top_5": _top_5(lab, step.logits),
            "fed": (step.embeddings != embeddings).any(dim=-1).tolist(),
        }
    )


def _top_5(lab: Lab, logits: Tensor) -> list[str]:
    best = leading(lab, logits, 5)
    texts = best["token"].map(repr) + best["probability"].map(" {:.2f}".format)
    return texts.groupby(best["row"]).agg(" · ".join).tolist()


def responses(table: pd.DataFrame, lab: Lab) -> pd.Series:
    """The text of each seed of a `step_table`, as `lab.generate` gives it, indexed by seed."""
    tokens = table[~table["id"].isin(lab.eos_ids)]
    texts = tokens.groupby("seed", sort=False)["id"].agg(lambda ids: lab.text(ids.tolist()))
    return texts.reindex(table["seed"].unique(), fill_value="").rename("response")


def what_feeding_changed(plain: pd.DataFrame, fed: pd.DataFrame, lab: Lab) -> pd.DataFrame:
    """Two step tables of the same prompts, without and with feeding, compared: one row per seed.

    Columns: seed, fired (how often), at_step (the first time, missing if never), changed (whether the text
    differs), plain and with_noken (the texts).
    """
    fired = fed[fed["fed"]].groupby("seed")["step"]
    table = pd.DataFrame({"plain": responses(plain, lab), "with_noken": responses(fed, lab)})
    table.insert(0, "changed", table["plain"] != table["with_noken"])
    table.insert(0, "at_step", fired.min().astype("Int64"))
    table.insert(0, "fired", fired.count().reindex(table.index, fill_value=0))
    return table.rename_axis("seed").reset_index()
