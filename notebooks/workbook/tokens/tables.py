"""Texts beside each other: their tokens, and what they cost."""

from collections.abc import Sequence

import pandas as pd

from nokenlab.embedder import Embedder


def tokens_of(lab: Embedder, texts: Sequence[str]) -> pd.DataFrame:
    """The tokens of several texts. Columns: text, then as in `lab.tokens`: position, token, id, norm.

    A text that comes twice is shown once. Raises ValueError for no texts and for an empty one.
    """
    if not len(texts):
        raise ValueError("texts is empty; give at least one")
    tables = {text: lab.tokens(text) for text in texts}
    return pd.concat(tables, names=["text", None]).reset_index("text").reset_index(drop=True)


def cost(pieces: pd.DataFrame) -> pd.DataFrame:
    """What each text of a `tokens_of` table costs.

    Columns: text, characters, bytes (in UTF-8), tokens, characters_per_token.
    """
    counts = pieces.groupby("text", sort=False)["id"].count()
    table = pd.DataFrame({"text": counts.index, "tokens": counts.to_numpy()})
    table.insert(1, "characters", table["text"].str.len())
    table.insert(2, "bytes", table["text"].str.encode("utf-8").str.len())
    return table.assign(characters_per_token=table["characters"] / table["tokens"])
