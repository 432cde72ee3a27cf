"""Sampling by hand: tables of one row a token, the usual logits processors, and nokens fed on a trigger."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab.decode.loop import Feed, Step
from nokenlab.lab import Lab
from nokenlab.measures import entropy, leading


def feed_on(lab: Lab, trigger: str, noken: Tensor) -> Feed:
    """A `feed` for `Lab.sample`: when the token `trigger` comes out, `noken` (width,) is fed in its place.

    `trigger` is one token as `lab.tokens` shows it, so " the" and "the" are two. The text keeps the token;
    only what the model reads next is changed. A trigger that never comes out changes nothing.
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
    """Every step of every row of `prompts` (rows, tokens, width), one row of the table a token.

    `seeds` name the rows (the seed that made each one's noken). Greedy without `draws`, else draws[i] seeds
    the drawing of row i. Columns: seed, step (from 0), token, id, probability and rank (the token's, in
    the model's own distribution), entropy (bits), top_5 (token and probability), fed (whether something
    other than the token's own embedding was fed next).
    """
    if len(seeds) != len(prompts):
        raise ValueError(f"one seed a row is needed: {len(prompts)} rows, {len(seeds)} seeds")
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"a seed comes twice in {list(seeds)}; the table could not tell the rows apart")
    steps = lab.sample(prompts, max_new_tokens, seeds=draws, processors=processors, feed=feed)
    table = pd.concat([_rows(lab, step, seeds) for step in steps])
    order = table["row"].to_numpy().argsort(kind="stable")  # row by row, each by step
    return table.drop(columns="row").iloc[order].reset_index(drop=True)


def responses(table: pd.DataFrame, lab: Lab) -> pd.Series:
    """The text of each seed of a `step_table`, as `lab.generate` gives it, indexed by seed."""
    kept = table[~table["id"].isin(lab.eos_ids)]
    texts = kept.groupby("seed", sort=False)["id"].agg(lambda ids: lab.text(ids.tolist()))
    return texts.reindex(table["seed"].unique(), fill_value="").rename("response")


def what_feeding_changed(plain: pd.DataFrame, fed: pd.DataFrame, lab: Lab) -> pd.DataFrame:
    """What feeding changed: two step tables of the same prompts, one row a seed.

    Columns: seed, fired (how often), at_step (the first time, None if never), changed (whether the text
    differs), plain and with_noken (the texts).
    """
    fired = fed[fed["fed"]].groupby("seed")["step"]
    table = pd.DataFrame({"plain": responses(plain, lab), "with_noken": responses(fed, lab)})
    table.insert(0, "changed", table["plain"] != table["with_noken"])
    table.insert(0, "at_step", fired.min().astype("Int64"))
    table.insert(0, "fired", fired.count().reindex(table.index, fill_value=0))
    return table.rename_axis("seed").reset_index()


def _rows(lab: Lab, step: Step, seeds: Sequence[int]) -> pd.DataFrame:
    rows = step.rows.tolist()
    chosen = step.probabilities.gather(1, step.ids[:, None])  # (running, 1)
    own = lab.embed_ids(step.ids)  # (running, width)
    return pd.DataFrame(
        {
            "row": rows,
            "seed": [seeds[row] for row in rows],
            "step": step.index,
            "token": [lab.token(id) for id in step.ids.tolist()],
            "id": step.ids.tolist(),
            "probability": chosen[:, 0].tolist(),
            "rank": ((step.probabilities > chosen).sum(dim=-1) + 1).tolist(),
            "entropy": entropy(step.logits).tolist(),
            "top_5": _top(lab, step.logits),
            "fed": (step.embeddings != own).any(dim=-1).tolist(),
        }
    )


def _top(lab: Lab, logits: Tensor, k: int = 5) -> list[str]:
    best = leading(lab, logits, k)
    shown = best["token"].map(repr) + best["probability"].map(" {:.2f}".format)
    return shown.groupby(best["row"]).agg(" · ".join).tolist()
