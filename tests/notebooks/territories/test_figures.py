"""Maps of answers: each territory has its letter, its borders and its text."""

import numpy as np
import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn, words

from nokenlab.answers.planes import Corner, Plane
from workbook.territories import figures

PLANE = Plane(
    None, None, (Corner("dog", -1.0, -0.5), Corner("$5", 1.0, -0.5), Corner("two\nlines", 0.0, 1.0))
)
PROMPT = "The <noken> costs $5 or"


def square(rows, corner=""):
    """A map from -2 to 2, its territories given from the lower left, one text per row."""
    side = np.linspace(-2, 2, len(rows))
    names = [name for row in rows for name in row]
    table = pd.DataFrame({"x": np.tile(side, len(rows)), "y": np.repeat(side, len(rows)), "territory": names})
    table["begins"] = [f" says {name}" for name in names]
    table["response"] = table["begins"] + " and more"
    return table.assign(corner=["dog" if name in corner else "" for name in names])


def triangle(steps, names):
    """A triangle's points in the corners of `PLANE`, from the lower left."""
    at = [(steps - i - j, i, j) for j in range(steps + 1) for i in range(steps + 1 - j)]
    weights = pd.DataFrame(np.array(at) / steps, columns=["weight_a", "weight_b", "weight_c"])
    corners = np.array([[corner.x, corner.y] for corner in PLANE.corners])
    weights[["x", "y"]] = weights.to_numpy() @ corners
    table = weights.assign(territory=list(names), corner="")
    table["begins"] = table["response"] = " says " + table["territory"]
    return table


def test_a_map_has_its_letters_corners_and_texts(tmp_path):
    table = square(["AABB", "AABB", "CCBB", "CCBA"], corner="A")
    near = pd.DataFrame({"token": [" cat", " Dog", " cat"], "x": [0.0, 0.5, 1.5], "y": [0.9, 0.9, -1.5]})
    fig = drawn(figures.answer_map(table, PLANE, PROMPT, near), tmp_path)
    texts = words(fig)
    assert sorted(texts[:3]) == ["A", "B", "C"] and texts.count("A") == 1  # a part of one cell has no letter
    assert {"dog", r"\$5", r"two\nlines", "cat", "distance 1"} <= set(texts)
    assert texts.count("cat") == 1 and "Dog" not in texts  # each word once, the corners not at all
    assert fig.axes[1].get_title(loc="left") == r"The ▢ costs \$5 or …"


def test_letters_lie_in_their_territory():
    table = square(["AAAAA", "ABBBA", "ABBBA", "ABBBA", "AAAAA"])
    ax = figures.answer_map(table, PLANE, PROMPT).axes[0]
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert at["B"] == (0, 0) and max(map(abs, at["A"])) >= 1.9


def test_borders_run_halfway_or_at_their_exact_positions():
    table = square(["AAA", "AAA", "BBB"])
    exact = pd.DataFrame(
        {"x": [-2.0, 0.0, 2.0], "y": [0.5, 0.5, 0.5], "cell": [3, 4, 5], "other_cell": [6, 7, 8]}
    )
    for borders, y in ((None, 1.0), (exact, 0.5)):
        ax = figures.answer_map(table, PLANE, PROMPT, borders=borders).axes[0]
        (lines,) = [c for c in ax.collections if type(c).__name__ == "LineCollection"]
        ends = np.concatenate(lines.get_segments())
        assert set(ends[:, 1]) == {y} and (ends[:, 0].min(), ends[:, 0].max()) == (-2, 2)


def test_a_map_of_one_territory_has_no_border(tmp_path):
    ax = drawn(figures.answer_map(square(["AA", "AA"]), PLANE, PROMPT), tmp_path).axes[0]
    (lines,) = [c for c in ax.collections if type(c).__name__ == "LineCollection"]
    assert len(lines.get_segments()) == 0


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_drawn(tmp_path, text):
    table = square(["AB", "CD"]).assign(begins=text[:5], response=text)
    near = pd.DataFrame({"token": [text], "x": [0.5], "y": [0.5]})
    plane = Plane(None, None, (Corner(text, -1.0, -0.5), *PLANE.corners[1:]))
    drawn(figures.answer_map(table, plane, f"<noken> {text}", near), tmp_path)


def test_more_territories_than_the_legend_has_room_for(tmp_path):
    names = [chr(65 + n // 2) for n in range(36)]
    table = square(["".join(names[6 * row : 6 * row + 6]) for row in range(6)])
    fig = drawn(figures.answer_map(table, PLANE, PROMPT), tmp_path)
    (box,) = fig.axes[1].artists
    rows = box.get_child().get_children()
    assert len(rows) == figures.MOST_NAMED + 1 and rows[-1].get_text() == "and 6 smaller ones"


def test_the_same_text_has_the_letter_and_colour_of_the_first_map(tmp_path):
    names, first = "AAABBC", square(["AA", "AB"]).assign(begins=[*3 * [" says C"], " says A"])
    maps = {"words": triangle(2, names), "outputs mixed": triangle(2, names.translate({65: 67, 67: 65}))}
    fig = drawn(figures.side_by_side(maps, PLANE, first), tmp_path)
    assert [ax.get_title() for ax in fig.axes[:2]] == ["words", "outputs mixed"]
    letters = [{text.get_text() for text in ax.texts} & set("ABC") for ax in fig.axes[:2]]
    assert letters == [set("ABC"), set("ABC")]
    (box,) = fig.axes[2].artists
    rows = [row.get_children() for row in box.get_child().get_children()]
    texts, patches = [text for _, text in rows], [patch.get_children() for patch, _ in rows]
    assert {patch.get_text() for _, patch in patches} == set("ABC")
    begins = [text.get_children()[0].get_children()[0].get_text() for text in texts]
    of_text = dict(zip(begins, [letter.get_text() for _, letter in patches], strict=True))
    assert of_text == {"says C": "A", "says A": "B", "says B": "C"}  # the first map's by area, then others


def test_counts_have_a_bar_for_the_mean_and_a_mark_per_triple(tmp_path):
    rows = [
        (t, of, n, n - 1, 0.5)
        for t, m in (("a, b, c", 0), ("d, e, f", 2))
        for n, of in enumerate("xyz", m + 1)
    ]
    table = pd.DataFrame(rows, columns=["triple", "of", "territories", "inner", "own"])
    axes = drawn(figures.count_bars(table), tmp_path).axes
    assert [bar.get_width() for bar in axes[0].patches] == [2, 3, 4]
    assert [list(line.get_xdata()) for line in axes[0].lines] == [[1, 2, 3], [3, 4, 5]]
    assert [text.get_text() for text in axes[1].texts] == ["1", "2", "3"]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["x", "y", "z"]
    one = drawn(figures.count_bars(table[table["triple"] == "a, b, c"]), tmp_path)
    assert not one.axes[0].lines
