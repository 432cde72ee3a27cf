"""Figures of the space of token embeddings."""

import pytest
from helpers.figures import drawn, words

from workbook.embeddings import figures, tables
from workbook.style import shown

pytestmark = pytest.mark.filterwarnings("error::UserWarning")


def test_space_map_names_outliers(any_lab, tmp_path):
    outliers = tables.outliers(any_lab, 2)
    norm = any_lab.space.centroid.norm().item()
    fig = drawn(figures.space_map(tables.lengths(any_lab), outliers, norm), tmp_path)
    assert shown(repr(outliers["token"].iloc[0])) in words(fig)
