"""Figures of notebook 06."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from nokenlab.style import OKABE_ITO, figure, wrap
from workbook.fuzz_the_music.tables import spectrograms


def picture(clips: Tensor, labels: Sequence[str], rate: int) -> Figure:
    """Each clip (clips, samples) as a waveform on the left and a spectrogram on the right, one row a clip."""
    fig, axes = figure(10, 0.5 + 1.15 * len(clips), rows=len(clips), columns=2, sharex=True, squeeze=False)
    seconds = np.arange(clips.shape[1]) / rate
    loudest = max(clips.abs().max().item(), 1e-6)
    heard = spectrograms(clips).numpy()  # (clips, frequencies, moments)
    loud = np.quantile(heard, 0.999)
    scale = {"vmin": loud - 60, "vmax": loud}
    box = (0, seconds[-1], 0, rate / 2000)
    for (left, right), clip, label, image in zip(axes, clips, labels, heard, strict=True):
        left.plot(seconds, clip, color=OKABE_ITO[0], linewidth=0.4)
        left.set(ylim=(-loudest, loudest), yticks=[-loudest, 0, loudest], xlim=(0, seconds[-1]))
        left.yaxis.set_major_formatter("{x:.2f}")
        left.set_title(wrap(label, 62, lines=1), loc="left", fontsize=9)
        shown = right.imshow(image, origin="lower", aspect="auto", extent=box, cmap="cividis", **scale)
        left.set_ylabel("height", fontsize=8)
        right.set_ylabel("kHz", fontsize=8)
    for ax in axes.flat:
        ax.tick_params(labelsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=9)
    fig.colorbar(shown, ax=axes[:, 1], label="power, dB", shrink=min(1, 3 / len(clips)))
    return fig


def along(table: pd.DataFrame) -> Figure:
    """Distance and centroid along p, from a `fuzz_the_music.blend` table."""
    fig, axes = figure(10, 3.2, columns=2)
    names = {"distance": "distance from p = 0 (dB)", "centroid": "spectral centroid (Hz)"}
    titles = ("How far the sound moves", "How bright it is")
    for ax, (column, name), title, colour in zip(axes, names.items(), titles, OKABE_ITO, strict=False):
        ax.plot(table["p"], table[column], "o-", color=colour)
        ax.set_title(title, loc="left")
        ax.set(xlabel="p  (0 is the first prompt, 1 the second)", ylabel=name)
    axes[0].set_ylim(bottom=0)
    return fig
