"""A captured step of the decoder: the same codes as without. On a CPU a graph is pretended.

NOKENLAB_TEST_DEVICE=cuda captures real ones.
"""

import os

import pytest
import torch

from nokenlab.music import captured_step, music_lab
from workbook.fuzz_the_music import tiny_musicgen

ON_GPU = os.environ.get("NOKENLAB_TEST_DEVICE") == "cuda"
PROMPTS = ["slow piano music", "very loud drums and warm quiet flute"]


class Pretended:
    """A graph that does again what it was made of."""

    def __init__(self, run):
        self.run, self.replays = run, 0

    def replay(self):
        self.replays += 1
        self.run()


@pytest.fixture
def music():
    lab = tiny_musicgen.load("default")
    lab.model.to("cuda" if ON_GPU else "cpu")
    return lab


def codes_and_graphs(music, captured, monkeypatch, **options):
    """What the codec gets, with the decoder's steps captured or not, and the graphs that were made."""
    found, graphs = [], []
    decode = music.model.audio_encoder.decode
    make = captured_step.capture if ON_GPU else Pretended

    def kept(run):
        graphs.append(make(run))
        return graphs[-1]

    with monkeypatch.context() as patch:
        patch.setattr(music_lab, "STEPS_CAPTURED_ON", music.device.type if captured else None)
        patch.setattr(captured_step, "capture", kept)
        patch.setattr(
            music.model.audio_encoder, "decode", lambda ids, **o: found.append(ids) or decode(ids, **o)
        )
        music.play(PROMPTS, 0.5, **options)
    return torch.cat(found), graphs


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_codes_are_those_of_steps_that_are_not_captured(music, monkeypatch, guidance):
    plain, none = codes_and_graphs(music, False, monkeypatch, guidance=guidance)
    codes, graphs = codes_and_graphs(music, True, monkeypatch, guidance=guidance)
    assert torch.equal(codes, plain) and none == [] and len(graphs) == 1
    if not ON_GPU:
        assert graphs[0].replays == 25 + 4 - 1 - 2  # all steps but the first two
    twice, graphs = codes_and_graphs(music, True, monkeypatch, guidance=guidance, batch_size=1)
    assert torch.equal(twice.flatten(0, 1), plain[0]) and len(graphs) == 2  # one a batch


def test_the_model_is_left_as_it_was(music):
    decoder, positions = music.model.decoder, music.model.decoder.model.decoder.embed_positions
    with pytest.raises(RuntimeError), captured_step.captured(music.model, 29):
        assert isinstance(decoder.forward, captured_step.CapturedForward)
        raise RuntimeError
    assert "forward" not in vars(decoder) and "forward" not in vars(positions)
    decoder.forward = hook = decoder.forward  # as accelerate hangs its own on modules
    with captured_step.captured(music.model, 29):
        assert decoder.forward is not hook
    assert decoder.forward is hook


@pytest.mark.skipif(not ON_GPU, reason="needs a GPU")
def test_on_a_gpu_clips_are_captured_and_the_same_alone_and_in_a_batch(music, monkeypatch):
    made, capture = [], captured_step.capture
    monkeypatch.setattr(captured_step, "capture", lambda run: made.append(capture(run)) or made[-1])
    together = music.play(PROMPTS, 0.5)
    assert len(made) == 1
    alone = torch.cat([music.play([prompt], 0.5) for prompt in PROMPTS])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)
