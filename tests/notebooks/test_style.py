"""What all figures share: any text can be drawn, on lines of a given length."""

import matplotlib.figure
import pandas as pd
import pytest
from helpers.figures import drawn

from workbook import style

RARE = "\N{EGYPTIAN HIEROGLYPH A001}"  # in no font here


def test_shown_spells_out_what_has_no_look_and_boxes_what_has_no_letter():
    assert style.shown("$5\n🙂") == "\\$5\\n🙂"
    assert style.shown(f"犬{RARE}") == "犬\N{WHITE SQUARE}"


def test_wrap():
    assert style.wrap("aa bb cc", 5, 1) == "aa …"
    assert style.wrap("", 5) == ""
    assert style.wrap("日本" * 4, 8) == "\n".join(["日本日本"] * 2)
    assert all(len(line) <= 9 for line in style.wrap("a b\n" * 20, 9).splitlines())


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_the_scripts_of_the_world_and_emoji_are_drawn_without_a_warning(weight, caplog, tmp_path):
    fig, ax = style.figure(2, 2)
    assert isinstance(fig, matplotlib.figure.Figure)
    ax.set_title("犬は速い。 这们 한국어 🙂🚀", weight=weight)
    ax.set_xlabel(style.shown("हिन्दी বাংলা தமிழ் ไทย አማርኛ ភាសា"), weight=weight)
    assert "\N{WHITE SQUARE}" not in ax.get_xlabel()
    ax.text(0, 0, style.shown(f"犬 🙂 {RARE}"), weight=weight)
    drawn(fig, tmp_path)
    assert not caplog.records  # Matplotlib logs a font that it cannot find


def test_a_legend_shows_each_label_once():
    fig, axes = style.figure(4, 2, columns=2)
    for ax in axes:
        ax.plot([0, 1], label="both")
    axes[1].plot([1, 0], label="second")
    style.legend_outside(fig, columns=2)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["both", "second"]


def test_error_bars_reach_down_and_up():
    rows = pd.DataFrame({"share": [0.5, 1.0], "low": [0.2, 0.9], "high": [0.6, 1 - 1e-17]})
    below, above = style.reach(rows, "share")
    assert below.tolist() == pytest.approx([0.3, 0.1]) and above.tolist() == pytest.approx([0.1, 0])
    assert (above >= 0).all()
