"""Does a runtime read a vector as it reads the token? Checks of logits that must be the same.

A check is a function of a lab and a runtime of the same model. It yields pairs of logits, what came and what
is right; none where it does not apply, as where a model has no sliding window.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from nokenlab.conformance.runtimes import ROUNDING, InLab, Rows, Runtime
from nokenlab.errors import first_line
from nokenlab.lab import Lab
from nokenlab.models.families import rope_switch
from nokenlab.nokens import random_nokens, replace

NEW = 6  # tokens that are followed
TEXTS, TEXT, AT_ONCE = 64, 12, 16  # texts that are compared, their tokens, and how many are one batch
LONGEST = 4096  # tokens of a prompt; longer windows are not reached
SAME, DIFFERS, NOT_HERE = "same", "differs", "not here"
LENGTHS = (5, 12, 40)  # tokens of rows that are padded
Pairs = Iterator[tuple[Tensor, Tensor]]


def conform(
    lab: Lab, runtime: Runtime | None = None, beside: Mapping[str, Runtime] | None = None
) -> pd.DataFrame:
    """Whether a runtime reads vectors as tokens, on this machine; one row per check.

    `runtime` runs the model of `lab`, and is the lab itself by default. `beside` are others of the model, as
    `InLab(nl.load(name, dtype="bfloat16"))`, for texts to be compared with. Columns: check, difference (the
    largest of logits, in standard deviations of the right ones), texts (how many of 64 are the same, where
    texts are compared), verdict: same (to the runtime's rounding), differs, not here (the check does not
    apply), or why the runtime failed.
    """
    runtime = runtime or InLab(lab)
    rows = []
    for name, check in CHECKS.items():
        rows.append({"check": name} | _judged(lambda check=check: check(lab, runtime), runtime.limit))
    for name, other in (beside or {}).items():
        rows.append({"check": f"beside {name}"} | _compared(lab, runtime, other))
    return pd.DataFrame(rows, columns=["check", "difference", "texts", "verdict"]).astype({"texts": "Int64"})


def failures(table: pd.DataFrame) -> list[str]:
    """One line for each check of a table that failed."""
    failed = table[~table["verdict"].isin([SAME, NOT_HERE])]
    lines = failed[["check", "verdict", "difference"]].itertuples(index=False)
    return [f"{check}: {verdict}" + ("" if pd.isna(by) else f" by {by:.2g}") for check, verdict, by in lines]


def _judged(pairs: Callable[[], Iterable[tuple[Tensor, Tensor]]], limit: float) -> dict:
    """The largest difference of pairs of logits and a verdict."""
    differences = []
    try:
        for ours, right in pairs():
            difference = ((ours - right).abs().max() / right.std()).item()
            differences.append(difference if math.isfinite(difference) else math.inf)
    except (ValueError, RuntimeError) as error:
        return {"verdict": first_line(error)}
    if not differences:
        return {"verdict": NOT_HERE}
    return {"difference": max(differences), "verdict": SAME if max(differences) <= limit else DIFFERS}


def _compared(lab: Lab, runtime: Runtime, other: Runtime) -> dict:
    """How many texts are the same in two runtimes, and their first logits judged."""
    first, same = [], 0
    for begin in range(0, TEXTS, AT_ONCE):
        prompts = _alike(lab, runtime, range(begin, begin + AT_ONCE))
        answers = zip(runtime.generate(prompts, TEXT), other.generate(prompts, TEXT), strict=True)
        for ours, theirs in answers:
            first.append((ours.logits[0], theirs.logits[0]))
            same += ours.ids.tolist() == theirs.ids.tolist()
    return {"texts": same} | _judged(lambda: first, ROUNDING)


def _ids_and_embeddings(lab: Lab, runtime: Runtime) -> Pairs:
    for seed in range(2):
        ids = _ids(lab, 30, seed)
        yield runtime.logits([runtime.embed(ids)]), runtime.logits([ids])


def _together(lab: Lab, runtime: Runtime) -> Pairs:
    rows = [_prompt(lab, runtime, tokens) for tokens in LENGTHS]
    yield runtime.logits(rows), torch.cat([runtime.logits([row]) for row in rows])


def _steps(lab: Lab, runtime: Runtime, lengths: Sequence[int]) -> Pairs:
    yield from _followed(runtime, [_prompt(lab, runtime, tokens) for tokens in lengths])


def _shared_beginning(lab: Lab, runtime: Runtime, norm: float = 1.0) -> Pairs:
    yield from _followed(runtime, _alike(lab, runtime, range(3), norm))


def _ended_row(lab: Lab, runtime: Runtime) -> Pairs:
    rows = _alike(lab, runtime, range(3))
    complete = runtime.generate(rows, NEW)
    ended = runtime.generate(rows, NEW, [int(complete[0].ids[1])])
    for answer, right in zip(ended[1:], complete[1:], strict=True):
        yield answer.logits, right.logits[: len(answer.logits)]


def _window(lab: Lab, runtime: Runtime) -> Pairs:
    config = lab.model.config.get_text_config()
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    if window and window + 2 * NEW <= min(lab.context or LONGEST, LONGEST):
        yield from _steps(lab, runtime, [window - NEW // 2, window + NEW])


def _rotary_switch(lab: Lab, runtime: Runtime) -> Pairs:
    switch = rope_switch(lab.model.config.get_text_config())
    if switch and 2 * NEW < switch <= LONGEST:
        yield from _steps(lab, runtime, [NEW, switch - NEW - len(lab.start_ids)])


def _not_a_number(lab: Lab, runtime: Runtime) -> Pairs:
    rows = _alike(lab, runtime, range(3))
    rows[1] = rows[1] * torch.nan
    yield runtime.logits(rows)[::2], torch.cat([runtime.logits([row]) for row in rows[::2]])


def _resumed(lab: Lab, runtime: Runtime) -> Pairs:
    if isinstance(runtime, InLab):
        prompts, steps, states = [_prompt(lab, runtime, tokens)[None] for tokens in LENGTHS], [], []
        for step in lab.sample(prompts, NEW):
            steps.append(step)
            states.append(step.state())
        half = len(steps) // 2
        for step in lab.sample(state=states[half], max_new_tokens=NEW - half - 1):
            yield step.logits, steps[step.index].logits


def _vectors_at_once(lab: Lab, runtime: Runtime) -> Pairs:
    if isinstance(runtime, InLab):
        prompt, phrase = _prompt(lab, runtime, 12)[None], _nokens(lab, range(3))[None]
        at_once = list(lab.sample(prompt, 2, feed=lambda step: phrase))
        in_turn = list(lab.sample(prompt, 4, feed=lambda step: [*phrase.unbind(1), None][step.index]))
        if len(at_once) == 2 and len(in_turn) == 4:  # the text has not ended
            yield at_once[-1].logits, in_turn[-1].logits


CHECKS: dict[str, Callable[[Lab, Runtime], Pairs]] = {
    "ids and embeddings": _ids_and_embeddings,
    "batch and padding": _together,
    "cache": partial(_steps, lengths=[12]),
    "cache, batch and padding": partial(_steps, lengths=LENGTHS),
    "shared beginning": _shared_beginning,
    "a row that ended": _ended_row,
    "sliding window": _window,
    "rotary switch": _rotary_switch,
    "noken of 0.1 token norms": partial(_shared_beginning, norm=0.1),
    "noken of 100 token norms": partial(_shared_beginning, norm=100.0),
    "NaN in another row": _not_a_number,
    "resumed run": _resumed,
    "k vectors at once": _vectors_at_once,
}


def _followed(runtime: Runtime, rows: Rows) -> Pairs:
    """The first steps and the last of rows that run together, beside the row alone without a cache."""
    for row, answer in zip(rows, runtime.generate(rows, NEW), strict=True):
        for step in sorted({0, 1, len(answer.ids) - 1}):
            text = torch.cat([row, runtime.embed(answer.ids[:step]).to(row)])
            yield answer.logits[step], runtime.logits([text])[0]


def _ids(lab: Lab, tokens: int, seed: int = 0) -> Tensor:
    """Ids of random tokens, (tokens,), not from the ends of the vocabulary, where special ones are."""
    ordinary = lab.space.ids[len(lab.space) // 20 : -len(lab.space) // 4]
    generator = torch.Generator().manual_seed(1000 * tokens + seed)
    return ordinary[torch.randint(len(ordinary), (tokens,), generator=generator)]


def _nokens(lab: Lab, seeds: Iterable[int], norm: float = 1.0) -> Tensor:
    """Random nokens of so many token norms, (seeds, width)."""
    return random_nokens(lab.width, seeds, norm=norm * lab.space.median_norm)


def _prompt(lab: Lab, runtime: Runtime, tokens: int) -> Tensor:
    """Random tokens with a noken at position 2, (tokens, width)."""
    return replace(runtime.embed(_ids(lab, tokens))[None], 2, _nokens(lab, [tokens]))[0]


def _alike(lab: Lab, runtime: Runtime, seeds: Iterable[int], norm: float = 1.0) -> list[Tensor]:
    """Prompts (tokens, width) that differ in a noken, one per seed."""
    return list(replace(runtime.embed(_ids(lab, 14))[None], 9, _nokens(lab, seeds, norm)))
