"""Figures of definition trees: all that is drawn can be read, and adds up."""

import pandas as pd
import pytest
from helpers.trees import hand_made, small_trees

from workbook.definition_tree.counts import by_depth
from workbook.definition_tree.figures import draw, mass_bars


def tree(which: str) -> pd.DataFrame:
    """A tree by its subject; "root" has no branches, "odd" has texts that are hard to draw."""
    table = small_trees()
    table = table[table["subject"] == (which if which in ("dog", "centroid") else "dog")].copy()
    if which == "odd":
        table.loc[table.index[1:5], "token"] = ["$x$ and $y$", "\n\n\t", "犬犬犬犬犬", " " + "long" * 9]
        table["subject"] = "$\\frac$"
    return table.iloc[:1] if which == "root" else table


@pytest.mark.parametrize("which", ["dog", "centroid", "odd", "root"])
def test_no_text_of_a_drawn_tree_covers_another(which):
    fig = draw(tree(which), rows=12)
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts if text.get_text()]
    assert len(boxes) >= (1 if which == "root" else 12)
    page = fig.bbox
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[:i])
    drawn = sum(text.get_text().endswith(" %") for text in fig.axes[0].texts)
    assert 1 <= drawn <= 12  # one per branch


def test_a_drawn_tree_has_its_greedy_text_on_the_top_row_and_shows_how_branches_end():
    fig = draw(hand_made().query("subject == 'b'"))
    heights = {text.get_text(): text.get_position()[1] for text in fig.axes[0].texts}
    assert heights["b"] == heights["y."] == heights["40 %"]
    assert heights[r"\$z\$\n."] == heights["20 %"] > heights["y."]
    assert "ends: full stop" in [text.get_text() for text in fig.legends[0].get_texts()]


def test_the_bars_of_a_depth_are_one_high():
    fig = mass_bars(by_depth(small_trees()))
    assert len(fig.axes) == 3
    for ax in fig.axes:
        tops = {}
        for bar in ax.patches:
            tops[bar.get_x()] = max(tops.get(bar.get_x(), 0), bar.get_y() + bar.get_height())
        assert list(tops.values()) == pytest.approx([1.0] * len(tops), abs=0.01)
