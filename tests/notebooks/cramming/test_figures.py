"""Figures of cramming: a dot a text, the published line, and pairs of nokens elsewhere."""

import pandas as pd
from helpers.figures import drawn

from workbook.cramming import figures
from workbook.cramming.tables import KINDS


def horizons(held="free", texts=3):
    rows = [
        {
            "text": text,
            "kind": kind,
            "held": held,
            "horizon": 10 * place + text,
            "gain": 100 + text,
            "whole": text == 2,
        }
        for text in range(texts)
        for place, kind in enumerate(KINDS)
    ]
    return pd.DataFrame(rows)


def test_horizons_have_a_dot_a_text(tmp_path):
    table = pd.concat([horizons(), horizons("token norm")])
    axes = drawn(figures.horizon_dots(table), tmp_path).axes
    assert axes[0].get_xticklabels()[0].get_text() == "text\nfree" and len(axes[0].collections) >= 6
    dots = axes[0].collections[0].get_offsets()
    assert dots[:, 1].tolist() == [0, 1, 2]
    published = [line for line in axes[0].lines if set(line.get_ydata()) == {29}]
    assert len(published) == 1


def test_one_text_has_no_interval(tmp_path):
    drawn(figures.horizon_dots(horizons(texts=1)), tmp_path)


def test_growth_is_a_step_line_a_row(tmp_path):
    growth = pd.DataFrame({"row": [0, 0, 1], "step": [2, 5, 3], "horizon": [1, 4, 2]})
    (ax,) = drawn(figures.growth_lines(growth, ["text", "shuffled"]), tmp_path).axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 1, 4], [0, 2]]
    drawn(figures.growth_lines(growth[:0], ["text"]), tmp_path)  # nothing grew


def test_elsewhere_has_pairs_in_each_prompt(tmp_path):
    rows = [
        {"prompt": prompt, "of": of, "text": text, "kind": "text", "own": 3.0 + text, "kl": 1.0 + text}
        for prompt in (
            "The <noken> costs $5",
            "A long prompt about <noken> that goes on and on for two lines",
        )
        for of in ("crammed", "random noken")
        for text in range(4)
    ]
    axes = drawn(figures.elsewhere_dots(pd.DataFrame(rows)), tmp_path).axes
    assert [len(ax.collections[0].get_offsets()) for ax in axes] == [4, 4]
    assert r"\$5" in axes[1].get_xticklabels()[0].get_text()
