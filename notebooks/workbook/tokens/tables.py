"""The tokens of several texts, and how many characters a token carries."""

from collections.abc import Sequence

import pandas as pd

from nokenlab.embedder import Embedder


def tokens_of(lab: Embedder, texts: Sequence[str]) -> pd.DataFrame:
    """The tokens of several texts, one row per token; equal texts once.

    Columns: text, then as in `lab.tokens`: position, token, id, norm.
    """
    tables = {text: lab.tokens(text) for text in texts}
    return pd.concat(tables, names=["text"]).reset_index("text").reset_index(drop=True)


def cost(pieces: pd.DataFrame) -> pd.DataFrame:
    """How many tokens each text of a `tokens_of` table takes.

    Columns: text, characters, bytes (in UTF-8), tokens, characters_per_token.
    """
    table = pieces.groupby("text", sort=False).size().reset_index(name="tokens")
    table.insert(1, "characters", table["text"].str.len())
    table.insert(2, "bytes", table["text"].str.encode("utf-8").str.len())
    return table.assign(characters_per_token=table["characters"] / table["tokens"])
