"""Nokens in a file, with the model they belong to: another model's are refused by name."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from nokenlab.errors import check_vectors

if TYPE_CHECKING:
    from nokenlab.embedder import Embedder


@dataclass
class SavedNokens:
    """Vectors (rows, width) or (rows, k, width), float32 on the CPU, and the prompt and table beside them."""

    vectors: Tensor
    prompt: str | list[str] | None
    table: pd.DataFrame | None


def save_nokens(
    path: str | os.PathLike,
    lab: Embedder,
    vectors: Tensor,
    *,
    prompt: str | list[str] | None = None,
    table: pd.DataFrame | None = None,
) -> None:
    """Write vectors (rows, width), (rows, k, width) or one, (width,), with the name of their model.

    A safetensors file; the model, its revision and width, `prompt` and `table` are in its header, as JSON.
    Raises ValueError for vectors of another width, or with NaN or infinity.
    """
    from safetensors.torch import save

    check_vectors(vectors, "nokens")
    vectors = torch.atleast_2d(vectors.detach().float().cpu())
    if vectors.dim() > 3 or vectors.shape[-1] != lab.width or not len(vectors):
        raise ValueError(f"nokens of {lab.name} are (rows, {lab.width}), got {tuple(vectors.shape)}")
    about = {"model": lab.name, "revision": lab.revision, "width": lab.width, "prompt": prompt}
    about["table"] = None if table is None else json.loads(table.to_json(orient="table", index=False))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.part")
    half.write_bytes(save({"nokens": vectors.contiguous()}, {"nokenlab": json.dumps(about)}))
    half.replace(path)


def load_nokens(path: str | os.PathLike, lab: Embedder) -> SavedNokens:
    """Read what `save_nokens` wrote. Raises ValueError for another model's, and for a file that is none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["nokenlab"])
            vectors = file.get_tensor("nokens")
    except FileNotFoundError:
        raise ValueError(f"there is no file {os.fspath(path)!r}") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} is no file of nokens that nokenlab wrote") from error
    for what, own in (("model", lab.name), ("revision", lab.revision), ("width", lab.width)):
        if about[what] != own:
            saved = f"{about['model']}, revision {about['revision']}, width {about['width']}"
            raise ValueError(f"these nokens are of {saved}; this is {lab.name}, {lab.revision}, {lab.width}")
    return SavedNokens(vectors, about["prompt"], _as_table(about["table"]))


def _as_table(written: dict | None) -> pd.DataFrame | None:
    if written is None:
        return None
    columns = [field["name"] for field in written["schema"]["fields"]]
    return pd.DataFrame(written["data"], columns=columns)
