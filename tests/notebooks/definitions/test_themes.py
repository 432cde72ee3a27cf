"""Themes by keywords."""

import pandas as pd
import pytest

from workbook.definitions import themes


def test_themes_match_whole_words_in_any_capitals():
    lists = {"hole": ["hole", "pit"], "not": ["not"]}
    assert themes.matches("A Hole, not deep", lists) == ["hole", "not"]
    assert themes.matches("two holes", lists) == ["hole"]
    assert themes.matches("the whole spit is nothing", lists) == []


def test_marks_are_a_column_a_theme():
    texts = pd.Series(["a hole in a list", "nothing"], index=[7, 3])
    table = themes.marks(texts, {"a hole": ["hole"], "small, flat": ["flat"]})
    assert table.to_dict("list") == {
        "a_hole": [True, False],
        "small_flat": [False, False],
        "none_of_these": [False, True],
    }
    assert table.index.tolist() == [7, 3] and all(kind.kind == "b" for kind in table.dtypes)


def test_own_themes_are_read_and_nonsense_is_refused(tmp_path):
    own = themes.read_themes()
    assert "a person" in own and all(isinstance(word, str) for words in own.values() for word in words)
    bad = tmp_path / "bad.yaml"
    for text in ("", "- a", "a: b", "a: []", "a: [1]", "a: [", "a b: [c]\na, b: [d]"):
        bad.write_text(text)
        with pytest.raises(ValueError, match=r"bad\.yaml"):
            themes.read_themes(str(bad))
    with pytest.raises(ValueError, match="cannot be read"):
        themes.read_themes(str(tmp_path / "none.yaml"))
