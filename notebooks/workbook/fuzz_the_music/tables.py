"""A noken in the prompt of a MusicGen, and the line from one prompt to another, as sound."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab import interpolation, nokens
from nokenlab.answers.blends import pair
from nokenlab.answers.substitutes import substitutes_for
from nokenlab.music.music_lab import MusicLab
from workbook.fuzz_the_music import sound

OTHER_DRAW = "other luck"  # the scale of the unchanged prompt, drawn with other seeds


def fuzz(
    lab: MusicLab, prompt: str, position: int, seeds: Sequence[int], draw: int = 0, **options
) -> tuple[pd.DataFrame, Tensor]:
    """The prompt unchanged, then with the token at `position` replaced, as by `substitutes_for`.

    `options` are those of `MusicLab.play`, such as seconds and guidance. All are drawn with seed `draw`. As a
    baseline the unchanged prompt is drawn again for each seed, with `draw` + 1 + seed. A table of one row per
    clip, and the clips (rows, samples). Columns: clip (its name), prompt, position, seed (missing for the
    true token), scale (of `substitutes_for`, or "other luck"), draw, norm (of the vector at `position`), and
    those of `sound.measure`, whose distance is from the first row.
    """
    parts = substitutes_for(lab, prompt, position, seeds)
    parts[OTHER_DRAW] = parts["true token"].repeat(len(seeds), 1)
    rows = nokens.replace(lab.embed(prompt), position, torch.cat(list(parts.values())))
    scales = [scale for scale, vectors in parts.items() for _ in vectors]
    noken_seeds = [None, *[*seeds] * (len(parts) - 1)]
    labels = list(zip(scales, noken_seeds, strict=True))
    draws = [draw + 1 + seed if scale == OTHER_DRAW else draw for scale, seed in labels]
    clips = lab.play(rows, seed=draws, **options)
    names = [scale if seed is None else f"{scale} {seed}" for scale, seed in labels]
    columns = {
        "clip": [name.replace(" ", "-") for name in names],
        "prompt": prompt,
        "position": position,
        "seed": pd.array(noken_seeds, dtype="Int64"),
        "scale": scales,
        "draw": pd.array(draws, dtype="Int64"),
        "norm": rows[:, position].float().norm(dim=-1).tolist(),
    }
    return pd.DataFrame(columns).join(sound.measure(clips, lab.rate, clips[0])), clips


def blend(
    lab: MusicLab, prompt_a: str, prompt_b: str, p: Sequence[float], draw: int = 0, **options
) -> tuple[pd.DataFrame, Tensor]:
    """The sound along the straight line from one prompt (p = 0) to another of as many tokens (p = 1).

    A table of one row per p, and the clips (rows, samples). Columns: clip (its name), prompt, prompt_b, p,
    and those of `sound.measure`, whose distance is from `prompt_a`'s own clip.
    """
    a, b = pair(lab, prompt_a, prompt_b)
    clips = lab.play(torch.cat([a, interpolation.lerp(a, b, p)]), seed=draw, **options)
    table = pd.DataFrame({"clip": [f"blend-{i:02d}" for i in range(len(p))]})
    table = table.assign(prompt=prompt_a, prompt_b=prompt_b, p=list(map(float, p)))
    return table.join(sound.measure(clips[1:], lab.rate, clips[0])), clips[1:]
