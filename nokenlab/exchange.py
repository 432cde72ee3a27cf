"""Nokens to and from other tools: PEFT, vLLM, llama.cpp, NumPy. `saved_nokens` has nokenlab's own files."""

import base64
import io
import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nokenlab.conformance.llama_cpp import LlamaCpp, gguf_of
from nokenlab.decode.padding import Prompts, as_rows
from nokenlab.embedder import Embedder
from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.saved_nokens import check_nokens, write

WEIGHTS, CONFIG, KEY = "adapter_model.safetensors", "adapter_config.json", "prompt_embeddings"


def save_peft(folder: str | os.PathLike, lab: Embedder, vectors: Tensor) -> None:
    """Write k nokens (k, width) as PEFT's prompt tuning, for `peft.PeftModel.from_pretrained(model, folder)`.

    PEFT puts them before every prompt, also before a start-of-text token, where a model has one. ValueError
    for vectors of another width, or with NaN or infinity.
    """
    from safetensors.torch import save

    vectors = check_nokens(lab, vectors, dimensions=2)
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": lab.name,
        "num_virtual_tokens": len(vectors),
        "token_dim": lab.width,
        "num_transformer_submodules": 1,
        "inference_mode": True,
    }
    write(Path(folder, WEIGHTS), save({KEY: vectors}, {"format": "pt"}))
    write(Path(folder, CONFIG), json.dumps(config, indent=2).encode())


def load_peft(folder: str | os.PathLike, lab: Embedder) -> Tensor:
    """The vectors (k, width) of a prompt tuning of PEFT's or of `save_peft`, float32 on the CPU.

    ValueError for another kind of adapter, and for one of another model, by its name or its width.
    """
    vectors = load_vectors(Path(folder, WEIGHTS), lab)
    try:
        config = json.loads(Path(folder, CONFIG).read_text(encoding="utf-8"))
        kind, base = config["peft_type"], str(config["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{os.fspath(folder)!r} has no valid {CONFIG} of PEFT") from error
    if kind != "PROMPT_TUNING":
        raise ValueError(f"the adapter must be a PROMPT_TUNING, got {short(kind)}")
    if Path(base).name != Path(lab.name).name:
        raise ValueError(f"the adapter is of {short(base)}; this is {lab.name}")
    return vectors


def save_vectors(path: str | os.PathLike, lab: Embedder, vectors: Tensor) -> None:
    """Write nokens (rows, width) or (rows, k, width) as a plain `.npy` or `.safetensors` file, float32.

    Such a file does not name its model: `save_nokens` does. ValueError for another ending or width.
    """
    from safetensors.torch import save

    vectors, kind = check_nokens(lab, vectors), Path(path).suffix
    if kind == ".npy":
        file = io.BytesIO()
        np.save(file, vectors.numpy())
        write(Path(path), file.getvalue())
    elif kind == ".safetensors":
        write(Path(path), save({"nokens": vectors}))
    else:
        raise ValueError(f"a file of vectors is .npy or .safetensors, got {os.fspath(path)!r}")


def load_vectors(path: str | os.PathLike, lab: Embedder) -> Tensor:
    """The vectors of a `.npy` file, or of a `.safetensors` file with one tensor, (rows, width) or (rows, k,
    width), float32 on the CPU. ValueError for another file, and for vectors of another width."""
    from safetensors.torch import load

    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
        if Path(path).suffix == ".npy":
            tensors = [torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False))]
        else:
            tensors = list(load(content).values())
    except FileNotFoundError:
        raise ValueError(f"there is no file {name!r}") from None
    except Exception as error:  # of any kind: the file may be anyone's
        raise ValueError(f"{name!r} is not a valid .npy or .safetensors file") from error
    if len(tensors) != 1:
        raise ValueError(f"{name!r} must have one tensor of vectors, it has {len(tensors)}")
    return check_nokens(lab, tensors[0])


def vllm_prompt(lab: Lab, prompt: str | Tensor) -> str:
    """A prompt, a text or embeddings (1, tokens, width), as vLLM's server takes `prompt_embeds`.

    It holds the complete prompt with its start-of-text token, (tokens, width), in the lab's number format:
    torch's file in base64, as vLLM documents it (not tried with vLLM here). A client of a server that was
    started with `--enable-prompt-embeds` sends it:

        client = openai.OpenAI(base_url="http://localhost:8000/v1", api_key="-")
        more = {"prompt_embeds": nl.vllm_prompt(lab, x)}
        client.completions.create(model=…, prompt="", max_tokens=20, temperature=0, extra_body=more)
    """
    embeddings, _ = lab.batch(prompt)
    if len(embeddings) != 1:
        raise ValueError(f"a request of vLLM has one prompt, got {len(embeddings)}")
    file = io.BytesIO()
    torch.save(embeddings[0].cpu().clone(), file)
    return base64.b64encode(file.getvalue()).decode()


def llama_cpp_generate(lab: Lab, prompts: Prompts, max_new_tokens: int = 20) -> list[str]:
    """What llama.cpp says, greedy, on the same GGUF file as `lab`: prompts as for `lab.generate`, with nokens
    in them or not. Requires the extra `bench`; BadInput without it, or where there is no GGUF file."""
    llama = LlamaCpp(gguf_of(lab.name), lab)
    rows = [row for row in as_rows(prompts, lab.embed) for row in row.view(-1, *row.shape[-2:])]
    answers = llama.generate(rows, max_new_tokens, lab.eos_ids)
    return [lab.new_text(answer.ids.tolist()) for answer in answers]
