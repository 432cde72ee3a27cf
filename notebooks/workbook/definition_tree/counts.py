"""What is counted about definition trees: where the probability goes, which texts end, what trees share."""

from itertools import combinations

import numpy as np
import pandas as pd

from workbook.definition_tree.tables import COMPLETE, CUTS, GOES_ON
from workbook.definitions.tables import first_sentence


def by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """Where all the probability is after each token, from a `trees` table: one row per subject and depth.

    on + ended + cut_rank + cut_threshold + cut_room is 1. Columns: subject, depth, nodes, on (in branches
    that have not ended), ended (in those that have, at this depth or before), inside (on + ended: still in
    the tree), cut_rank, cut_threshold, cut_room (left the tree at this depth or before), entropy (bits, of
    the next token: the mean of this depth's nodes where the model ran, weighted by cumulative probability).
    """
    complete, cumulative = table["ends"].isin(COMPLETE), table["cumulative"]
    masses = table.assign(
        on=cumulative.where(~complete, 0),
        ended=cumulative.where(complete, 0),
        weight=cumulative.where(table["entropy"].notna(), 0),
        bits=(cumulative * table["entropy"]).fillna(0),
    )
    by = masses.groupby(["subject", "depth"], sort=False)
    depths = by[["on", "ended", *CUTS, "weight", "bits"]].sum()
    depths["entropy"] = depths.pop("bits") / depths.pop("weight").replace(0, np.nan)
    depths.insert(0, "nodes", by.size())
    by_subject = depths.groupby("subject", sort=False)
    depths["ended"] = by_subject["ended"].cumsum()
    depths.insert(3, "inside", depths["on"] + depths["ended"])
    depths[CUTS] = by_subject[CUTS].shift(fill_value=0.0)  # what follows a node is one deeper
    depths[CUTS] = depths.groupby("subject", sort=False)[CUTS].cumsum()
    return depths.reset_index()


def branches(table: pd.DataFrame) -> pd.DataFrame:
    """The ends of all branches, from a `trees` table: complete definitions first, each kind likeliest first.

    Columns: subject, complete (it ended by itself), ends, tokens, cumulative, greedy (always the likeliest
    next token led here), text (up to its full stop).
    """
    ends = table[(table["ends"] != GOES_ON) & (table["depth"] > 0)].rename(columns={"depth": "tokens"})
    ends = ends.assign(
        complete=ends["ends"].isin(COMPLETE),
        greedy=greedy(table)[ends.index],
        text=ends["text"].map(first_sentence),
        order=pd.factorize(table["subject"])[0][ends.index],
    )
    ends = ends.sort_values(["order", "complete", "cumulative"], ascending=[True, False, False])
    columns = ["subject", "complete", "ends", "tokens", "cumulative", "greedy", "text"]
    return ends[columns].reset_index(drop=True)


def greedy(table: pd.DataFrame) -> pd.Series:
    """Whether a node is on the greedy path, always the likeliest next token: one bool per row."""
    parts = []
    for _, tree in table.groupby("subject", sort=False):
        on_path: dict[int, bool] = {-1: True}
        for node, parent, rank in zip(tree["node"], tree["parent"], tree["rank"], strict=True):
            on_path[node] = on_path[parent] and rank == 1
        parts.append(pd.Series([on_path[node] for node in tree["node"]], index=tree.index))
    return pd.concat(parts)


def by_subject(table: pd.DataFrame) -> pd.DataFrame:
    """One row per subject, from a `trees` table.

    Columns: subject, nodes, deepest (tokens), first (bits: entropy of the first next token), complete
    (definitions that ended by themselves), mass (their probability), half (how many of them, likeliest
    first, hold half of that mass), spread (bits: entropy among them), greedy (how far the greedy path
    goes in the tree), greedy_mass (the cumulative probability of its end).
    """
    on_path, ends, rows = greedy(table), branches(table), []
    for name, tree in table.groupby("subject", sort=False):
        complete = ends[(ends["subject"] == name) & ends["complete"]]["cumulative"]
        row = {"subject": name, "nodes": len(tree), "deepest": tree["depth"].max()}
        row |= {"first": tree["entropy"].iloc[0], "complete": len(complete), "mass": complete.sum()}
        share = complete.to_numpy() / complete.sum()
        row["half"] = int((share.cumsum() < 0.5).sum()) + 1 if len(share) else None
        row["spread"] = -(share * np.log2(share)).sum() + 0.0 if len(share) else None
        last = tree[on_path[tree.index]].iloc[-1]
        rows.append(row | {"greedy": last["text"], "greedy_mass": last["cumulative"]})
    return pd.DataFrame(rows).astype({"half": "Int64", "spread": "Float64"})  # which may be missing


def overlap(table: pd.DataFrame) -> pd.DataFrame:
    """What two trees share after each number of tokens, from a `trees` table: one row per pair and depth.

    A tree's texts after n tokens are those of its nodes of depth n, and of those that ended before.
    Columns: a, b, depth, shared (the smaller of both probabilities of each text, summed; the complete
    distributions share at least this), mass_a, mass_b (of all the texts of each tree), share (shared /
    the smaller of these).
    """
    subjects, deepest, rows = list(table["subject"].unique()), table.groupby("subject")["depth"].max(), []
    for a, b in combinations(subjects, 2):
        for depth in range(1, deepest[[a, b]].min() + 1):
            texts_a, texts_b = _texts(table, a, depth), _texts(table, b, depth)
            shared = pd.concat([texts_a, texts_b], axis=1, join="inner").min(axis=1).sum()
            row = {"a": a, "b": b, "depth": depth, "shared": shared}
            row |= {"mass_a": texts_a.sum(), "mass_b": texts_b.sum()}
            rows.append(row | {"share": shared / min(row["mass_a"], row["mass_b"])})
    return pd.DataFrame(rows, columns=["a", "b", "depth", "shared", "mass_a", "mass_b", "share"])


def _texts(table: pd.DataFrame, subject: str, depth: int) -> pd.Series:
    """The probability of each text of a tree after so many tokens; the same text by other tokens adds up."""
    ended = table["ends"].isin(COMPLETE) & (table["depth"] < depth)
    texts = table[(table["subject"] == subject) & (ended | (table["depth"] == depth))]
    return texts.groupby("text")["cumulative"].sum()
