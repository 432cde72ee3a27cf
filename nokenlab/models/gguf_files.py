"""A GGUF file as a folder that transformers loads like any other: configuration, tokenizer.json, weights.

transformers' own reader unpacks the weights. They are kept in float32, which rounds nothing: what is computed
is what the file says, and loading converts no number.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import short
from nokenlab.models import cache, fitness, integrity, memory
from nokenlab.spelling import token_text

SAMPLE = 2000  # tokens of a vocabulary that are tried


def find(path: Path) -> Path | None:
    """The GGUF file at a path: itself, or the only one of a folder without safetensors; else None.

    ValueError for a folder with several.
    """
    if path.suffix == ".gguf" and path.is_file():
        return path
    files = sorted(path.glob("*.gguf")) if path.is_dir() and not any(path.glob("*.safetensors")) else []
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ValueError(
            f"{short(path.name)} has {len(files)} GGUF files; give the path of one of them: {names}"
        )
    return files[0] if files else None


def converted(gguf: Path) -> Path:
    """The folder of a GGUF file in the cache, made once for each content. ValueError if it cannot be read."""
    folder = cache.cache_folder() / f"{gguf.stem}-{integrity.sha256(gguf)[:12]}"

    def say(step: str) -> None:
        print(f"{gguf.name}: {step}", file=sys.stderr, flush=True)

    return cache.make_once(folder, lambda new: convert(gguf, new, gguf.stem, say))


def convert(gguf: Path, target: Path, name: str, say: Callable[[str], object]) -> None:
    """Write the model in a GGUF file into the new folder `target`; `say` is told of each step.

    ValueError for one that transformers cannot read, or that cannot work here. Each step reads the file anew:
    most of the time goes into its vocabulary.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    source = {"gguf_file": gguf.name}
    try:
        say("reading its configuration")
        config = _quietly(AutoConfig.from_pretrained, gguf.parent, **source)
        fitness.check_kind(config)
        _check_fits(config)
        say("converting its tokenizer")
        tokenizer = _quietly(PreTrainedTokenizerFast.from_pretrained, gguf.parent, **source)
        check_words(tokenizer)
        say("converting its weights")
        source |= {"config": config, "dtype": "float32"}
        model = _quietly(integrity.read_complete, AutoModelForCausalLM, gguf.parent, **source)
    except Exception as error:  # any kind: the file may be anyone's
        raise ValueError(f"cannot load the model {short(name, 40)}: {fitness.in_words(error)}") from error
    # the weights are plain numbers now; with the mark of their packing transformers refuses to save
    vars(model.config).pop("quantization_config", None)
    model.hf_quantizer, model.is_quantized = None, False
    model.config._name_or_path = name
    _quietly(model.save_pretrained, target)
    tokenizer.save_pretrained(target)


def check_words(tokenizer) -> None:
    """ValueError unless words in the vocabulary are one token each, as some versions of transformers lose."""
    from transformers import __version__

    words = {}
    for id in range(0, len(tokenizer), max(len(tokenizer) // SAMPLE, 1)):
        text = token_text(tokenizer, id)
        if re.fullmatch(" [a-z]{2,}", text):
            words[id] = text
    whole = sum(tokenizer.encode(text, add_special_tokens=False) == [id] for id, text in words.items())
    if whole < 0.9 * len(words):
        wrong = f"{len(words) - whole} of {len(words)} words of the vocabulary are read in pieces"
        raise ValueError(f"transformers {__version__} converts its tokenizer wrongly: {wrong}")


def _check_fits(config) -> None:
    need, (_, total) = memory.count(config) * memory.SIZES["float32"], memory.free_and_total("cpu")
    if need > total:
        sizes = f"unpacked its weights take {memory.gb(need)}"
        raise ValueError(f"{sizes}, and this machine has {memory.gb(total)}")


def _quietly(do: Callable, *arguments, **options):
    """The result of one of transformers' functions, without its progress bars."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        return do(*arguments, **options)
