"""Fuzz the music: a noken in the prompt of a MusicGen, and the way from one prompt to another, as sound."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab import interpolation, nokens
from nokenlab.answers.blends import pair
from nokenlab.answers.substitutes import substitutes
from nokenlab.music import sound
from nokenlab.music.music_lab import MusicLab


def fuzz(
    lab: MusicLab,
    prompt: str,
    position: int,
    seeds: Sequence[int],
    *,
    seconds: float = 3.0,
    guidance: float = 3.0,
    draw: int | None = 0,
) -> tuple[pd.DataFrame, Tensor]:
    """The prompt as it is, then with the token at `position` replaced, as in `random_nokens.substitutes`.

    All are drawn from the seed `draw`. Beside them, as a baseline, the prompt as it is once more a seed, with
    other luck: drawn from `draw` + 1 + seed. A table of one row a clip, and the clips (rows, samples).
    Columns: clip (its name), prompt, position, seed (none for the true token), scale (of `substitutes`, or
    "other luck"), draw, norm (of the vector at `position`), and those of `sound.measure`, whose distance is
    from the first row. With `draw` None all take the likeliest sound: no luck, and no such rows.
    """
    parts = substitutes(lab, prompt, position, seeds)
    if draw is not None:
        parts["other luck"] = parts["true token"].repeat(len(seeds), 1)
    rows = nokens.replace(lab.embed(prompt), position, torch.cat(list(parts.values())))
    drawn = [None, *[*seeds] * (len(parts) - 1)]
    scales = [scale for scale, vectors in parts.items() for _ in vectors]
    lucky = zip(scales, drawn, strict=True)
    draws = [draw + 1 + seed if scale == "other luck" else draw for scale, seed in lucky]
    luck = None if draw is None else draws
    clips = lab.play(rows, seconds, seed=luck, guidance=guidance)
    settings = pd.DataFrame(
        {
            "clip": [_name(scale, seed) for scale, seed in zip(scales, drawn, strict=True)],
            "prompt": prompt,
            "position": position,
            "seed": pd.array(drawn, dtype="Int64"),
            "scale": scales,
            "draw": pd.array(draws, dtype="Int64"),
            "norm": rows[:, position].float().norm(dim=-1).tolist(),
        }
    )
    return settings.join(sound.measure(clips, lab.rate, clips[0])), clips


def blend(
    lab: MusicLab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    *,
    seconds: float = 3.0,
    guidance: float = 3.0,
    draw: int | None = 0,
) -> tuple[pd.DataFrame, Tensor]:
    """The sound along the straight line from one prompt (p = 0) to another of as many tokens (p = 1).

    A table of one row a p, and the clips (rows, samples). Columns: clip (its name), prompt, prompt_b, p,
    and those of `sound.measure`, whose distance is from `prompt_a`'s own clip.
    """
    a, b = pair(lab, prompt_a, prompt_b)
    clips = lab.play(torch.cat([a, interpolation.lerp(a, b, p)]), seconds, seed=draw, guidance=guidance)
    settings = pd.DataFrame(
        {
            "clip": [f"blend-{row:02d}" for row in range(len(p))],
            "prompt": prompt_a,
            "prompt_b": prompt_b,
            "p": list(map(float, p)),
        }
    )
    return settings.join(sound.measure(clips[1:], lab.rate, clips[0])), clips[1:]


def spectrograms(clips: Tensor) -> Tensor:
    """How loud each frequency is at each moment, dB: (clips, samples) -> (clips, frequencies, moments)."""
    return sound.decibels(sound.spectra(clips))


def _name(scale: str, seed: int | None) -> str:
    words = scale.split() + ([] if seed is None else [str(seed)])
    return "-".join(words)
