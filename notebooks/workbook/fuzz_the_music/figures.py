"""Figures of notebook 06."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from nokenlab.palette import OKABE_ITO
from workbook.fuzz_the_music import sound
from workbook.style import figure, wrap


def picture(clips: Tensor, labels: Sequence[str], rate: int) -> Figure:
    """Each clip (clips, samples) in a row: its waveform on the left, its spectrogram on the right."""
    fig, axes = figure(10, 0.5 + 1.15 * len(clips), rows=len(clips), columns=2, sharex=True, squeeze=False)
    seconds = np.arange(clips.shape[1]) / rate
    loudest = max(clips.abs().max().item(), 1e-6)
    spectrograms = sound.decibels(sound.spectra(clips)).numpy()  # (clips, frequencies, moments)
    top = np.quantile(spectrograms, 0.999)
    look = {"origin": "lower", "aspect": "auto", "cmap": "cividis", "vmin": top - 60, "vmax": top}
    look["extent"] = (0, seconds[-1], 0, rate / 2000)
    for (left, right), clip, label, spectrogram in zip(axes, clips, labels, spectrograms, strict=True):
        left.plot(seconds, clip, color=OKABE_ITO[0], linewidth=0.4)
        left.set(ylim=(-loudest, loudest), yticks=[-loudest, 0, loudest], xlim=(0, seconds[-1]))
        left.yaxis.set_major_formatter("{x:.2f}")
        left.set_title(wrap(label, 62, lines=1), loc="left", fontsize=9)
        image = right.imshow(spectrogram, **look)
        left.set_ylabel("height", fontsize=8)
        right.set_ylabel("kHz", fontsize=8)
    for ax in axes.flat:
        ax.tick_params(labelsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=9)
    fig.colorbar(image, ax=axes[:, 1], label="power, dB", shrink=min(1, 3 / len(clips)))
    return fig


def along(table: pd.DataFrame) -> Figure:
    """Distance and spectral centroid along p, from a `blend` table."""
    fig, (left, right) = figure(10, 3.2, columns=2)
    left.plot(table["p"], table["distance"], "o-", color=OKABE_ITO[0])
    left.set(ylabel="distance from p = 0 (dB)")
    left.set_title("How far the sound moves", loc="left")
    right.plot(table["p"], table["centroid"], "o-", color=OKABE_ITO[1])
    right.set(ylabel="spectral centroid (Hz)")
    right.set_title("How bright it is", loc="left")
    for ax in (left, right):
        ax.set(xlabel="p  (0 is the first prompt, 1 the second)")
    left.set_ylim(bottom=0)
    return fig
