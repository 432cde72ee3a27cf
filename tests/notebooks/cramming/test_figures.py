"""Figures of cramming: one dot per text, the published line, and pairs of nokens elsewhere."""

import itertools

import pandas as pd
from helpers.figures import drawn

from workbook.cramming import figures
from workbook.cramming.tables import KINDS


def horizons(held="free", texts=3):
    rows = [
        {"text": text, "kind": kind, "held": held, "horizon": 10 * number + text, "gain": 100 + text}
        for text in range(texts)
        for number, kind in enumerate(KINDS)
    ]
    return pd.DataFrame(rows).assign(whole=lambda table: table["text"] == 2)


def test_horizons_have_a_dot_a_text(tmp_path):
    table = pd.concat([horizons(), horizons("token norm")])
    tokens, _ = drawn(figures.horizon_dots(table), tmp_path).axes
    assert tokens.get_xticklabels()[0].get_text() == "text\nfree" and len(tokens.collections) >= 6
    assert tokens.collections[0].get_offsets()[:, 1].tolist() == [0, 1, 2]
    assert [set(line.get_ydata()) for line in tokens.lines].count({29}) == 1  # published
    drawn(figures.horizon_dots(horizons(texts=1)), tmp_path)  # which has no interval


def test_growth_is_a_step_line_a_row(tmp_path):
    growth = [(0, 2, 1), (0, 5, 4), (1, 3, 2)]
    (ax,) = drawn(figures.growth_lines(growth, ["text", "shuffled"]), tmp_path).axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 1, 4], [0, 2]]
    drawn(figures.growth_lines([], ["text"]), tmp_path)


def test_elsewhere_has_pairs_in_each_prompt(tmp_path):
    prompts = ("The <noken> costs $5", "A long prompt about <noken> that goes on and on for two lines")
    rows = [
        {"prompt": prompt, "of": of, "text": text, "kind": "text", "own": 3.0 + text, "kl": 1.0 + text}
        for prompt, of, text in itertools.product(prompts, ("crammed", "random noken"), range(4))
    ]
    axes = drawn(figures.elsewhere_dots(pd.DataFrame(rows)), tmp_path).axes
    assert [len(ax.collections[0].get_offsets()) for ax in axes] == [4, 4]
    assert r"\$5" in axes[1].get_xticklabels()[0].get_text()
