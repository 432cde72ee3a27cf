"""Themes of a text by keywords, from a YAML file that anyone can edit."""

import re
from pathlib import Path

import pandas as pd

from workbook.word_lists import read_yaml

OWN = Path(__file__).parent / "themes.yaml"
NONE = "none of these"


def read_themes(path: str = "default") -> dict[str, list[str]]:
    """The themes of a YAML file, theme -> its words; "default" is nokenlab's own.

    Raises ValueError for a file that holds something else.
    """
    file = OWN if path == "default" else Path(path)
    found = read_yaml(file)
    if not isinstance(found, dict) or not found or not all(map(_is_words, found.values())):
        raise ValueError(f"{path} must have lines such as `a hole: [hole, opening]`, with words in each list")
    themes = {str(theme): words for theme, words in found.items()}
    if len({column(theme) for theme in [*themes, NONE]}) <= len(themes):
        raise ValueError(f"{path} has two themes of one name, or one that is called {NONE!r}")
    return themes


def matches(text: str, themes: dict[str, list[str]]) -> list[str]:
    """The themes of a text, in the file's order: a word counts whole, with -s or -es, in any capitals."""
    return [
        theme for theme, words in themes.items() if re.search(_pattern(tuple(words)), text, re.IGNORECASE)
    ]


def marks(texts: pd.Series, themes: dict[str, list[str]]) -> pd.DataFrame:
    """Which themes each text has: a column of booleans a theme (see `column`), and one for none of them."""
    found = [matches(text, themes) or [NONE] for text in texts]
    columns = {column(theme): [theme in some for some in found] for theme in [*themes, NONE]}
    return pd.DataFrame(columns, index=texts.index)


def column(theme: str) -> str:
    """A theme as the name of a column: "a hole" is a_hole, "small, flat or round" small_flat_or_round."""
    return re.sub(r"\W+", "_", theme)


def _pattern(words: tuple[str, ...]) -> str:
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?:s|es)?(?!\w)"


def _is_words(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)
