"""Texts that are written while mixtures are fed in place of the chosen tokens: greedy's words, or others?"""

import pandas as pd
import torch
from torch import Tensor

from nokenlab.decode.loop import Step
from nokenlab.lab import Lab
from nokenlab.measures import entropy
from workbook.soft_inputs.tables import METHODS, Draws, draws_of, mixture

GREEDY = "greedy"
RUN = 4  # tokens: so many in a row, met again, are a repetition
KEYS = ["frame", "prefix", "method"]


def steps(lab: Lab, prefixes: pd.DataFrame, max_new_tokens: int = 60, seed: int = 0) -> pd.DataFrame:
    """Each token of a text by each method, and greedily, where what is fed is the token itself.

    The likeliest token is written each time; what a method feeds is its mixture. `prefixes` as
    `soft_inputs.prefixes_of` has them; `seed` is for the first prefix's draws, seed + 1 for the second's.
    Columns: frame, prefix, method, step (from 0), id, entropy (bits, of the distribution it is chosen from),
    same (as greedy's token of that step; False once greedy has ended).
    """
    rows = prefixes[["frame", "prefix"]].merge(pd.DataFrame({"method": [GREEDY, *METHODS]}), how="cross")
    numbers = dict(zip(prefixes["prefix"], range(seed, seed + len(prefixes)), strict=True))
    seeds = rows["prefix"].map(numbers).tolist()

    def some_steps(some: slice) -> pd.DataFrame:
        draws = draws_of(lab, seeds[some], max_new_tokens)
        return _written(lab, rows[some].reset_index(drop=True), max_new_tokens, draws)

    table = pd.concat(lab.in_batches(some_steps, len(rows), None), ignore_index=True)
    greedy = table.loc[table["method"] == GREEDY, ["frame", "prefix", "step", "id"]]
    beside = table.merge(greedy, how="left", on=["frame", "prefix", "step"], suffixes=("", "_greedy"))
    return table.assign(same=(beside["id"] == beside["id_greedy"]).to_numpy())


def _written(lab: Lab, rows: pd.DataFrame, max_new_tokens: int, draws: Draws) -> pd.DataFrame:
    own = {method: torch.tensor((rows["method"] == method).to_numpy()) for method in METHODS}

    def feed(step: Step) -> Tensor:
        here, fed = step.rows.cpu(), step.embeddings.clone()
        for method, whose in own.items():
            if (mine := whose[here]).any():
                at = Draws(draws.noise[here[mine], step.index], draws.ids[here[mine], step.index])
                place = mine.to(fed.device)
                fed[place] = mixture(lab, method, step.logits[place], at).to(fed)
        return fed

    parts = []
    for step in lab.sample(rows["prefix"].tolist(), max_new_tokens, feed=feed):
        part = rows.iloc[step.rows.tolist()]
        said = {"step": step.index, "id": step.ids.tolist(), "entropy": entropy(step.logits).tolist()}
        parts.append(part.assign(**said))
    return pd.concat(parts, ignore_index=True)


def texts(lab: Lab, written: pd.DataFrame) -> pd.DataFrame:
    """The texts of `steps`, a row a prefix and method.

    Columns: frame, prefix, method, text, equal (to greedy's, token for token), same (the share of its tokens
    that are greedy's at that step), entropy (bits, mean of its steps), repeated (the share of its runs of
    RUN tokens that were there before; 0 for a text too short to have one), loops (more than half of them).
    """
    parts = []
    lengths = written[written["method"] == GREEDY].groupby(["frame", "prefix"], sort=False).size()
    for key, own in written.sort_values("step", kind="stable").groupby(KEYS, sort=False):
        ids = own["id"].tolist()
        text = lab.text([id for id in ids if id not in lab.eos_ids])
        equal = bool(own["same"].all()) and len(ids) == lengths[key[:2]]
        means = {"same": own["same"].mean(), "entropy": own["entropy"].mean()}
        parts.append(dict(zip(KEYS, key, strict=True)) | {"text": text, "equal": equal} | means)
        parts[-1] |= {"repeated": repeated(ids), "loops": repeated(ids) > 0.5}
    return pd.DataFrame(parts).assign(model=lab.name)


def repeated(ids: list[int]) -> float:
    """Which share of the runs of RUN ids in a row were there before."""
    runs = [tuple(ids[i : i + RUN]) for i in range(len(ids) - RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
