"""Precision by layer, and what a word's states say."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn, words

from workbook.hidden_states import figures, tables


def read_outs(carriers=("A <noken>",), token=" bear", layers=3):
    """A table in which layer 0 alone is read, by all but the lens."""
    return pd.DataFrame(
        [
            {"carrier": carrier, "word": word, "layer": layer, "slot": slot, "scaling": scaling}
            | {"rank": 1 + layer, "said": token, "top1": int(layer == 0 and slot != tables.LENS)}
            | {f"rank_{name}": 7 for name in tables.CONTROLS}
            for carrier in carriers
            for slot, scaling in tables.READINGS
            for layer in range(layers)
            for word in ("bear", "tea")
        ]
    )


def test_each_carrier_has_a_row_and_each_reading_a_panel(tmp_path):
    shares = tables.precision(read_outs(["A <noken>", "The <noken>"]))
    fig = drawn(figures.precision_by_layer(shares), tmp_path)
    assert len(fig.axes) == 6
    lines = {line.get_label(): list(line.get_ydata()) for line in fig.axes[0].lines}
    assert lines["the word's state"] == lines["logit lens"] == [1, 0, 0]
    assert not set(lines) & set(figures.NAMES.values())
    assert words(fig)[0] == "\n".join(["never first:", *figures.NAMES.values()])
    shares.loc[shares["layer"] == 2, "random"] = 0.5
    (line,) = [
        line for line in figures.precision_by_layer(shares).axes[0].lines if "random" in line.get_label()
    ]
    assert list(line.get_ydata()) == [0, 0, 0.5]


def test_what_a_word_says_is_bold_where_it_is_the_word(tmp_path):
    fig = drawn(figures.said_by_layer(read_outs(), "bear"), tmp_path)
    assert words(fig) == ["␣bear"] * 12
    bold = [text.get_position() for text in fig.axes[0].texts if text.get_fontweight() == "bold"]
    assert bold == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_drawn(tmp_path, text):
    table = read_outs([text], token=text)
    drawn(figures.precision_by_layer(tables.precision(table)), tmp_path)
    drawn(figures.said_by_layer(table.assign(word=text), text), tmp_path)
