"""What is counted about definition trees: where the probability goes, what gets said, what two share."""

from itertools import combinations

import pandas as pd
import torch

from workbook.definition_tree.tables import COMPLETE, CUTS, GOES_ON
from workbook.definitions.tables import first_sentence


def by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """Where all the probability is after each token, from a `trees` table: a row a subject and depth.

    on + ended + cut_rank + cut_threshold + cut_room is 1. Columns: subject, depth, nodes, on (in
    branches that have not ended), ended (in those that have, at this depth or before), inside (on +
    ended: still in the tree), cut_rank, cut_threshold, cut_room (left the tree at this depth or before),
    entropy (bits, of the next token: the mean of this depth's nodes that were asked, each weighing its
    cumulative probability).
    """
    complete = table["ends"].isin(COMPLETE)
    masses = table.assign(
        on=table["cumulative"].where(~complete, 0),
        ended=table["cumulative"].where(complete, 0),
        asked=table["cumulative"].where(table["entropy"].notna(), 0),
        bits=(table["cumulative"] * table["entropy"]).fillna(0),
    )
    by = masses.groupby(["subject", "depth"], sort=False)
    found = by[["on", "ended", *CUTS, "asked", "bits"]].sum()
    found["entropy"] = found.pop("bits") / found.pop("asked").where(lambda asked: asked > 0)
    found.insert(0, "nodes", by.size())
    found["ended"] = found.groupby("subject", sort=False)["ended"].cumsum()
    found.insert(3, "inside", found["on"] + found["ended"])
    before = found.groupby("subject", sort=False)[CUTS].shift(fill_value=0.0)  # what follows a node is deeper
    found[CUTS] = before.groupby("subject", sort=False).cumsum()
    return found.reset_index()


def branches(table: pd.DataFrame) -> pd.DataFrame:
    """The ends of all branches, from a `trees` table: whole definitions first, each kind likeliest first.

    Columns: subject, complete (ended by itself), ends, tokens, cumulative, greedy (always the likeliest
    next token led here), text (up to its full stop).
    """
    ends = table[(table["ends"] != GOES_ON) & (table["depth"] > 0)]
    found = pd.DataFrame(
        {
            "subject": ends["subject"],
            "complete": ends["ends"].isin(COMPLETE),
            "ends": ends["ends"],
            "tokens": ends["depth"],
            "cumulative": ends["cumulative"],
            "greedy": greedy(table)[ends.index],
            "text": ends["text"].map(first_sentence),
        }
    )
    order = {name: i for i, name in enumerate(table["subject"].unique())}
    found = found.sort_values("cumulative", ascending=False, kind="stable")
    found = found.sort_values("complete", ascending=False, kind="stable")
    return found.sort_values("subject", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def greedy(table: pd.DataFrame) -> pd.Series:
    """Whether a node is on the greedy path: always the likeliest next token. One bool a row of the table."""
    parts = []
    for _, tree in table.groupby("subject", sort=False):
        on: dict[int, bool] = {-1: True}
        for node, parent, rank in zip(tree["node"], tree["parent"], tree["rank"], strict=True):
            on[node] = on[parent] and rank == 1
        parts.append(pd.Series([on[node] for node in tree["node"]], index=tree.index))
    return pd.concat(parts)


def by_subject(table: pd.DataFrame) -> pd.DataFrame:
    """A row a subject, from a `trees` table.

    Columns: subject, nodes, deepest (tokens), first (bits: entropy of the first next token), complete
    (definitions that ended by themselves), mass (their probability), half (how many of them, likeliest
    first, hold half of that mass), spread (bits: entropy among them), greedy (how far the greedy path
    goes in the tree), greedy_mass (the cumulative probability of its end).
    """
    on_path, ends, rows = greedy(table), branches(table), []
    for name, tree in table.groupby("subject", sort=False):
        whole = ends[(ends["subject"] == name) & ends["complete"]]["cumulative"]
        share = torch.tensor((whole / whole.sum()).tolist(), dtype=torch.float64)
        half = int((share.cumsum(0) < 0.5).sum()) + 1 if len(share) else None
        spread = -(share * share.log2()).sum().item() + 0.0 if len(share) else None
        last = tree[on_path[tree.index]].iloc[-1]
        first = tree["entropy"].iloc[0]
        mass = (len(whole), whole.sum(), half, spread)
        rows.append((name, len(tree), tree["depth"].max(), first, *mass, last["text"], last["cumulative"]))
    names = ["subject", "nodes", "deepest", "first", "complete", "mass", "half", "spread"]
    found = pd.DataFrame(rows, columns=[*names, "greedy", "greedy_mass"])
    return found.astype({"half": "Int64", "spread": "Float64"})  # which may be missing


def overlap(table: pd.DataFrame) -> pd.DataFrame:
    """What each two trees share after so many tokens, from a `trees` table: a row a pair and depth.

    A tree's texts after n tokens are those of its nodes of depth n, and of those that ended before.
    Columns: a, b, depth, shared (the smaller of both probabilities of each text, summed; the whole
    distributions share at least this), mass_a, mass_b (of all the texts of each tree), share (shared /
    the smaller of these).
    """
    subjects, deepest, rows = list(table["subject"].unique()), table.groupby("subject")["depth"].max(), []
    for a, b in combinations(subjects, 2):
        for depth in range(1, deepest[[a, b]].min() + 1):
            one, other = _texts(table, a, depth), _texts(table, b, depth)
            both = pd.concat([one, other], axis=1, join="inner").min(axis=1).sum()
            rows.append((a, b, depth, both, one.sum(), other.sum(), both / min(one.sum(), other.sum())))
    return pd.DataFrame(rows, columns=["a", "b", "depth", "shared", "mass_a", "mass_b", "share"])


def _texts(table: pd.DataFrame, subject: str, depth: int) -> pd.Series:
    """The probability of each text of a tree after so many tokens; the same text by other tokens adds up."""
    ended = table["ends"].isin(COMPLETE) & (table["depth"] < depth)
    some = table[(table["subject"] == subject) & (ended | (table["depth"] == depth))]
    return some.groupby("text")["cumulative"].sum()
