"""The space of token embeddings: values, norms, distances from the centroid, neighbours."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig

from nokenlab.embedder import Embedder
from nokenlab.lab import Lab
from workbook import scale


def agreement(lab: Lab, prompts: Sequence[str], max_new_tokens: int = 20) -> pd.DataFrame:
    """Greedy text from token ids (transformers' own `generate`) and from embeddings (`lab.generate`).

    Columns: prompt, from_ids, from_embeddings (new text, without the prompt), same. Both run all prompts as
    one batch, padded on the left.
    """
    from_embeddings = lab.generate([lab.embed(prompt) for prompt in prompts], max_new_tokens)
    from_ids = _from_ids(lab, prompts, max_new_tokens)
    table = pd.DataFrame({"prompt": list(prompts), "from_ids": from_ids, "from_embeddings": from_embeddings})
    return table.assign(same=table["from_ids"] == table["from_embeddings"])


def _from_ids(lab: Lab, prompts: Sequence[str], max_new_tokens: int) -> list[str]:
    """New text from token ids; transformers returns the prompt in front of it, which is cut off here."""
    rows = [torch.tensor([*lab.start_ids, *lab.ids(prompt).tolist()]) for prompt in prompts]
    padding = (lab.eos_ids or [0])[0]
    left = {"batch_first": True, "padding_side": "left"}
    ids = pad_sequence(rows, padding_value=padding, **left).to(lab.device)  # (prompts, longest)
    mask = pad_sequence([torch.ones_like(row) for row in rows], **left).to(lab.device)
    greedy = GenerationConfig(  # always the likeliest token, whatever penalties the model's authors recommend
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=lab.eos_ids or None,
        pad_token_id=padding,
    )
    output = lab.model.generate(ids, attention_mask=mask, generation_config=greedy)
    new_ids = output[:, ids.shape[1] :].tolist()  # (prompts, new)
    return [lab.text([id for id in row if id not in lab.eos_ids]) for row in new_ids]


def embeddings_of(lab: Embedder, text: str) -> pd.DataFrame:
    """The embeddings of a text's tokens as the article prints them: the first and last three values.

    Columns: position, token, id, norm, embedding (text).
    """
    vectors = lab.embed(text)[0].float().cpu()  # (tokens, width)
    return lab.tokens(text).assign(embedding=[_first_and_last(vector) for vector in vectors])


def _first_and_last(vector: Tensor) -> str:
    """[-0.0298, -0.0281, 0.0052, …, 0.0336, 0.0179, -0.0231], as the article has it."""
    numbers = [f"{value:.4f}" for value in vector.tolist()]
    if len(numbers) > 6:
        numbers[3:-3] = ["…"]
    return f"[{', '.join(numbers)}]"


def lengths(lab: Embedder) -> pd.DataFrame:
    """Every token of the model, one row each. Columns: id, norm; distance from and cosine to the centroid."""
    space = lab.space
    cosine = space.vectors.float() @ space.centroid / (space.norms * space.centroid.norm()).clamp_min(1e-12)
    measures = {"norm": space.norms, "distance": space.distances, "cosine": cosine}
    return pd.DataFrame({"id": space.ids.numpy()} | {name: x.cpu().numpy() for name, x in measures.items()})


def summary(lab: Embedder) -> pd.DataFrame:
    """Norms and distances from the centroid in brief; are norms alike? Columns: quantity, value."""
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
    if scale.alike(lab.space.norms):
        rows.append(("norms are alike: longest over shortest", table["norm"].max() / table["norm"].min()))
    return pd.DataFrame(rows, columns=["quantity", "value"], dtype=object)  # integers stay integers


def outliers(lab: Embedder, k: int = 5) -> pd.DataFrame:
    """The k tokens at each end. Columns: which, rank, token, id, then as in `lengths`.

    which: "shortest", "longest", "nearest the centroid", "farthest from the centroid" and, by the cosine,
    "least like the centroid".
    """
    table = lengths(lab)
    ends = {
        "shortest": table.nsmallest(k, "norm"),
        "longest": table.nlargest(k, "norm"),
        "nearest the centroid": table.nsmallest(k, "distance"),
        "farthest from the centroid": table.nlargest(k, "distance"),
        "least like the centroid": table.nsmallest(k, "cosine"),
    }
    table = pd.concat(ends, names=["which"]).reset_index("which").reset_index(drop=True)
    table.insert(1, "rank", table.groupby("which").cumcount() + 1)
    table.insert(2, "token", [lab.token(id) for id in table["id"]])
    return table


def neighbours(lab: Embedder, words: Sequence[str], k: int = 5) -> pd.DataFrame:
    """The k tokens nearest to each word's own token: its last, where it has several. Equal words once.

    Columns: word, token (of the word), rank, near, id, cosine, distance. The word's own token is left out.
    """
    tables = []
    for word in dict.fromkeys(words):
        id = lab.ids(word)[-1].item()
        near = lab.space.nearest(lab.embed(word)[0, -1], k + 1).query("id != @id").head(k)
        near["rank"] = range(1, len(near) + 1)
        near = near.rename(columns={"token": "near"})
        near.insert(0, "token", lab.token(id))
        near.insert(0, "word", word)
        tables.append(near)
    return pd.concat(tables, ignore_index=True)


def side_by_side(table: pd.DataFrame, group: str, cell: pd.Series) -> pd.DataFrame:
    """A ranked table for reading: one row per rank, one column per value of `group`, filled with `cell`."""
    groups = table[group].unique()
    return table.assign(_cell=cell).pivot(index="rank", columns=group, values="_cell")[groups].reset_index()
