"""A table of noise that is made by hand, for the tests of semantic decay."""

import pandas as pd


def noise_table(kept: dict[str, list[int]], draws: int = 4) -> pd.DataFrame:
    """A `disturb` table where subject s keeps kept[s][i] of its draws at magnitude 1, 10, 100."""
    rows = [
        (name, *_family(name), m, m / 2, i, 1.0, 9.0, i < hits, True, m / 100, m / 50, m / 400)
        for name, counts in kept.items()
        for m, hits in zip((1.0, 10.0, 100.0), counts, strict=True)
        for i in range(draws)
    ]
    names = ["subject", "family", "prompt", "matched", "magnitude", "medians", "seed", "grown", "angle"]
    return pd.DataFrame(rows, columns=[*names, "kept", "first", "kl", "kl_turned", "kl_along"])


def _family(name: str) -> tuple[str, str, bool]:
    """Family, prompt and matched: words are a to l, and of all a and z are matched."""
    return "word" if name < "m" else "r = 1", "<noken> is", name in "az"
