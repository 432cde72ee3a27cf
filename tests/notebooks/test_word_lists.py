"""The loader of word lists, and the lists that come with the experiments."""

from pathlib import Path

import pytest

import workbook
from nokenlab.errors import BadInput
from workbook import word_lists

WORKBOOK = Path(workbook.__file__).parent


def test_comments_and_empty_lines_are_left_out(tmp_path):
    (file := tmp_path / "words.txt").write_text("# some words\ndog\n\n  cat  \n", encoding="utf-8")
    assert word_lists.read_lines(file) == word_lists.words(["file"], file) == ["dog", "cat"]
    assert word_lists.words(["a", "b"], file) == ["a", "b"]


def test_groups_are_split_at_commas(tmp_path):
    (file := tmp_path / "pairs.txt").write_text("dog, cat\nred,blue\n", encoding="utf-8")
    assert word_lists.word_groups(["file"], file, 2) == [("dog", "cat"), ("red", "blue")]
    assert word_lists.word_groups(["a, b ,c"], file, 3) == [("a", "b", "c")]


@pytest.mark.parametrize("lines", [["a"], ["a, a"], ["a, b, c"], ["a, "]])
def test_a_line_that_is_not_a_pair_is_refused(lines, tmp_path):
    with pytest.raises(BadInput, match=r"^2 different words with commas between are needed, got"):
        word_lists.word_groups(lines, tmp_path / "pairs.txt", 2)
    (file := tmp_path / "pairs.txt").write_text(lines[0], encoding="utf-8")
    with pytest.raises(BadInput, match=r"^pairs\.txt: 2 different words"):
        word_lists.word_groups(["file"], file, 2)


def test_an_empty_list_is_refused(tmp_path):
    with pytest.raises(BadInput, match="at least one line of 3 words"):
        word_lists.word_groups([], tmp_path / "triples.txt", 3)


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]])
def test_too_few_words_and_equal_ones_are_refused(names, tmp_path):
    with pytest.raises(BadInput, match="words must be at least 2 different words"):
        word_lists.words(names, tmp_path / "words.txt", at_least=2)


@pytest.mark.parametrize("content, message", [(b"a: [", "is not valid YAML"), (b"\xff", "is not UTF-8 text")])
def test_a_broken_file_is_named_in_one_line(content, message, tmp_path):
    (file := tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(BadInput, match=rf"^.*bad\.yaml {message}.*$"):
        word_lists.read_yaml(file)
    with pytest.raises(BadInput, match=r"none\.yaml cannot be read: No such file"):
        word_lists.read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "file, size, count",
    [
        ("between_and_beyond/pairs.txt", 2, 50),
        ("territories/triples.txt", 3, 20),
        ("hidden_states/words.txt", 1, 100),
        ("pull_of_tokens/words.txt", 1, 40),
    ],
)
def test_words_of_the_experiments_are_single_tokens_of_the_default_model(file, size, count, lab):
    groups = word_lists.word_groups(["file"], WORKBOOK / file, size)
    assert len(groups) == len(set(groups)) == count
    assert {len(lab.ids(f" {word}")) for group in groups for word in group} == {1}
