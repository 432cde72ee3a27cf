"""A MusicLab: a MusicGen to put nokens into. Text and embeddings in, sound out.

A text goes through the token embeddings of MusicGen's text encoder (T5). That is where a noken can take
the place of a word, as in a language model.
"""

from contextlib import contextmanager

import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.models import hub, loading
from nokenlab.music import tiny_musicgen


class MusicLab(Embedder):
    """A MusicGen to experiment on: the tokens and embeddings of its text encoder in, sound out."""

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.model.config.audio_encoder.sampling_rate

    def play(
        self, prompts: Tensor, seconds: float = 3.0, *, seed: int | None = 0, guidance: float = 3.0
    ) -> Tensor:
        """The sound of each prompt, (rows, samples) in float32 on the CPU, from -1 to 1.

        `prompts` (rows, tokens, width) are embeddings as `embed` gives them. The generator is seeded by
        `seed` anew for each row, so that clips differ by their prompts alone; with None the likeliest
        sound is taken. `guidance` above 1 makes the sound follow the prompt more closely. Raises ValueError
        for a clip of less than 0.1 or more than 30 seconds.
        """
        if not 0.1 <= seconds <= 30:
            raise ValueError(f"a clip may last 0.1 to 30 seconds, got {seconds}")
        frames = round(seconds * self.model.config.audio_encoder.frame_rate)
        on_gpu = [self.device] if self.device.type == "cuda" else []
        clips = []
        for row in prompts:
            with torch.random.fork_rng(devices=on_gpu):
                torch.manual_seed(seed or 0)
                out = self._generate(row[None], frames, guidance, do_sample=seed is not None)
            clips.append(out[0].mean(dim=0).float().cpu())  # stereo becomes mono
        return torch.stack(clips)

    def _generate(self, row: Tensor, frames: int, guidance: float, **options):
        """transformers' `generate` for a row (1, tokens, width), (1, channels, samples).

        It is given the embeddings, not the encoder's output: with that it leaves guidance out in silence.
        """
        end = self.embed_ids(torch.tensor([self.tokenizer.eos_token_id]))  # T5 reads it after each text
        row = torch.cat([row.to(end), end[None]], dim=1)
        codebooks = self.model.config.decoder.num_codebooks  # they start one after the other
        return self.model.generate(
            inputs_embeds=row,
            attention_mask=torch.ones(row.shape[:2], dtype=torch.long, device=row.device),
            max_new_tokens=frames + codebooks - 1,
            guidance_scale=guidance,
            **options,
        )


def load(model: str | None = None, *, revision=None, device=None, dtype: str = "float32") -> MusicLab:
    """A MusicGen by hub id ("facebook/musicgen-small") or from a folder, as in `nokenlab.load`.

    None or "default" is a tiny one of random weights, made on the spot: it shows that the road from a
    prompt to a sound is whole, and its sound is noise.
    """
    with _hushed():
        if model is None or model == hub.DEFAULT:
            return MusicLab(*tiny_musicgen.tiny())
        from transformers import AutoModelForTextToWaveform

        where, name = hub.locate(model)
        return MusicLab(
            *loading.read(AutoModelForTextToWaveform, _check_kind, where, name, revision, device, dtype)
        )


def _check_kind(config) -> None:
    if config.model_type != "musicgen":
        raise ValueError(f"it is no MusicGen but a {config.model_type!r} model")


@contextmanager
def _hushed():
    """Without transformers' warning that every MusicGen's start token lies behind its sounds."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
