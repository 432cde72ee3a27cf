"""Nokens in a file, with the model they belong to; another model cannot load them."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.errors import check_vectors


@dataclass
class SavedNokens:
    """Vectors (rows, width) or (rows, k, width), float32 on the CPU, with their prompt and table, if any."""

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
    """Write vectors (rows, width), (rows, k, width) or (width,) with their model to a safetensors file.

    The model, its revision, width and median token norm, `prompt` and `table` are in the file's header, as
    JSON. Raises ValueError for vectors of another width, or with NaN or infinity.
    """
    from safetensors.torch import save

    check_vectors(vectors, "nokens")
    vectors = torch.atleast_2d(vectors.detach().float().cpu())
    if vectors.dim() > 3 or vectors.shape[-1] != lab.width or not len(vectors):
        raise ValueError(f"nokens of {lab.name} must be (rows, {lab.width}), got {tuple(vectors.shape)}")
    header = {"model": lab.name, "revision": lab.revision, "width": lab.width, "prompt": prompt}
    header["token_norm"] = lab.space.median_norm
    header["table"] = None if table is None else json.loads(table.to_json(orient="table", index=False))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(save({"nokens": vectors.contiguous()}, {"nokenlab": json.dumps(header)}))
    part.replace(path)


def load_nokens(path: str | os.PathLike, lab: Embedder) -> SavedNokens:
    """Read a file of `save_nokens`. Raises ValueError for another file, and for nokens of another model or
    of another scale: before transformers 5.4 Gemma's embeddings were scaled after its embedding module."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["nokenlab"])
            vectors = file.get_tensor("nokens")
    except FileNotFoundError:
        raise ValueError(f"there is no file {os.fspath(path)!r}") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a file of nokens that nokenlab wrote") from error
    saved_for = (header["model"], header["revision"], header["width"])
    if saved_for != (lab.name, lab.revision, lab.width):
        saved = "{}, revision {}, width {}".format(*saved_for)
        raise ValueError(f"these nokens are of {saved}; this is {lab.name}, {lab.revision}, {lab.width}")
    norm, norm_here = header.get("token_norm"), lab.space.median_norm
    if norm and not math.isclose(norm, norm_here, rel_tol=0.01):  # number formats round by less
        norms = f"a token's norm was {norm:.4g} when these nokens were saved and is {norm_here:.4g} here"
        raise ValueError(f"{norms}: another version of transformers, which scales embeddings elsewhere")
    table = None if header["table"] is None else pd.DataFrame(header["table"]["data"])
    return SavedNokens(vectors, header["prompt"], table)
