"""What the tests of figures share."""

import warnings

import matplotlib.pyplot

AWKWARD = ["costs $5 and $6", "two\nlines\t\x00", "👋 名前", "long word " * 40, ""]


def drawn(fig, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that is not there, a layout that does not fit
        fig.savefig(tmp_path / "figure.png")
    assert not matplotlib.pyplot.get_fignums()  # a notebook would show it twice
    return fig


def words(fig):
    """The texts that stand on a figure's axes, in the order they were put there."""
    return [text.get_text() for ax in fig.axes for text in ax.texts]
