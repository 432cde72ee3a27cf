"""Figures of tokens, of the space and of random nokens: they hold what the tables hold, for any text."""

import warnings

import matplotlib.pyplot
import pytest

from nokenlab.experiments import embeddings
from nokenlab.experiments import tokens as token_tables
from nokenlab.experiments.random_nokens import nearness, replacements
from nokenlab.figures import embeddings as embeddings_figures
from nokenlab.figures import random_nokens as random_nokens_figures
from nokenlab.figures import style
from nokenlab.figures import tokens as tokens_figures

ODD = ["Hello world :)", "cost $5 and $6", "🙂犬\u200b", "a\nb\tc", "<b>", "word " * 100, "\\$x$"]


def words(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert not matplotlib.pyplot.get_fignums()


def draw(fig, tmp_path):
    fig.savefig(tmp_path / "figure.png", dpi=40)
    return fig


def test_pieces_hold_every_token_of_short_texts(lab, tmp_path):
    tokens = token_tables.tokens_of(lab, ODD[:5])
    fig = draw(tokens_figures.pieces(tokens), tmp_path)
    assert len(fig.axes[0].patches) == len(tokens)
    assert [int(word) for word in words(fig)[6::2]] == tokens["id"].tolist()
    assert "Hello" in words(fig) and "␣world" in words(fig) and r"␣\$" in words(fig)


def test_any_text_can_be_drawn(any_lab, tmp_path):
    tokens = token_tables.tokens_of(any_lab, ODD)
    draw(tokens_figures.pieces(tokens), tmp_path)
    draw(tokens_figures.cost_bars(token_tables.cost(tokens)), tmp_path)


def test_pieces_stay_on_the_page(lab):
    tokens = token_tables.tokens_of(lab, ODD)
    tokens.loc[0, "token"] = "=" * 200  # some vocabularies have such
    for ax in tokens_figures.pieces(tokens).axes:
        right, bottom = ax.get_xlim()[1], ax.get_ylim()[0]
        assert all(p.get_x() + p.get_width() <= right for p in ax.patches)
        assert all(p.get_y() + p.get_height() <= bottom for p in ax.patches)


def test_space_map_names_outliers(any_lab, tmp_path):
    outliers = embeddings.outliers(any_lab, 2)
    norm = any_lab.space.centroid.norm().item()
    fig = draw(embeddings_figures.space_map(embeddings.lengths(any_lab), outliers, norm), tmp_path)
    assert style.shown(repr(outliers["token"].iloc[0])) in words(fig)


def test_replacement_figures_for_any_model(any_lab, tmp_path):
    table = replacements(any_lab, "Red is $5 or", 0, [0, 1, 2, 30000], 5)
    kl = draw(random_nokens_figures.kl_dots(table), tmp_path)
    assert words(kl) and set(map(str, words(kl))) == {"0", "1", "2", "30000"}
    assert len(words(draw(random_nokens_figures.said(table), tmp_path))) == 1 + 1 + 3 + 4 + 4 * 3


def test_one_seed_an_empty_answer_and_no_change_can_be_drawn(lab, tmp_path):
    table = replacements(lab, "Red is", 0, [1], 2)
    table = table.assign(kl=0.0, response="")
    draw(random_nokens_figures.kl_dots(table), tmp_path)
    assert "(nothing)" in words(draw(random_nokens_figures.said(table), tmp_path))


def test_nearness_counts_everything(lab, tmp_path):
    found = nearness(lab, 7)
    fig = draw(random_nokens_figures.nearness_bars(found), tmp_path)
    heights = [patch.get_height() for patch in fig.axes[0].patches]
    assert sum(heights) == len(found)


def test_shown_and_wrap():
    assert style.shown("$5\n🙂") == "\\$5\\n\N{WHITE SQUARE}"
    assert style.wrap("aa bb cc", 5, 1) == "aa …"
    assert style.wrap("", 5) == ""
    assert style.wrap("日本" * 4, 8) == "\n".join(["\N{WHITE SQUARE}" * 4] * 2)
    assert all(len(line) <= 9 for line in style.wrap("a b\n" * 20, 9).splitlines())
    assert isinstance(style.figure(2, 2)[0], matplotlib.figure.Figure)
