"""Figures of notebook 06."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from nokenlab.palette import OKABE_ITO
from workbook.fuzz_the_music import sound
from workbook.style import figure, legend_outside, wrap

BANDS = 48  # of frequencies, in the picture of a spectrogram


def picture(clips: Tensor, scales: Sequence[str], rate: int) -> Figure:
    """Each clip (clips, samples) in a row, titled by scale: spectrogram, and mean spectrum by the first's."""
    look = {"sharex": "col", "sharey": "col", "squeeze": False, "width_ratios": [3, 2]}
    fig, axes = figure(10, 0.7 + 1.5 * len(clips), rows=len(clips), columns=2, **look)
    spectrograms = sound.decibels(sound.spectra(clips)).numpy()  # (clips, frequencies, moments)
    bands = np.stack([part.mean(axis=1) for part in np.array_split(spectrograms, BANDS, axis=1)], axis=1)
    low, high = np.quantile(bands, [0.02, 0.999])
    shades = {"origin": "lower", "aspect": "auto", "cmap": "cividis", "vmin": low, "vmax": high}
    shades["interpolation"] = "nearest"
    shades["extent"] = (0, clips.shape[1] / rate, 0, rate / 2000)
    spectra = spectrograms.mean(axis=2)  # (clips, frequencies)
    frequencies = np.linspace(0, rate / 2000, spectra.shape[1])  # kHz
    for number, ((left, right), scale) in enumerate(zip(axes, scales, strict=True)):
        image = left.imshow(bands[number], **shades)
        left.set_title(wrap(scale, 62, lines=1), loc="left", fontsize=10)
        left.set_ylabel("kHz", fontsize=9)
        right.plot(frequencies, spectra[0], color="0.6", linewidth=2)
        if number:
            right.plot(frequencies, spectra[number], color=OKABE_ITO[0], linewidth=0.8)
        right.set_ylabel("dB", fontsize=9)
    axes[0, 1].set_title("mean spectrum (grey: the first clip's)", loc="left", fontsize=10)
    axes[-1, 0].set_xlabel("seconds", fontsize=9)
    axes[-1, 1].set_xlabel("kHz", fontsize=9)
    fig.colorbar(image, ax=axes[:, 0], label="power, dB", shrink=min(1, 3 / len(clips)))
    return fig


def along(blends: pd.DataFrame, fuzz: pd.DataFrame) -> Figure:
    """Distance and spectral centroid along p, from a `blend` table; both from 0.

    The band is what other seeds of the generator do to the first prompt, from a `fuzz` table.
    """
    fig, axes = figure(10, 3.4, columns=2)
    luck = fuzz[fuzz["scale"] == "other luck"]
    columns = {"distance": "distance from p = 0, dB", "centroid": "spectral centroid, Hz: how bright"}
    for ax, (column, label) in zip(axes, columns.items(), strict=True):
        ax.axhspan(luck[column].min(), luck[column].max(), color="0.85", label="the first prompt, other luck")
        ax.plot(blends["p"], blends[column], "o-", color=OKABE_ITO[0], label="the blend")
        top = 1.15 * max(blends[column].max(), luck[column].max())
        ax.set(xlabel="p: 0 is the first prompt, 1 the second", ylabel=label, ylim=(0, top))
    legend_outside(fig, 2)
    return fig
