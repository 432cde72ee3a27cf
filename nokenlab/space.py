"""The token-embedding space of a model: where its real tokens lie, and which are near a vector."""

from collections.abc import Callable
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor

from nokenlab.errors import check_count, check_vectors

BATCH = 1024  # vectors whose cosines to all tokens are in memory at once


class EmbeddingSpace:
    """The embeddings of a model's real tokens.

    Values are the embedding module's *output*, which includes a scale that some modules apply. Rows of the
    table that no token uses are left out (Phi-2's has 51,200 rows, of which 50,295 are tokens).

    vectors: (tokens, width) on the model's device; ids: (tokens,), row -> token id, on the CPU;
    text: token id -> the token's text. Raises ValueError where a vector is NaN or infinite.
    """

    def __init__(self, vectors: Tensor, ids: Tensor, text: Callable[[int], str]):
        self.vectors, self.ids, self.text = vectors, ids, text
        finite = self.norms.isfinite().cpu()
        if not finite.all():
            raise ValueError(f"the embedding of the token {int(ids[~finite][0])} is NaN or infinite")

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
        """The distance of a typical token from the centroid: the unit of "distance in median tokens"."""
        return self.distances.median().item()

    @cached_property
    def principal(self) -> tuple[Tensor, Tensor]:
        """Variances (width,) and directions (width, width) of the tokens' principal components, widest first.

        Both float32 on the CPU. Row i of the directions is a unit vector, its largest value positive.
        """
        offsets = self.vectors.float() - self.centroid  # (tokens, width)
        variances, columns = torch.linalg.eigh((offsets.T @ offsets / len(self)).double().cpu())
        directions = columns.T.flip(0)  # (width, width)
        largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))  # (width, 1)
        return variances.flip(0).clamp_min(0).float(), (directions * largest.sign()).float()

    def rows(self, ids: Tensor) -> Tensor:
        """The row of `vectors` of each token id, (ids,). Raises ValueError for an id without a token."""
        rows = torch.searchsorted(self.ids, ids).clamp_max(len(self) - 1)
        if (self.ids[rows] != ids).any():
            raise ValueError(f"no token has the id {ids[self.ids[rows] != ids][0].item()}")
        return rows

    def nearest(self, vectors: Tensor, k: int = 10) -> pd.DataFrame:
        """The k tokens whose embeddings have the largest cosine with `vectors`.

        `vectors` is (width,) or (rows, width). Columns: row (only when there are rows), rank (1 is
        nearest), token, id, cosine (-1 to 1), distance (Euclidean). Ordered by cosine; of equals, the
        lower id first.
        """
        check_vectors(vectors)
        if vectors.dim() not in (1, 2) or vectors.shape[-1] != self.width or not len(vectors):
            raise ValueError(f"this space has width {self.width}, got {tuple(vectors.shape)}")
        check_count(k, "k")
        query = torch.atleast_2d(vectors).to(self.vectors.device, torch.float32)  # (rows, width)
        order = torch.cat([self._order(batch, min(k, len(self))) for batch in query.split(BATCH)])
        tables = [self._neighbours(query[row], rows) for row, rows in enumerate(order)]
        if vectors.dim() == 1:
            return tables[0]
        return pd.concat(tables, keys=range(len(tables)), names=["row"]).reset_index("row")

    def nearest_rows(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The row of the token with the largest cosine with each vector (…, width), (…,), and this cosine."""
        cosine, rows = self._cosines(vectors.to(self.vectors.device, torch.float32)).max(dim=-1)
        return rows, cosine

    def _cosines(self, query: Tensor) -> Tensor:
        """Cosines of vectors (…, width) with all tokens, (…, tokens)."""
        direction = torch.nn.functional.normalize(query, dim=-1)
        return direction @ self.vectors.float().T / self.norms.clamp_min(1e-12)

    def _order(self, query: Tensor, k: int) -> Tensor:
        """The rows of the k tokens nearest to each of a batch of vectors, (batch, k) on the CPU."""
        return torch.stack([_largest(row, k) for row in self._cosines(query)]).cpu()

    def _neighbours(self, query: Tensor, rows: Tensor) -> pd.DataFrame:
        neighbours = self.vectors[rows.to(self.vectors.device)].float()  # (k, width)
        cosine = torch.nn.functional.cosine_similarity(neighbours, query[None], dim=-1)
        ids = self.ids[rows].tolist()
        return pd.DataFrame(
            {
                "rank": range(1, len(rows) + 1),
                "token": [self.text(id) for id in ids],
                "id": ids,
                "cosine": cosine.tolist(),
                "distance": (neighbours - query).norm(dim=-1).tolist(),
            }
        )


def _largest(row: Tensor, k: int) -> Tensor:
    """The indices of the k largest of row (tokens,), largest first; of equals, the lower index first."""
    candidates = (row >= row.topk(k).values[-1]).nonzero().squeeze(1)  # more than k if the last has equals
    return candidates[row[candidates].argsort(descending=True, stable=True)[:k]]
