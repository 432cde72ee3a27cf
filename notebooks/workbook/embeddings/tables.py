"""The shape of the token-embedding space: values, lengths, distances from the middle, neighbours."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor
from transformers import GenerationConfig

from nokenlab.embedder import Embedder
from nokenlab.lab import Lab


def agreement(lab: Lab, prompts: Sequence[str], max_new_tokens: int = 20) -> pd.DataFrame:
    """Greedy text from token ids (transformers' own `generate`) and from embeddings (`lab.generate`).

    Columns: prompt, from_ids, from_embeddings (new text, without the prompt), same. All prompts run as
    one batch on either side, padded on the left.
    """
    if not len(prompts):
        raise ValueError("prompts is empty; give at least one")
    from_embeddings = lab.generate([lab.embed(prompt) for prompt in prompts], max_new_tokens)
    from_ids = _from_ids(lab, prompts, max_new_tokens)
    table = pd.DataFrame({"prompt": list(prompts), "from_ids": from_ids, "from_embeddings": from_embeddings})
    return table.assign(same=table["from_ids"] == table["from_embeddings"])


def _from_ids(lab: Lab, prompts: Sequence[str], max_new_tokens: int) -> list[str]:
    """The usual way: ids in, ids out. With ids the prompt comes back in front of the new text."""
    rows = [[*lab.start_ids, *lab.ids(prompt).tolist()] for prompt in prompts]
    longest = max(map(len, rows))
    filler = (lab.eos_ids or [0])[0]
    ids = torch.tensor([[filler] * (longest - len(row)) + row for row in rows], device=lab.device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=lab.device)
    greedy = GenerationConfig(  # always the likeliest token, whatever penalties the model's authors recommend
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=lab.eos_ids or None,
        pad_token_id=filler,
    )
    found = lab.model.generate(ids, attention_mask=mask, generation_config=greedy)  # (prompts, longest + new)
    return [lab.text([id for id in row if id not in lab.eos_ids]) for row in found[:, longest:].tolist()]


def embeddings_of(lab: Embedder, text: str, ends: int = 3) -> pd.DataFrame:
    """The embeddings of a text's tokens as the article prints them: first and last values.

    Columns: position, token, id, norm, embedding (text, `ends` values from each end).
    """
    table = lab.tokens(text)
    return table.assign(embedding=[_written(row, ends) for row in lab.embed(text)[0].float().cpu()])


def lengths(lab: Embedder) -> pd.DataFrame:
    """Every token of the model, one row each. Columns: id, norm; distance from and cosine to the centroid."""
    space = lab.space
    cosine = space.vectors.float() @ space.centroid / (space.norms * space.centroid.norm()).clamp_min(1e-12)
    measured = {"norm": space.norms, "distance": space.distances, "cosine": cosine}
    return pd.DataFrame({"id": space.ids.numpy()} | {name: x.cpu().numpy() for name, x in measured.items()})


def summary(lab: Embedder) -> pd.DataFrame:
    """What is long and what is far, in one look. Columns: quantity, value."""
    table = lengths(lab)
    rows = [
        ("width: numbers in an embedding", lab.width),
        ("tokens", len(table)),
        ("norm of the shortest token", table["norm"].min()),
        ("norm of the median token", lab.space.median_norm),
        ("norm of the longest token", table["norm"].max()),
        ("norm of the centroid", lab.space.centroid.norm().item()),
        ("distance of the nearest token from the centroid", table["distance"].min()),
        ("distance of the median token", lab.space.median_distance),
        ("distance of the farthest token", table["distance"].max()),
        ("norm of a noken with standard normal values, about sqrt(width)", lab.width**0.5),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value"], dtype=object)  # whole numbers stay whole


def outliers(lab: Embedder, k: int = 5) -> pd.DataFrame:
    """The k tokens at each end. Columns: which, rank, token, id, then as in `lengths`.

    which: "shortest", "longest", "nearest the centroid", "farthest from the centroid" and, by the cosine,
    "least like the centroid".
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    table = lengths(lab)
    found = {
        "shortest": table.nsmallest(k, "norm"),
        "longest": table.nlargest(k, "norm"),
        "nearest the centroid": table.nsmallest(k, "distance"),
        "farthest from the centroid": table.nlargest(k, "distance"),
        "least like the centroid": table.nsmallest(k, "cosine"),
    }
    ends = pd.concat(found, names=["which", None]).reset_index("which").reset_index(drop=True)
    ends.insert(1, "rank", ends.groupby("which").cumcount() + 1)
    ends.insert(2, "token", [lab.token(id) for id in ends["id"]])
    return ends


def neighbours(lab: Embedder, words: Sequence[str], k: int = 5) -> pd.DataFrame:
    """The k tokens nearest each word's own: the last one, where a word is several tokens. Each word once.

    Columns: word, token (of the word), rank, near, id, cosine, distance. The token itself is left out.
    """
    if not len(words):
        raise ValueError("words is empty; give at least one")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return pd.concat([_neighbours(lab, word, k) for word in dict.fromkeys(words)], ignore_index=True)


def _neighbours(lab: Embedder, word: str, k: int) -> pd.DataFrame:
    id = lab.ids(word)[-1].item()
    near = lab.space.nearest(lab.embed(word)[0, -1], k + 1).query("id != @id").head(k)
    near = near.rename(columns={"token": "near"}).assign(rank=range(1, len(near) + 1))
    near.insert(0, "token", lab.token(id))
    near.insert(0, "word", word)
    return near


def side_by_side(table: pd.DataFrame, group: str, cell: pd.Series) -> pd.DataFrame:
    """A ranked table folded for reading: a row a rank, a column each value of `group`, filled with `cell`."""
    groups = table[group].unique()
    return table.assign(_cell=cell).pivot(index="rank", columns=group, values="_cell")[groups].reset_index()


def _written(vector: Tensor, ends: int) -> str:
    """[-0.0298, -0.0281, 0.0052, …, 0.0336, 0.0179, -0.0231], as the article has it."""
    numbers = [f"{value:.4f}" for value in vector.tolist()]
    if len(numbers) > 2 * ends:
        numbers[ends:-ends] = ["…"]
    return f"[{', '.join(numbers)}]"
