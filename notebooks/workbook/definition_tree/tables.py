"""The tree of all likely definitions of one vector, grown depth by depth over a shared KV cache.

After "Mapping the semantic void" (GPT-J): the tree of the centroid, five next tokens per node, and no branch
below a cumulative probability of 1e-5.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformers import Cache

from nokenlab.decode.forward import prefill
from nokenlab.decode.kv_cache import branch, join
from nokenlab.lab import Lab
from nokenlab.measures import entropy
from nokenlab.nokens import shell
from nokenlab.prompt import fill, word_vector
from workbook import scale

PROMPT = "A typical definition of '<noken>' would be '"
GOES_ON, ENDED, STOP, UNLIKELY, DEEP = "goes on", "end of text", "full stop", "too unlikely", "too deep"
COMPLETE = (ENDED, STOP)
CUTS = ["cut_rank", "cut_threshold", "cut_room"]
COLUMNS = ["node", "parent", "depth", "token", "id", "rank", "probability", "cumulative", "entropy"]
COLUMNS += [*CUTS, "ends", "text"]


def subject(lab: Lab, name: str, radius: float = 1.0) -> Tensor:
    """The vector to be defined, (width,), float32 on the CPU.

    "centroid"; "noken 3", the random noken of seed 3 at `radius` from the centroid, in units of
    `scale.unit`; or the last token of a word.
    """
    centroid = lab.space.centroid.cpu()
    if name == "centroid":
        return centroid
    if seed := re.fullmatch(r"noken (\d+)", name):
        return shell(centroid, [int(seed[1])], radius * scale.unit(lab))[0]
    return word_vector(lab, name)


def trees(
    lab: Lab, subjects: Sequence[str], prompt: str = PROMPT, radius: float = 1.0, **limits
) -> pd.DataFrame:
    """The tree of each subject in place of <noken>, within the limits of `grow`.

    Columns: model, subject, then those of `grow`.
    """
    prompts = {name: fill(lab, prompt, subject(lab, name, radius)) for name in subjects}
    grown = {name: grow(lab, x, **limits) for name, x in prompts.items()}
    table = pd.concat(grown, names=["subject"]).reset_index("subject").reset_index(drop=True)
    table.insert(0, "model", lab.name)
    return table


def grow(
    lab: Lab,
    prompt: Tensor,
    k: int = 5,
    threshold: float = 1e-4,
    depth: int = 24,
    widest: int = 1000,
    batch_size: int | None = None,
) -> pd.DataFrame:
    """The tree of what follows a prompt, embeddings (1, tokens, width): one row per node, depth by depth.

    A node's children are its `k` likeliest next tokens, without those whose cumulative probability (the
    product along the path) is under `threshold`, and without those for which a depth has no room: it takes
    the `widest` likeliest nodes, which bounds the memory. A branch ends with an end-of-sequence token, with a
    token that contains a full stop, or at `depth`.

    Columns: node (0 is the prompt), parent (-1 for none), depth, token, id, rank (1 to k among the next
    tokens), probability, cumulative, entropy (bits, of its next token; NaN if the model did not run there),
    cut_rank, cut_threshold, cut_room (the cumulative probability that goes on from here outside of the
    tree: not among the k, under the threshold, no room), ends ("goes on", or why it ends: "end of text",
    "full stop", "too unlikely": it has no child, "too deep"), text (so far).
    """
    lab.check_room(prompt.shape[1], depth)
    embeddings, mask = lab.batch(prompt)
    with lab.lock, torch.no_grad():
        logits, past = prefill(lab.model, embeddings, mask)
    root = {"parent": -1, "row": 0, "depth": 0, "token": "", "id": -1, "rank": 1}
    root |= {"probability": 1.0, "cumulative": 1.0, "ends": GOES_ON}
    best, parents, count = _likeliest(logits, k), pd.DataFrame(root, index=[0]), 1
    nodes, cuts = [parents], []
    for level in range(1, depth + 1):
        children, cut = _children(lab, parents, count, best, threshold, widest)
        nodes.append(children)
        cuts.append(cut)
        count += len(children)
        parents = children[children["ends"] == GOES_ON]
        if parents.empty or level == depth:
            break
        best, past = _step(lab, past, parents, k, batch_size)
    return _table(lab, pd.concat([part for part in nodes if len(part)]), pd.concat(cuts))


def _step(
    lab: Lab, past: Cache, nodes: pd.DataFrame, k: int, batch_size: int | None
) -> tuple[tuple[np.ndarray, ...], Cache]:
    """Feed the last tokens of nodes, each behind its parent's cache: what is likeliest next, their cache."""
    rows = torch.tensor(nodes["row"].to_numpy(), device=lab.device)
    embeddings = lab.embed_ids(torch.tensor(nodes["id"].to_numpy()))  # (nodes, width)
    tokens = past.get_seq_length()

    def step(part: slice) -> tuple[tuple[np.ndarray, ...], Cache]:
        with lab.lock, torch.no_grad():
            logits, cache = branch(lab.model, past, rows[part], embeddings[part], tokens)
            return _likeliest(logits, k), cache

    best, caches = zip(*lab.in_batches(step, len(nodes), batch_size), strict=True)
    return tuple(np.concatenate(values) for values in zip(*best, strict=True)), join(caches)


def _likeliest(logits: Tensor, k: int) -> tuple[np.ndarray, ...]:
    """The k likeliest tokens of logits (rows, vocab): probabilities and ids, (rows, k); entropy, (rows,)."""
    best = logits.double().softmax(dim=-1).topk(min(k, logits.shape[-1]), dim=-1)
    return best.values.cpu().numpy(), best.indices.cpu().numpy(), entropy(logits).cpu().numpy()


def _children(
    lab: Lab, parents: pd.DataFrame, first: int, best: tuple[np.ndarray, ...], threshold: float, widest: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The children of `parents` that stay, numbered from `first`; entropy and cuts of the parents, by node.

    Column row is the parent's row in `parents`, and so in the cache.
    """
    probability, ids, bits = best  # (rows, k), (rows, k), (rows,)
    before = parents["cumulative"].to_numpy()
    mass = before[:, None] * probability
    likely = mass >= threshold
    order = np.argsort(-np.where(likely, mass, -1), axis=None, kind="stable")
    stays = np.zeros(mass.shape, dtype=bool)
    stays.flat[order[: min(widest, likely.sum())]] = True
    cut = {
        "entropy": bits,
        "cut_rank": (before - mass.sum(-1)).clip(0),  # rounding can leave -1e-17
        "cut_threshold": np.where(likely, 0, mass).sum(-1),
        "cut_room": np.where(likely & ~stays, mass, 0).sum(-1),
    }
    row, rank = stays.nonzero()
    tokens = {id: lab.token(id) for id in set(ids[stays].tolist())}
    children = {
        "parent": parents.index.to_numpy()[row],
        "row": row,
        "depth": parents["depth"].iloc[0] + 1,
        "token": [tokens[id] for id in ids[stays].tolist()],
        "id": ids[stays].tolist(),
        "rank": rank + 1,
        "probability": probability[stays],
        "cumulative": mass[stays],
    }
    children["ends"] = [_ends(lab, id, tokens[id]) for id in children["id"]]
    index = range(first, first + len(row))
    return pd.DataFrame(children, index=index), pd.DataFrame(cut, index=parents.index)


def _ends(lab: Lab, id: int, token: str) -> str:
    if id in lab.eos_ids:
        return ENDED
    return STOP if "." in token else GOES_ON


def _table(lab: Lab, nodes: pd.DataFrame, cuts: pd.DataFrame) -> pd.DataFrame:
    """All depths as one table, with why each branch ends and the text so far."""
    nodes = nodes.join(cuts)
    nodes[CUTS] = nodes[CUTS].fillna(0.0)
    childless = (nodes["ends"] == GOES_ON) & ~nodes.index.isin(nodes["parent"])
    nodes.loc[childless, "ends"] = np.where(nodes.loc[childless, "entropy"].isna(), DEEP, UNLIKELY)
    paths = {0: []}
    for node, parent, id in nodes[["parent", "id"]].iloc[1:].itertuples(name=None):
        paths[node] = [*paths[parent], id]
    skipped = set(lab.eos_ids)
    texts = [lab.text([id for id in path if id not in skipped]) for path in paths.values()]
    return nodes.assign(text=texts).rename_axis("node").reset_index()[COLUMNS]
