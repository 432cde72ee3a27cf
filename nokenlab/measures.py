"""Numbers about next-token distributions: entropy, divergence, the leading tokens."""

import pandas as pd
import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.errors import check_count, check_vectors


def entropy(logits: Tensor) -> Tensor:
    """Entropy of the next-token distribution in bits, (rows, vocab) -> (rows,).

    0: one token has probability 1; log2(vocab): all tokens are equally likely.
    """
    check_vectors(logits, "logits", finite=False)
    log_p = logits.float().log_softmax(dim=-1)
    return -(log_p.exp() * log_p).nan_to_num(0).sum(dim=-1) / torch.tensor(2.0).log().item()


def kl(logits: Tensor, reference: Tensor) -> Tensor:
    """Divergence KL(logits || reference) in bits, (rows, vocab) and (vocab,) or (rows, vocab) -> (rows,).

    How far the next-token distribution is from the reference's; 0 when they are equal.
    """
    check_vectors(logits, "logits", finite=False)
    check_vectors(reference, "reference", finite=False)
    if logits.shape[-1] != reference.shape[-1]:
        raise ValueError(
            f"logits and reference differ in shape: {tuple(logits.shape)}, {tuple(reference.shape)}"
        )
    log_p, log_q = logits.float().log_softmax(dim=-1), reference.float().log_softmax(dim=-1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=-1) / torch.tensor(2.0).log().item()
    return divergence.clamp_min(0)  # rounding can leave -1e-9


def leading(lab: Embedder, logits: Tensor, k: int = 5) -> pd.DataFrame:
    """The k likeliest next tokens of each row of (rows, vocab): row, rank, token, id, probability."""
    check_vectors(logits, "logits", finite=False)
    check_count(k, "k", most=logits.shape[-1])
    best = logits.float().softmax(dim=-1).topk(k, dim=-1)
    ids = best.indices.flatten().tolist()
    return pd.DataFrame(
        {
            "row": [row for row in range(len(logits)) for _ in range(k)],
            "rank": list(range(1, k + 1)) * len(logits),
            "token": [lab.token(id) for id in ids],
            "id": ids,
            "probability": best.values.flatten().tolist(),
        }
    )


def next_token(lab: Embedder, logits: Tensor, reference: Tensor | None = None) -> dict[str, list]:
    """Columns about the next token of each row of logits (rows, vocab).

    next_token (the likeliest), probability (its), entropy (bits), and with a `reference` (vocab,) kl (bits).
    """
    first = leading(lab, logits, k=1)
    columns = {"next_token": first["token"].tolist(), "probability": first["probability"].tolist()}
    columns["entropy"] = entropy(logits).tolist()
    return columns if reference is None else columns | {"kl": kl(logits, reference).tolist()}
