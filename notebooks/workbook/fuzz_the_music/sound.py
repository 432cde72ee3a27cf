"""Clips of sound as tensors: WAV files, spectra, measures. Knows nothing of models."""

import io
import wave

import pandas as pd
import torch
from torch import Tensor

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
    """Power of each frequency at each time, (clips, samples) -> (clips, frequencies, moments)."""
    parts = torch.stft(
        clips.float(), WINDOW, HOP, window=torch.hann_window(WINDOW), pad_mode="constant", return_complex=True
    )
    return parts.abs() ** 2 / WINDOW


def decibels(power: Tensor) -> Tensor:
    """Power in dB; below -80 dB is silence."""
    return 10 * power.clamp_min(1e-8).log10()


def measure(clips: Tensor, rate: int, reference: Tensor) -> pd.DataFrame:
    """Measures of clips (clips, samples), beside the clip `reference` (samples,): one row per clip.

    Columns: seconds; rms (loudness, 0 to 1); centroid (the mean frequency, weighted by power, Hz: how
    bright it sounds); onset_rate (starts of sounds per second: peaks of the growth of the spectrum);
    distance (of its mean spectrum from the reference's, dB, root mean square over frequencies).
    """
    power = spectra(clips)  # (clips, frequencies, moments)
    hertz = torch.linspace(0, rate / 2, power.shape[1])
    heard = power.mean(dim=-1)  # (clips, frequencies)
    gap = decibels(heard) - decibels(spectra(reference[None]).mean(dim=-1))
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
    """Peaks of the spectral flux that stand a standard deviation above its mean, one count per clip."""
    flux = decibels(power).diff(dim=-1).clamp_min(0).mean(dim=1)  # (clips, moments - 1)
    middle = flux[:, 1:-1]
    peak = (middle > flux[:, :-2]) & (middle >= flux[:, 2:])
    loud = middle > flux.mean(dim=-1, keepdim=True) + flux.std(dim=-1, keepdim=True)
    return (peak & loud).sum(dim=-1).tolist()
