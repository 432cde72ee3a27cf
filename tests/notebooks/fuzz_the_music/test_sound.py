"""Sounds that are known: their measures, and their WAV files."""

import io
import math
import wave

import pytest
import torch

from workbook.fuzz_the_music import sound


def tone(hertz, seconds=1.0, rate=8000, loudness=0.5):
    return loudness * torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * rate)) / rate)


def test_measures_of_sounds_that_are_known():
    clips = torch.stack([tone(440), tone(2000), torch.zeros(8000)])
    found = sound.measure(clips, 8000, clips[0])
    assert found["seconds"].tolist() == [1, 1, 1]
    assert found["rms"].tolist() == pytest.approx([0.5 / math.sqrt(2)] * 2 + [0], abs=1e-3)
    assert found["centroid"].tolist() == pytest.approx([440, 2000, 0], abs=15)
    assert found["distance"][0] == 0 and found["distance"][1] > 5


def test_onsets_are_counted():
    beat = torch.cat([torch.zeros(1900), tone(600, 0.0125)]).repeat(5)  # four beats a second, five of them
    found = sound.measure(beat[None], 8000, beat)
    assert found["onset_rate"][0] == pytest.approx(4, abs=0.9)


def test_wav_files_are_whole_and_small():
    file = sound.wav(torch.cat([tone(440, 3, 32000), torch.tensor([9.0, -9.0])]), 32000)
    assert len(file) < 200_000
    with wave.open(io.BytesIO(file)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 32000)
        numbers = torch.frombuffer(bytearray(reader.readframes(reader.getnframes())), dtype=torch.int16)
    assert len(numbers) == 96002
    assert numbers[-2:].tolist() == [32767, -32767]
    torch.testing.assert_close(numbers[:-2] / 32767, tone(440, 3, 32000), atol=1e-4, rtol=0)
