"""Clips of sound as tensors: WAV files, measures, pictures, players. Knows nothing of models."""

import html
import io
import wave
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from .style import OKABE_ITO, figure, wrap

WINDOW = 1024  # samples in one spectrum
HOP = 256  # samples from one spectrum to the next


def wav(clip: Tensor, rate: int) -> bytes:
    """A clip (samples,) as a WAV file of 16 bits; what lies outside -1 to 1 is cut off."""
    numbers = (clip.clamp(-1, 1) * 32767).round().short().numpy().astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(numbers.tobytes())
    return file.getvalue()


def spectra(clips: Tensor) -> Tensor:
    """Power of each frequency at each moment, (clips, samples) -> (clips, frequencies, moments)."""
    parts = torch.stft(
        clips.float(), WINDOW, HOP, window=torch.hann_window(WINDOW), pad_mode="constant", return_complex=True
    )
    return parts.abs() ** 2 / WINDOW


def measures(clips: Tensor, rate: int, reference: Tensor) -> pd.DataFrame:
    """What can be measured of clips (clips, samples), beside the clip `reference` (samples,): one row a clip.

    Columns: seconds; rms (loudness, 0 to 1); centroid (the mean frequency, weighted by power, Hz: how
    bright it sounds); onset_rate (starts of sounds a second: peaks of the growth of the spectrum);
    distance (of its mean spectrum from the reference's, dB, root mean square over frequencies).
    """
    power = spectra(clips)  # (clips, frequencies, moments)
    hertz = torch.linspace(0, rate / 2, power.shape[1])
    heard = power.mean(dim=-1)  # (clips, frequencies)
    gap = _decibels(heard) - _decibels(spectra(reference[None]).mean(dim=-1))
    seconds = clips.shape[1] / rate
    return pd.DataFrame(
        {
            "seconds": seconds,
            "rms": clips.float().square().mean(dim=-1).sqrt().tolist(),
            "centroid": ((heard * hertz).sum(dim=-1) / heard.sum(dim=-1).clamp_min(1e-12)).tolist(),
            "onset_rate": [count / seconds for count in _onsets(power)],
            "distance": gap.square().mean(dim=-1).sqrt().tolist(),
        }
    )


def _onsets(power: Tensor) -> list[int]:
    """Peaks of the spectral flux that stand a standard deviation above its mean, one count a clip."""
    flux = _decibels(power).diff(dim=-1).clamp_min(0).mean(dim=1)  # (clips, moments - 1)
    middle = flux[:, 1:-1]
    peak = (middle > flux[:, :-2]) & (middle >= flux[:, 2:])
    loud = middle > flux.mean(dim=-1, keepdim=True) + flux.std(dim=-1, keepdim=True)
    return (peak & loud).sum(dim=-1).tolist()


def _decibels(power: Tensor) -> Tensor:
    return 10 * power.clamp_min(1e-8).log10()  # below -80 dB is silence


def picture(clips: Tensor, labels: Sequence[str], rate: int) -> Figure:
    """Each clip (clips, samples) as a waveform on the left and a spectrogram on the right, one row a clip."""
    fig, axes = figure(10, 0.5 + 1.15 * len(clips), rows=len(clips), columns=2, sharex=True, squeeze=False)
    seconds = np.arange(clips.shape[1]) / rate
    loudest = max(clips.abs().max().item(), 1e-6)
    heard = _decibels(spectra(clips)).numpy()
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
    """Distance and centroid of `measures` along the column p of a table."""
    fig, axes = figure(10, 3.2, columns=2)
    names = {"distance": "distance from p = 0 (dB)", "centroid": "spectral centroid (Hz)"}
    titles = ("How far the sound moves", "How bright it is")
    for ax, (column, name), title, colour in zip(axes, names.items(), titles, OKABE_ITO, strict=False):
        ax.plot(table["p"], table[column], "o-", color=colour)
        ax.set_title(title, loc="left")
        ax.set(xlabel="p  (0 is the first prompt, 1 the second)", ylabel=name)
    axes[0].set_ylim(bottom=0)
    return fig


def keep(out, clips: Tensor, names: Sequence[str], rate: int) -> list:
    """Write each clip (clips, samples) through `out.audio`; returns their players."""
    return [out.audio(wav(clip, rate), name) for clip, name in zip(clips, names, strict=True)]


def players(audio: Sequence, labels: Sequence[str]):
    """Players, as `keep` returns them, one a line beside its label."""
    from IPython.display import HTML

    rows = [
        f'<tr><td style="text-align:left">{html.escape(label)}</td>'
        f'<td><audio controls src="{player.src_attr()}"></audio></td></tr>'
        for player, label in zip(audio, labels, strict=True)
    ]
    return HTML(f"<table>{''.join(rows)}</table>")


def slider(audio: Sequence, p: Sequence[float]):
    """A slider over p that shows the player, as `keep` returns them, of the clip at p.

    It needs no kernel: it works in a saved page too.
    """
    import ipywidgets as w

    clips = [w.Audio(value=player.data, autoplay=False, loop=False) for player in audio]
    clips = w.Stack(clips, selected_index=0)
    names = w.Stack([w.HTML(f"p = {value:g}") for value in p], selected_index=0)
    handle = w.IntSlider(min=0, max=len(audio) - 1, readout=False, description="a to b")
    for shown in (clips, names):
        w.jslink((handle, "value"), (shown, "selected_index"))
    return w.VBox([w.HBox([handle, names]), clips])
