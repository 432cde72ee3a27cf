"""The token-embedding space of a model: where its real tokens lie, and which are near a vector."""

from collections.abc import Callable
from functools import cached_property
from numbers import Integral

import pandas as pd
import torch
from torch import Tensor

from nokenlab.errors import check_vectors, short

AT_ONCE = 1024  # vectors whose cosines to all tokens are in memory together


class EmbeddingSpace:
    """The embeddings of a model's real tokens.

    Values are the embedding module's *output*, so a module that scales inside is seen as the model
    sees it, and rows of the table that no token uses are left out (Phi-2's has 51,200 rows, of which
    50,295 are tokens).

    vectors: (tokens, width) on the model's device; ids: (tokens,), row -> token id, on the CPU;
    text: token id -> the token as a reader sees it.
    """

    def __init__(self, vectors: Tensor, ids: Tensor, text: Callable[[int], str]):
        self.vectors, self.ids, self.text = vectors, ids, text

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """Numbers in one embedding."""
        return self.vectors.shape[1]

    @cached_property
    def norms(self) -> Tensor:
        """Length of each token's embedding, (tokens,), float32."""
        return self.vectors.float().norm(dim=-1)

    @cached_property
    def centroid(self) -> Tensor:
        """The mean of all tokens' embeddings, (width,), float32."""
        return self.vectors.mean(dim=0, dtype=torch.float32)

    @cached_property
    def median_norm(self) -> float:
        """The norm of a typical token: what "token norm" means throughout."""
        return self.norms.median().item()

    @cached_property
    def distances(self) -> Tensor:
        """Distance of each token from the centroid, (tokens,), float32."""
        return (self.vectors.float() - self.centroid).norm(dim=-1)

    @cached_property
    def median_distance(self) -> float:
        """How far a typical token is from the centroid: the unit of "distance in median tokens"."""
        return self.distances.median().item()

    @cached_property
    def principal(self) -> tuple[Tensor, Tensor]:
        """Principal directions of the cloud of tokens, widest first, and the variance along each.

        Variances (width,), directions (width, width), both float32 on the CPU. Row i of the directions is a
        unit vector; its sign is such that its largest value is positive.
        """
        offsets = self.vectors.float() - self.centroid  # (tokens, width)
        variances, columns = torch.linalg.eigh((offsets.T @ offsets / len(self)).double().cpu())
        directions = columns.T.flip(0)  # (width, width)
        largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))  # (width, 1)
        return variances.flip(0).clamp_min(0).float(), (directions * largest.sign()).float()

    def rows(self, ids: Tensor) -> Tensor:
        """Which row of `vectors` a token id has, (ids,). Raises ValueError for an id that is no token's."""
        found = torch.searchsorted(self.ids, ids).clamp_max(len(self) - 1)
        if (self.ids[found] != ids).any():
            raise ValueError(f"no token has the id {ids[self.ids[found] != ids][0].item()}")
        return found

    def nearest(self, vectors: Tensor, k: int = 10) -> pd.DataFrame:
        """The k tokens whose embeddings point most nearly the way `vectors` do.

        `vectors` is (width,) or (rows, width). Columns: row (only when there are rows), rank (1 is
        nearest), token, id, cosine (-1 to 1), distance (Euclidean). Ordered by cosine; of equals, the
        lower id first.
        """
        check_vectors(vectors)
        if vectors.dim() not in (1, 2) or vectors.shape[-1] != self.width or not len(vectors):
            raise ValueError(f"this space has width {self.width}, got {tuple(vectors.shape)}")
        if not isinstance(k, Integral) or k < 1:
            raise ValueError(f"k must be a whole number, at least 1, got {short(k)}")
        query = torch.atleast_2d(vectors).to(self.vectors.device, torch.float32)  # (rows, width)
        order = torch.cat([self._order(some, min(k, len(self))) for some in query.split(AT_ONCE)])
        tables = [self._neighbours(query[row], best) for row, best in enumerate(order)]
        if vectors.dim() == 1:
            return tables[0]
        return pd.concat(tables, keys=range(len(tables)), names=["row"]).reset_index("row")

    def nearest_rows(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Which token's row points most nearly the way each vector (…, width) does, (…,), and its cosine."""
        query = vectors.to(self.vectors.device, torch.float32)
        direction = torch.nn.functional.normalize(query, dim=-1)
        cosine, rows = (direction @ self.vectors.float().T / self.norms.clamp_min(1e-12)).max(dim=-1)
        return rows, cosine

    def _order(self, query: Tensor, k: int) -> Tensor:
        """The rows of the k tokens nearest to each of a few vectors (rows, width), (rows, k) on the CPU."""
        direction = torch.nn.functional.normalize(query, dim=-1)
        cosine = direction @ self.vectors.float().T / self.norms.clamp_min(1e-12)  # (rows, tokens)
        return torch.stack([_largest(row, k) for row in cosine]).cpu()

    def _neighbours(self, query: Tensor, rows: Tensor) -> pd.DataFrame:
        found = self.vectors[rows.to(self.vectors.device)].float()  # (k, width)
        cosine = torch.nn.functional.cosine_similarity(found, query[None], dim=-1)
        ids = self.ids[rows].tolist()
        return pd.DataFrame(
            {
                "rank": range(1, len(rows) + 1),
                "token": [self.text(id) for id in ids],
                "id": ids,
                "cosine": cosine.tolist(),
                "distance": (found - query).norm(dim=-1).tolist(),
            }
        )


def _largest(row: Tensor, k: int) -> Tensor:
    """Where the k largest of row (tokens,) are, (k,), the largest first; of equals, what comes first."""
    candidates = (row >= row.topk(k).values[-1]).nonzero().squeeze(1)  # more than k where the last has equals
    return candidates[row[candidates].argsort(descending=True, stable=True)[:k]]
