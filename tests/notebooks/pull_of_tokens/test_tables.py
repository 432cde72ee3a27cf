"""Where mixtures tip, and pulls: ends, mixed outputs, turned pairs, fits that are known, bad input."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny
from scipy.special import expit

import nokenlab as nl
from nokenlab.prompt import fill, word_vector
from workbook.pull_of_tokens import pulls
from workbook.pull_of_tokens import tables as experiment

WORDS, PROMPT, P = ["Red", "White", "Blue", "Black"], "The best <noken> is", [0, 0.25, 0.5, 0.75, 1]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def table(small):
    return experiment.tipping(small, WORDS, PROMPT, points=5)


def test_our_own_words_are_forty():
    assert len(experiment.words_of(["file"])) == 40 and experiment.words_of(WORDS) == WORDS
    for words in (WORDS[:3], [*WORDS, "Red"]):
        with pytest.raises(ValueError, match="words wants at least 4 different words"):
            experiment.words_of(words)


def test_a_word_of_several_tokens_is_refused(small):
    experiment.check_single(small, WORDS)
    with pytest.raises(ValueError, match="words wants words of one token; 'xyzzy' has"):
        experiment.check_single(small, ["Red", "xyzzy"])


def test_mixed_outputs_go_over_evenly():
    a, b = torch.randn(2, 30, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    p = torch.tensor(P)[:, None]
    mixed = ((1 - p) * a.exp() + p * b.exp()).log()
    assert experiment.to_b(mixed, a, b).tolist() == pytest.approx(P, abs=1e-5)
    assert experiment.to_b(mixed.flip(0), b, a).tolist() == pytest.approx(P, abs=1e-5)


@pytest.mark.parametrize(
    "gone, found",
    [
        ([0, 0.25, 0.5, 0.75, 1], (0.5, 1, 1)),
        ([0, 0, 0, 1, 1], (0.625, 0.25, 1)),
        ([0, 1, 0, 1, 1], (0.375, 0, 3)),
        ([0.2, 0.2, 0.2, 0.2, 0.2], (0.84375, 1, 1)),  # the ends say the same
    ],
)
def test_it_tips_at_one_half(gone, found):
    assert experiment.tips(P, gone) == pytest.approx(found)
    turned = experiment.tips(P, [1 - value for value in gone[::-1]])
    assert turned[0] == pytest.approx(1 - found[0]) or gone[0] == gone[-1]


def test_a_row_is_a_pair_and_is_what_one_pair_alone_says(small, table):
    assert list(zip(table["a"], table["b"], strict=True)) == list(itertools.combinations(WORDS, 2))
    a, b = word_vector(small, "White"), word_vector(small, "Black")
    row = table[(table["a"] == "White") & (table["b"] == "Black")].iloc[0]
    for way, column in ((nl.lerp, "p_star"), (nl.slerp, "slerp_p")):
        logits = small.logits(fill(small, PROMPT, way(a, b, P)))
        gone = experiment.to_b(logits, logits[0], logits[-1])
        assert row[column] == pytest.approx(experiment.tips(P, gone.tolist())[0], abs=1e-3)
    far = (logits[0].softmax(-1) - logits[-1].softmax(-1)).abs().sum() / 2
    assert row["apart"] == pytest.approx(far.item(), abs=1e-5)


def test_turned_round_it_tips_at_the_rest(small, table):
    turned = experiment.tipping(small, WORDS[::-1], PROMPT, points=5).rename(columns={"a": "b", "b": "a"})
    for column in ("p_star", "null_p", "slerp_p"):
        found = table.set_index(["a", "b"])[column] + turned.set_index(["a", "b"])[column]
        assert found.tolist() == pytest.approx([1] * 6, abs=1e-3)


def test_traits_are_the_words_own(small):
    found = experiment.traits(small, WORDS, PROMPT)
    for row in found.itertuples():
        assert row.norm == pytest.approx(word_vector(small, row.word).norm().log().item(), abs=1e-5)
        assert np.exp(row.rank) == pytest.approx(int(small.ids(f" {row.word}")[0]) + 1)  # ids without a gap
    assert np.isfinite(found[["gain"]].to_numpy()).all() and found["gain"].nunique() == 4


def made(pull=1.0, noise=0.0, seed=0):
    """A table of pairs of twelve words, that tip where pulls say; pulls are `pull` times the words' rank."""
    luck = np.random.default_rng(seed)
    known = pd.DataFrame(luck.normal(size=(12, 3)), columns=["norm", "gain", "rank"])
    known.insert(0, "word", [f"w{number:02}" for number in range(12)])
    level = dict(zip(known["word"], pull * known["rank"], strict=True))
    pairs = pd.DataFrame(itertools.combinations(known["word"], 2), columns=["a", "b"])
    y = pairs["a"].map(level) - pairs["b"].map(level) + luck.normal(0, noise + 1e-9, len(pairs))
    others = {name: expit(luck.normal(size=len(pairs))) for name in ("null_p", "slerp_p")}
    return pairs.assign(prompt="one", p_star=expit(y), **others), known


def explained(found, by):
    rows = found[(found["by"] == by) & ((found["fold"] == pulls.HELD) | (by == "traits"))].dropna()
    return 1 - ((rows["y"] - rows["predicted"]) ** 2).sum() / (rows["y"] ** 2).sum()


def test_pulls_that_are_there_are_found_and_no_control_finds_them():
    table, known = made()
    found = pulls.predictions(table, known)
    assert explained(found, "pulls") == pytest.approx(1) and explained(found, "traits") == pytest.approx(1)
    assert max(explained(found, by) for by in pulls.BY if by not in ("pulls", "traits")) < 0.5
    own = pulls.of_words(table, known)
    assert own["pull"].tolist() == pytest.approx((own["rank"] - known["rank"].mean()).tolist())


def test_pulls_that_are_not_there_are_not():
    found = pulls.predictions(*made(pull=0, noise=1))
    assert explained(found, "pulls") < 0.2


def test_what_is_held_out_is_not_looked_at():
    table, known = made(noise=0.5)
    first = pulls.predictions(table, known)
    held = (first["fold"] == pulls.HELD)[: len(table)]
    assert held.sum() == len(table) // 2
    changed = table.assign(p_star=table["p_star"].where(~held, 0.99))
    again = pulls.predictions(changed, known)
    rest = first["by"] != "traits"
    assert again["predicted"][rest].tolist() == pytest.approx(first["predicted"][rest].tolist())


def test_new_words_are_new():
    table, known = made()
    found = pulls.predictions(table, known)
    rows = found[(found["by"] == "traits")]
    assert rows["predicted"].notna().sum() == 2 * 15  # the pairs of six words, twice


def test_a_seed_says_which_half():
    assert pulls.folds(9, 0) == pulls.folds(9, 0) != pulls.folds(9, 1)
    assert pulls.folds(9, 0).count(pulls.FIT) == 5
    table, known = made()
    wide = pulls.with_predicted(table, pulls.predictions(table, known))
    assert wide["predicted"].tolist() == pytest.approx(wide["p_star"].tolist()) and "fold" in wide
