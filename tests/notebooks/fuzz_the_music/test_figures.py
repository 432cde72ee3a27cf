"""Figures of clips: a row each, and what is drawn is what is heard."""

import io
import math

import numpy as np
import pandas as pd
import pytest
import torch

from workbook.fuzz_the_music import figures, sound


def tone(hertz, loudness=0.5):
    """A second of a pure tone, 8,000 samples."""
    return loudness * torch.sin(2 * math.pi * hertz * torch.arange(8000) / 8000)


def test_a_figure_has_a_row_a_clip():
    clips = torch.stack([tone(440), tone(2000, loudness=0.25)])
    fig = figures.picture(clips, ["true token", "b $x"], 8000)
    images, spectra = fig.axes[:4:2], fig.axes[1:4:2]
    assert [image.get_title(loc="left") for image in images] == ["true token", r"b \$x"]
    assert len(fig.axes) == 5 and [len(ax.lines) for ax in spectra] == [1, 2]  # the first is the reference
    for image, ax, clip, hertz in zip(images, spectra, clips, (440, 2000), strict=True):
        heard = image.images[0].get_array()  # (bands, moments)
        bands = np.array_split(sound.decibels(sound.spectra(clip[None]))[0].numpy(), figures.BANDS)
        assert np.allclose(heard, [band.mean(axis=0) for band in bands], atol=1e-4)
        kilohertz, power = ax.lines[-1].get_data()
        assert abs(kilohertz[power.argmax()] * 1000 - hertz) < 8
    fig.savefig(io.BytesIO())


def test_measures_along_p_beside_other_luck():
    blends = pd.DataFrame(
        {"p": [0.0, 0.5, 1.0], "distance": [0.0, 2.0, 3.0], "centroid": [900.0, 950.0, 990.0]}
    )
    fuzz = pd.DataFrame(
        {"scale": ["article", "other luck"], "distance": [9.0, 1.0], "centroid": [1.0, 800.0]}
    )
    fig = figures.along(blends, fuzz)
    for ax, column, luck in zip(fig.axes, ("distance", "centroid"), (1, 800), strict=True):
        assert ax.lines[0].get_ydata().tolist() == blends[column].tolist()
        band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        assert (band.y0, band.y1) == pytest.approx((luck, luck)) and ax.get_ylim()[0] == 0
    fig.savefig(io.BytesIO())
