"""Pulls and their controls, of pairs whose pulls are known."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from workbook.claims import statistics
from workbook.pull_of_tokens import pulls


def pairs(pull=1.0, noise=0.0):
    """Pairs of twelve words that tip where pulls say, `pull` times the words' rank; and the words' traits."""
    rng = np.random.default_rng(0)
    traits = pd.DataFrame(rng.normal(size=(12, 3)), columns=["norm", "gain", "rank"])
    traits.insert(0, "word", [f"w{number:02}" for number in range(12)])
    level = dict(zip(traits["word"], pull * traits["rank"], strict=True))
    table = pd.DataFrame(itertools.combinations(traits["word"], 2), columns=["a", "b"])
    y = table["a"].map(level) - table["b"].map(level) + rng.normal(0, noise + 1e-9, len(table))
    others = {name: expit(rng.normal(size=len(table))) for name in ("null_p", "slerp_p")}
    return table.assign(prompt="one", p_star=expit(y), **others), traits


def shares(predicted):
    """What each prediction explains of the pairs that it was not fitted on."""
    held = predicted[(predicted["fold"] == pulls.HELD) | (predicted["by"] == "traits")].dropna()
    return {
        by: statistics.explained_share(rows["y"].to_numpy(), rows["predicted"].to_numpy(), np.ones(len(rows)))
        for by, rows in held.groupby("by")
    }


def test_known_pulls_are_found_and_no_control_finds_them():
    table, traits = pairs()
    share = shares(pulls.predictions(table, traits))
    assert share.pop("pulls") == pytest.approx(1) and share.pop("traits") == pytest.approx(1)
    assert max(share.values()) < 0.5
    words = pulls.of_words(table, traits)
    assert words["pull"].tolist() == pytest.approx((words["rank"] - traits["rank"].mean()).tolist())


def test_without_pulls_nothing_is_explained():
    assert shares(pulls.predictions(*pairs(pull=0, noise=1)))["pulls"] < 0.2


def test_held_out_pairs_are_not_used():
    table, traits = pairs(noise=0.5)
    first = pulls.predictions(table, traits)
    held = (first["fold"] == pulls.HELD)[: len(table)]
    assert held.sum() == len(table) // 2
    changed = table.assign(p_star=table["p_star"].where(~held, 0.99))
    fitted = first["by"] != "traits"
    again = pulls.predictions(changed, traits)["predicted"][fitted]
    assert again.tolist() == pytest.approx(first["predicted"][fitted].tolist())


def test_traits_predict_the_pairs_of_new_words():
    predicted = pulls.predictions(*pairs())
    assert predicted[predicted["by"] == "traits"]["predicted"].notna().sum() == 2 * 15  # of six words, twice


def test_a_seed_draws_the_half():
    assert pulls.folds(9, 0) == pulls.folds(9, 0) != pulls.folds(9, 1)
    assert pulls.folds(9, 0).count(pulls.FIT) == 5
    table, traits = pairs()
    wide = pulls.with_predicted(table, pulls.predictions(table, traits))
    assert wide["predicted"].tolist() == pytest.approx(wide["p_star"].tolist()) and "fold" in wide
