"""Themes by keywords."""

import pytest

from nokenlab.experiments import themes


def test_themes_match_whole_words_in_any_capitals():
    lists = {"hole": ["hole", "pit"], "not": ["not"]}
    assert themes.matches("A Hole, not deep", lists) == ["hole", "not"]
    assert themes.matches("two holes", lists) == ["hole"]
    assert themes.matches("the whole spit is nothing", lists) == []


def test_own_themes_are_read_and_nonsense_is_refused(tmp_path):
    own = themes.read_themes()
    assert "a person" in own and all(isinstance(word, str) for words in own.values() for word in words)
    bad = tmp_path / "bad.yaml"
    for text in ("", "- a", "a: b", "a: []", "a: [1]", "a: ["):
        bad.write_text(text)
        with pytest.raises(ValueError, match=r"bad\.yaml"):
            themes.read_themes(str(bad))
    with pytest.raises(ValueError, match="cannot be read"):
        themes.read_themes(str(tmp_path / "none.yaml"))
