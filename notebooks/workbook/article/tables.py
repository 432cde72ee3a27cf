"""The article, checked: on its own model, microsoft/phi-2, do its facts come back?

The facts are in article.json. The article's random nokens are not among them: they were drawn by another
device's generator, which no CPU or other GPU repeats, so its responses to them cannot come back exactly.
"""

import json
from importlib.resources import files
from pathlib import Path

import pandas as pd

from nokenlab.answers.blends import blend, plateaus
from nokenlab.lab import Lab

FACTS = json.loads(files("workbook.article").joinpath("article.json").read_text(encoding="utf-8"))
ELSEWHERE = f"only on {FACTS['model']}"


def check_tokens(lab: Lab) -> pd.DataFrame:
    """The article's token ids and its width of an embedding, beside what they are here.

    Columns: fact, article, here, same ("yes", "no"; on another model than the article's nothing is
    compared, and it says so).
    """
    text = FACTS["text"]
    return _table(
        lab,
        {
            f'token ids of "{text}"': (FACTS["ids"], lambda: lab.ids(text).tolist()),
            "numbers in an embedding": (FACTS["width"], lambda: lab.width),
        },
    )


def check_plateaus(lab: Lab) -> pd.DataFrame:
    """The article's plateaus, the p from 0 to 1 that share an answer, beside those here. Columns as above."""
    a, b = FACTS["prompts"]
    return _table(lab, {f'plateaus from "{a}" to "{b}"': (FACTS["plateaus"], lambda: _plateaus(lab, a, b))})


def _plateaus(lab: Lab, a: str, b: str) -> list[list[float]]:
    p = [value for plateau in FACTS["plateaus"] for value in plateau]
    new = FACTS["max_length"] - len(lab.ids(a))  # its max_length counted the prompt too
    runs = plateaus(blend(lab, a, b, p, max_new_tokens=new))
    return [
        [v for v in p if low <= v <= high] for low, high in zip(runs["p_from"], runs["p_to"], strict=True)
    ]


def _table(lab: Lab, facts: dict) -> pd.DataFrame:
    is_the_articles = Path(lab.name).name == Path(FACTS["model"]).name  # by id, or in a folder of its name
    rows = []
    for fact, (article, find) in facts.items():
        here = find() if is_the_articles else None
        same = ELSEWHERE if here is None else "yes" if here == article else "no"
        rows.append((fact, _spelled(article), "" if here is None else _spelled(here), same))
    return pd.DataFrame(rows, columns=["fact", "article", "here", "same"])


def _spelled(value: int | list) -> str:
    """Plateaus as the article's readers count them: {0}, {0.1, 0.2}, …"""
    if isinstance(value, list) and isinstance(value[0], list):
        return ", ".join("{" + ", ".join(f"{p:g}" for p in plateau) + "}" for plateau in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
