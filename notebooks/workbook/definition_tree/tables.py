"""The tree of all the likely definitions of one vector, grown a depth at a time over shared caches.

After "Mapping the semantic void" (GPT-J): the tree of the centroid, five next tokens a node, and no branch
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

PROMPT = "A typical definition of '<noken>' would be '"
GOES_ON, ENDED, STOP, UNLIKELY, DEEP = "goes on", "end of text", "full stop", "too unlikely", "too deep"
COMPLETE = (ENDED, STOP)
CUTS = ["cut_rank", "cut_threshold", "cut_room"]
COLUMNS = ["node", "parent", "depth", "token", "id", "rank", "probability", "cumulative", "entropy"]
COLUMNS += [*CUTS, "ends", "text"]


def subject(lab: Lab, name: str, radius: float = 1.0) -> Tensor:
    """What is to be defined, (width,), float32 on the CPU.

    "centroid"; "noken 3", the random noken of seed 3 at `radius` from the centroid; or a word, of whose
    tokens the last is taken.
    """
    c = lab.space.centroid.cpu()
    if name == "centroid":
        return c
    if seed := re.fullmatch(r"noken (\d+)", name):
        return shell(c, [int(seed[1])], radius)[0]
    return word_vector(lab, name)


def check(
    subjects: Sequence[str], k: int, threshold: float, depth: int, widest: int, radius: float = 1.0
) -> None:
    """Raises ValueError, in one line, for settings of which no tree can be grown."""
    if not subjects or not all(name.strip() for name in subjects) or len(set(subjects)) < len(subjects):
        raise ValueError(f"subjects are one or more names, each once; got {subjects}")
    if min(k, depth, widest) < 1:
        raise ValueError(f"k, depth and widest are at least 1; got {k}, {depth}, {widest}")
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold is a probability from 0 to below 1; got {threshold}")
    if not 0 <= radius < np.inf:
        raise ValueError(f"radius is a finite number, 0 or more; got {radius}")


def trees(
    lab: Lab,
    subjects: Sequence[str],
    prompt: str = PROMPT,
    k: int = 5,
    threshold: float = 1e-4,
    depth: int = 24,
    widest: int = 1000,
    radius: float = 1.0,
) -> pd.DataFrame:
    """The tree of each subject in the prompt's place of <noken>: columns model, subject, then `grow`'s."""
    check(subjects, k, threshold, depth, widest, radius)
    grown = []
    for name in subjects:
        row = fill(lab, prompt, subject(lab, name, radius))
        tree = grow(lab, row, k, threshold, depth, widest)
        tree.insert(0, "subject", name)
        grown.append(tree)
    table = pd.concat(grown, ignore_index=True)
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
    """The tree of what follows a prompt, embeddings (1, tokens, width): a row a node, depth by depth.

    A node's children are its `k` likeliest next tokens, less those whose cumulative probability (the
    product along the path) is under `threshold`, less those for which a depth has no room: it takes the
    `widest` likeliest nodes, and so bounds the memory. A branch ends with an end-of-sequence token,
    with a token that has a full stop in it, or at `depth`.

    Columns: node (0 is the prompt), parent (-1 for none), depth, token, id, rank (1 to k among the next
    tokens), probability, cumulative, entropy (bits, of its next token; none where nothing was asked),
    cut_rank, cut_threshold, cut_room (the cumulative probability that goes on from here outside of the
    tree: not among the k, under the threshold, no room), ends ("goes on", or why it ends: "end of
    text", "full stop", "too unlikely": no child was kept, "too deep"), text (so far).
    """
    check(["prompt"], k, threshold, depth, widest)
    best, past = _start(lab, prompt, depth, k)
    asked, count = _root(), 1
    levels, cuts = [asked], []
    for level in range(1, depth + 1):
        children, cut = _children(lab, asked, count, best, threshold, widest)
        levels += [children] if len(children) else []
        cuts.append(cut)
        count += len(children)
        asked = children[children["ends"] == GOES_ON]
        if asked.empty or level == depth:
            break
        best, past = _step(lab, past, asked, k, batch_size)
    return _table(lab, pd.concat(levels), pd.concat(cuts))


def _start(lab: Lab, prompt: Tensor, depth: int, k: int) -> tuple[tuple[np.ndarray, ...], Cache]:
    """Read the prompt: its likeliest next tokens, and its cache."""
    embeddings, mask = lab.batch(prompt)
    if len(embeddings) != 1:
        raise ValueError(f"a tree grows from one prompt, got {len(embeddings)}")
    lab.check_room(embeddings.shape[1], depth)
    with lab.lock, torch.no_grad():
        logits, past = prefill(lab.model, embeddings, mask)
    return _likeliest(logits, k), past


def _step(
    lab: Lab, past: Cache, asked: pd.DataFrame, k: int, batch_size: int | None
) -> tuple[tuple[np.ndarray, ...], Cache]:
    """Feed the last tokens of some nodes, each behind its parent's cache: the likeliest next, their cache."""
    parents = torch.tensor(asked["row"].to_numpy(), device=lab.device)
    embeddings = lab.embed_ids(torch.tensor(asked["id"].to_numpy()))  # (nodes, width)
    tokens = past.get_seq_length()

    def step(some: slice) -> tuple[tuple[np.ndarray, ...], Cache]:
        with lab.lock, torch.no_grad():
            logits, own = branch(lab.model, past, parents[some], embeddings[some], tokens)
            return _likeliest(logits, k), own

    best, caches = zip(*lab.in_batches(step, len(asked), batch_size), strict=True)
    return tuple(np.concatenate(values) for values in zip(*best, strict=True)), join(caches)


def _likeliest(logits: Tensor, k: int) -> tuple[np.ndarray, ...]:
    """The k likeliest tokens of logits (rows, vocab): probabilities and ids, (rows, k); entropy, (rows,)."""
    best = logits.double().softmax(dim=-1).topk(min(k, logits.shape[-1]), dim=-1)
    return best.values.cpu().numpy(), best.indices.cpu().numpy(), entropy(logits).cpu().numpy()


def _root() -> pd.DataFrame:
    columns = {"parent": -1, "row": 0, "depth": 0, "token": "", "id": -1, "rank": 1}
    return pd.DataFrame(columns, index=[0]).assign(probability=1.0, cumulative=1.0, ends=GOES_ON)


def _children(
    lab: Lab, asked: pd.DataFrame, first: int, best: tuple[np.ndarray, ...], threshold: float, widest: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The nodes kept behind those of `asked`, and for each of these what was measured and cut; by node.

    The children are numbered from `first`. Column row is the parent's row in `asked`, and so in the cache.
    """
    probability, ids, bits = best  # (rows, k), (rows, k), (rows,)
    before = asked["cumulative"].to_numpy()
    mass = before[:, None] * probability
    over = mass >= threshold
    likeliest = np.argsort(-np.where(over, mass, -1), axis=None, kind="stable")
    kept = np.zeros(mass.shape, dtype=bool)
    kept.flat[likeliest[: min(widest, over.sum())]] = True
    cut = {
        "entropy": bits,
        "cut_rank": (before - mass.sum(-1)).clip(0),  # rounding can leave -1e-17
        "cut_threshold": np.where(over, 0, mass).sum(-1),
        "cut_room": np.where(over & ~kept, mass, 0).sum(-1),
    }
    row, rank = kept.nonzero()
    found = ids[kept].tolist()
    tokens = {id: lab.token(id) for id in set(found)}
    children = {
        "parent": asked.index.to_numpy()[row],
        "row": row,
        "depth": asked["depth"].iloc[0] + 1,
        "token": [tokens[id] for id in found],
        "id": found,
        "rank": rank + 1,
        "probability": probability[kept],
        "cumulative": mass[kept],
        "ends": [ENDED if id in lab.eos_ids else STOP if "." in tokens[id] else GOES_ON for id in found],
    }
    index = range(first, first + len(found))
    return pd.DataFrame(children, index=index), pd.DataFrame(cut, index=asked.index)


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
