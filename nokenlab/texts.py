"""Texts beside each other: their tokens, what they cost, and what follows from ids and from embeddings."""

from collections.abc import Sequence

import pandas as pd
import torch
from transformers import GenerationConfig


def tokens_of(lab, texts: Sequence[str]) -> pd.DataFrame:
    """The tokens of several texts. Columns: text, then as in `lab.tokens`: position, token, id, norm.

    A text that comes twice is shown once. Raises ValueError for no texts and for an empty one.
    """
    if not len(texts):
        raise ValueError("texts is empty; give at least one")
    tables = {text: lab.tokens(text) for text in texts}
    return pd.concat(tables, names=["text", None]).reset_index("text").reset_index(drop=True)


def cost(tokens: pd.DataFrame) -> pd.DataFrame:
    """What each text of a `tokens_of` table costs.

    Columns: text, characters, bytes (in UTF-8), tokens, characters_per_token.
    """
    counts = tokens.groupby("text", sort=False)["id"].count()
    table = pd.DataFrame({"text": counts.index, "tokens": counts.to_numpy()})
    table.insert(1, "characters", table["text"].str.len())
    table.insert(2, "bytes", table["text"].str.encode("utf-8").str.len())
    return table.assign(characters_per_token=table["characters"] / table["tokens"])


def agreement(lab, prompts: Sequence[str], max_new_tokens: int = 20) -> pd.DataFrame:
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


def _from_ids(lab, prompts: Sequence[str], max_new_tokens: int) -> list[str]:
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
