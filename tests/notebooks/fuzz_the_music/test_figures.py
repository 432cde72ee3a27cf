"""Figures of clips: a row each, and what is drawn is what is heard."""

import io
import math

import pandas as pd
import torch

from workbook.fuzz_the_music import figures, sound


def tone(hertz, loudness=0.5):
    """A second of a pure tone, 8,000 samples."""
    return loudness * torch.sin(2 * math.pi * hertz * torch.arange(8000) / 8000)


def test_a_figure_has_a_row_a_clip():
    clips = torch.stack([tone(440), tone(2000, loudness=0.25)])
    fig = figures.picture(clips, ["a $x", "b"], 8000)
    waves, images = fig.axes[:4:2], fig.axes[1:4:2]
    assert [wave.get_title(loc="left") for wave in waves] == [r"a \$x", "b"] and len(fig.axes) == 5
    assert [max(wave.lines[0].get_ydata()) for wave in waves] == [0.5, 0.25]
    for image, clip, hertz in zip(images, clips, (440, 2000), strict=True):
        heard = image.images[0].get_array()  # (frequencies, moments)
        assert (heard == sound.decibels(sound.spectra(clip[None]))[0].numpy()).all()
        assert abs(heard.mean(axis=1).argmax() * 4000 / (len(heard) - 1) - hertz) < 8
    fig.savefig(io.BytesIO())


def test_measures_along_p():
    table = pd.DataFrame(
        {"p": [0.0, 0.5, 1.0], "distance": [0.0, 2.0, 3.0], "centroid": [900.0, 950.0, 990.0]}
    )
    fig = figures.along(table)
    lines = [ax.lines[0].get_ydata().tolist() for ax in fig.axes]
    assert lines == [table["distance"].tolist(), table["centroid"].tolist()]
    fig.savefig(io.BytesIO())
