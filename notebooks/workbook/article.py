"""Facts of the article, compared with what its own model, microsoft/phi-2, gives here.

Its random nokens are not among them: another device's generator drew them, and no CPU or other GPU repeats
those numbers.
"""

from pathlib import Path

import pandas as pd

from nokenlab.answers.blends import blend, plateaus
from nokenlab.lab import Lab

MODEL, WIDTH = "microsoft/phi-2", 2560
TEXT, IDS = "Hello world :)", [15496, 995, 14373]
PROMPTS = "White whippets are", "Black whippets are"
PLATEAUS = [[0.0], [0.1, 0.2], [0.3, 0.4, 0.5], [0.6, 0.7, 0.8], [0.9, 1.0]]
MAX_LENGTH = 30  # of prompt and answer together


def check_tokens(lab: Lab) -> pd.DataFrame:
    """The article's token ids and its width of an embedding, beside those of `lab`.

    Columns: fact, article, here, same ("yes" or "no"; for another model than the article's nothing is
    compared, and `same` says so).
    """
    ids = lab.ids(TEXT).tolist()
    rows = [
        (f'token ids of "{TEXT}"', ", ".join(map(str, IDS)), ", ".join(map(str, ids))),
        ("numbers in an embedding", str(WIDTH), str(lab.width)),
    ]
    return _compared(lab, rows)


def check_plateaus(lab: Lab) -> pd.DataFrame:
    """The article's plateaus, the p from 0 to 1 of equal answers, beside those of `lab`. Columns as above."""
    fact = 'plateaus from "{}" to "{}"'.format(*PROMPTS)
    plateaus_here = _plateaus(lab) if _is_the_articles(lab) else []
    return _compared(lab, [(fact, _braced(PLATEAUS), _braced(plateaus_here))])


def _plateaus(lab: Lab) -> list[list[float]]:
    p = [value for plateau in PLATEAUS for value in plateau]
    max_new_tokens = MAX_LENGTH - len(lab.ids(PROMPTS[0]))
    runs = plateaus(blend(lab, *PROMPTS, p, max_new_tokens=max_new_tokens))
    ends = zip(runs["p_from"], runs["p_to"], strict=True)
    return [[value for value in p if low <= value <= high] for low, high in ends]


def _compared(lab: Lab, rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["fact", "article", "here"])
    if not _is_the_articles(lab):
        return table.assign(here="", same=f"only on {MODEL}")
    return table.assign(same=["yes" if row.article == row.here else "no" for row in table.itertuples()])


def _is_the_articles(lab: Lab) -> bool:
    return Path(lab.name).name == Path(MODEL).name  # by id, or in a folder of that name


def _braced(plateaus: list[list[float]]) -> str:
    """Plateaus as the article writes them: {0}, {0.1, 0.2}, …"""
    return ", ".join("{" + ", ".join(f"{p:g}" for p in plateau) + "}" for plateau in plateaus)
