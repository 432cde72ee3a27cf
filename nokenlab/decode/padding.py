"""Prompts of any accepted kind as one padded batch of embeddings."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from nokenlab.errors import check_seeds, check_vectors

Prompts = str | Tensor | Sequence[str] | Sequence[Tensor]


def as_rows(prompts: Prompts, embed: Callable[[str], Tensor]) -> Tensor | list[Tensor]:
    """Prompts as embeddings: a tensor (rows, tokens, width), or a list of (1, tokens, width).

    `embed` makes (1, tokens, width) of a text. Raises ValueError when there are no prompts.
    """
    if isinstance(prompts, str):
        return embed(prompts)
    if isinstance(prompts, Tensor):
        if prompts.dim() != 3 or 0 in prompts.shape:
            raise ValueError(f"embeddings must be (rows, tokens, width), got {tuple(prompts.shape)}")
        return prompts
    if not isinstance(prompts, list | tuple):
        raise ValueError(f"prompts must be texts or embeddings (torch tensors), got {type(prompts).__name__}")
    if not prompts:
        raise ValueError("there are no prompts; give at least one")
    return [embed(p) if isinstance(p, str) else p for p in prompts]


def batch(rows: Tensor | list[Tensor], start: Tensor) -> tuple[Tensor, Tensor]:
    """One batch (rows, tokens, width), padded on the left, and its mask (rows, tokens).

    `start` (0 or 1, width) is put before every row: the embedding of a start-of-text token, on the device
    and in the dtype of the batch. Raises ValueError for wrong shapes and for NaN or infinity.
    """
    rows = [rows] if isinstance(rows, Tensor) else rows
    width = start.shape[1]
    for row in rows:
        check_vectors(row, "embeddings")
        if row.dim() != 3 or row.shape[-1] != width or 0 in row.shape:
            raise ValueError(f"embeddings must be (rows, tokens, {width}), got {tuple(row.shape)}")
    longest = max(row.shape[1] for row in rows)
    parts, masks = [], []
    for row in rows:
        row = torch.cat([start.expand(len(row), -1, -1), row.to(start)], dim=1)
        padding = longest + len(start) - row.shape[1]
        parts.append(pad(row, (0, 0, padding, 0)))  # zeros: a NaN would spread even from a masked position
        mask = torch.ones(row.shape[:2], dtype=torch.long, device=start.device)
        masks.append(pad(mask, (padding, 0)))
    return torch.cat(parts), torch.cat(masks)


def row_seeds(seeds: int | Sequence[int] | None, rows: int) -> list[int] | None:
    """One seed per row; a single number n means n, n + 1, … Raises ValueError for another number of them."""
    if seeds is None:
        return None
    seeds = check_seeds(range(seeds, seeds + rows) if isinstance(seeds, int) else seeds)
    if len(seeds) != rows:
        raise ValueError(f"one seed per row is required: {rows} rows, {len(seeds)} seeds")
    return seeds
