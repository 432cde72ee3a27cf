"""Themes by keywords."""

import pandas as pd
import pytest

from workbook.definitions import themes


def test_marks_are_one_column_per_theme_of_complete_words_in_any_capitals():
    texts = pd.Series(["A Hole, not deep", "two holes", "the whole spit is nothing"], index=[7, 3, 5])
    table = themes.marks(texts, {"a hole": ["hole", "pit"], "small, flat": ["flat", "not"]})
    assert table.to_dict("list") == {
        "a_hole": [True, True, False],
        "small_flat": [True, False, False],
        "none_of_these": [False, False, True],
    }
    assert table.index.tolist() == [7, 3, 5] and all(kind.kind == "b" for kind in table.dtypes)


def test_our_themes_are_read_and_other_content_is_refused(tmp_path):
    ours = themes.read_themes()
    assert "a person" in ours and all(isinstance(word, str) for words in ours.values() for word in words)
    bad = tmp_path / "bad.yaml"
    for text in ("", "- a", "a: b", "a: []", "a: [1]", "a: [", "a b: [c]\na, b: [d]"):
        bad.write_text(text)
        with pytest.raises(ValueError, match=r"bad\.yaml"):
            themes.read_themes(str(bad))
