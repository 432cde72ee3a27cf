"""Themes of a text by keywords, from a YAML file that anyone can edit."""

import re
from pathlib import Path

import pandas as pd

from nokenlab.errors import BadInput
from workbook.word_lists import read_yaml

NONE = "none of these"


def read_themes(path: str = "default") -> dict[str, list[str]]:
    """The themes of a YAML file, theme -> its words; "default" is themes.yaml. BadInput for other content."""
    file = Path(__file__).with_name("themes.yaml") if path == "default" else Path(path)
    themes = read_yaml(file)
    if not isinstance(themes, dict) or not themes or not all(map(_is_words, themes.values())):
        raise BadInput(f"{path} must have lines such as `a hole: [hole, opening]`, with words in each list")
    themes = {str(theme): words for theme, words in themes.items()}
    if len({column(theme) for theme in [*themes, NONE]}) <= len(themes):
        raise BadInput(f"{path} has two themes of one name, or one that is called {NONE!r}")
    return themes


def _is_words(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)


def marks(texts: pd.Series, themes: dict[str, list[str]]) -> pd.DataFrame:
    """Which themes each text has: one column of booleans per theme (see `column`), and one for none of them.

    Matched are complete words, also with -s or -es; capitals do not matter.
    """
    table = pd.DataFrame(index=texts.index)
    for theme, words in themes.items():
        pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?:s|es)?(?!\w)"
        table[column(theme)] = [bool(re.search(pattern, text, re.IGNORECASE)) for text in texts]
    table[column(NONE)] = ~table.any(axis=1)
    return table


def column(theme: str) -> str:
    """A theme as the name of a column: "a hole" is a_hole, "small, flat or round" small_flat_or_round."""
    return re.sub(r"\W+", "_", theme)
