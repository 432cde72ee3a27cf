"""Whether a notebook's parameters fit the model and the memory: checked before long work."""

from collections.abc import Iterable, Mapping, Sequence

from nokenlab.embedder import Embedder
from nokenlab.models import memory
from nokenlab.prompt import Template


def check(
    lab: Embedder,
    prompts: Sequence[str],
    *,
    new: Mapping[str, int] | None = None,
    at: Mapping[str, int | Iterable[int]] | None = None,
    rows: Mapping[str, int] | None = None,
    vectors: Mapping[str, int] | None = None,
) -> None:
    """ValueError, in one line that names the parameter, for values too large for prompts, model or memory.

    Each of these maps parameter names to values. `new`: new tokens after a prompt. `at`: positions, which
    must lie in each prompt. `rows`: copies of a prompt whose next-token logits are held at once. `vectors`:
    prompts or single vectors held at once without logits. Both are counted as float32, three times for what
    is computed from them, against the memory that is free now.
    """
    tokens = [Template(lab, prompt).tokens for prompt in prompts] or [1]
    longest, shortest = max(tokens), min(tokens)
    for name, count in (new or {}).items():
        lab.check_room(len(lab.start_ids) + longest, count, name)
    for name, places in (at or {}).items():
        _check_places(name, [places] if isinstance(places, int) else places, shortest)
    logits = lab.model.get_input_embeddings().num_embeddings
    for name, count in (rows or {}).items():
        _check_memory(name, count, "rows", 12 * (longest * lab.width + logits))
    for name, count in (vectors or {}).items():
        _check_memory(name, count, "vectors", 12 * longest * lab.width)


def _check_places(name: str, places: Iterable[int], shortest: int) -> None:
    for place in places:
        if not -shortest <= place < shortest:
            has = f"the prompt, which has {shortest} tokens: 0 to {shortest - 1}"
            raise ValueError(f"{name}: {place} is outside {has}, or from the end -{shortest} to -1")


def _check_memory(name: str, count: int, what: str, each: int) -> None:
    free = memory.free_and_total("cpu")[0]
    if count * each > free:
        takes = f"{count:,} {what} take about {memory.gb(count * each)}, and {memory.gb(free)} are free"
        raise ValueError(f"{name} is too large: {takes}; at most {free // each:,} {what} fit")
