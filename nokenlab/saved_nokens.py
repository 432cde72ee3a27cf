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

FORMAT = 1  # of the file's header


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

    vectors = check_nokens(lab, vectors)
    header = {"format": FORMAT, "model": lab.name, "revision": lab.revision, "width": lab.width}
    header |= {"prompt": prompt, "token_norm": lab.space.median_norm}
    header["table"] = None if table is None else json.loads(table.to_json(orient="table", index=False))
    write(Path(path), save({"nokens": vectors}, {"nokenlab": json.dumps(header)}))


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
    if header.get("format", 1) > FORMAT:
        raise ValueError(f"{os.fspath(path)!r} was written by a newer nokenlab, format {header['format']}")
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


def check_nokens(lab: Embedder, vectors: Tensor, dimensions: int = 3) -> Tensor:
    """Vectors (rows, width), (width,) or up to so many dimensions, float32 on the CPU, at least 2 dimensions.

    ValueError, which names the model, for vectors of another width, and for NaN or infinity.
    """
    check_vectors(vectors, "nokens")
    rows = torch.atleast_2d(vectors.detach().float().cpu()).contiguous()
    if rows.dim() > dimensions or rows.shape[-1] != lab.width or not rows.numel():
        raise ValueError(f"nokens of {lab.name} must be (rows, {lab.width}), got {tuple(vectors.shape)}")
    return rows


def write(path: Path, content: bytes) -> None:
    """Write a file, and its folder, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
