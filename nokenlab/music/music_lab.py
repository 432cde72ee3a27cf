"""A MusicLab: a MusicGen to put nokens into. Text and embeddings in, sound out.

A text goes through the token embeddings of MusicGen's text encoder (T5), where a noken can replace a word, as
in a language model.
"""

import time
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from numbers import Real

import torch
from torch import Tensor
from torch.nn.functional import pad
from tqdm import tqdm

from nokenlab import loading
from nokenlab.decode.padding import Prompts, as_rows, batch, row_seeds
from nokenlab.embedder import Embedder
from nokenlab.errors import check_count, short
from nokenlab.models import fitness, hub, memory
from nokenlab.music import captured_step, draws

STEPS_CAPTURED_ON = "cuda"  # graphs are its own


class MusicLab(Embedder):
    """A MusicGen to experiment on: the tokens and embeddings of its text encoder in, sound out."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self.model.config.audio_encoder.sampling_rate

    def play(
        self,
        prompts: Prompts,
        seconds: float = 3.0,
        *,
        seed: int | Sequence[int] | None = 0,
        guidance: float = 3.0,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> Tensor:
        """The sound of each prompt, (rows, samples) in float32 on the CPU, from -1 to 1.

        `prompts` are embeddings as `embed` gives them, (rows, tokens, width), or a list of texts or of
        embeddings (1, tokens, width) of unequal length. Every row is drawn with the same noise, that of
        `seed`, so that clips differ only by their prompts, whatever else is in the batch; with several seeds,
        one per row, each row has its own; with None the likeliest codes are taken. `guidance` above 1 makes
        the sound follow the prompt more closely. Rows run in batches of `batch_size`, by default
        `clips_at_once`, which is halved where memory runs out. With `progress` a bar on standard error counts
        clips, and seconds of sound per second. ValueError for a clip of less than 0.1 or more than 30
        seconds, for guidance below 1 or above 1000, and for a number of seeds that is not that of rows.
        """
        if not isinstance(seconds, Real) or not 0.1 <= seconds <= 30:
            raise ValueError(f"a clip may last 0.1 to 30 seconds, got {short(seconds)}")
        if not isinstance(guidance, Real) or not 1 <= guidance <= 1000:
            raise ValueError(f"guidance must be a number from 1 to 1000, got {short(guidance)}")
        if batch_size is not None:
            check_count(batch_size, "batch_size")
        prompts = as_rows(prompts, self.embed)
        seeds = row_seeds([seed] * len(prompts) if isinstance(seed, int) else seed, len(prompts))
        start = time.perf_counter()

        def clips(rows: slice) -> Tensor:
            sound = self._generate(prompts[rows], seconds, seeds[rows] if seeds else None, guidance)
            bar.update(len(sound))
            bar.set_postfix_str(f"{bar.n * seconds / (time.perf_counter() - start):.1f} s of sound/s")
            return sound

        size = batch_size or self.clips_at_once(seconds)
        with tqdm(total=len(prompts), unit="clip", disable=not progress) as bar:
            return torch.cat(memory.in_batches(clips, len(prompts), size))

    def clips_at_once(self, seconds: float) -> int:
        """The default batch size for clips of so many seconds: up to 1,024 on a GPU, else 128, by memory.

        A clip is counted with its cache with and without the prompt and half as much for copies of it, and
        four copies of the output of the codec's last layer.
        """
        decoder, codec = self.model.config.decoder, self.model.config.audio_encoder
        number = self.dtype.itemsize
        cache = 2 * decoder.num_hidden_layers * decoder.hidden_size * number  # keys and values of a frame
        wave = codec.sampling_rate * codec.num_filters * number  # of a second
        clip = seconds * (3 * codec.frame_rate * cache + 4 * wave)
        return memory.rows_at_once(self.model, str(self.device), round(clip))

    def _generate(self, rows, seconds: float, seeds: list[int] | None, guidance: float) -> Tensor:
        """transformers' `generate` for a batch of embeddings, (rows, samples) in float32 on the CPU.

        It is given the embeddings, not the encoder's output, with which it ignores guidance.
        """
        end = self.embed_ids(torch.tensor([self.tokenizer.eos_token_id]))  # T5 reads it after each text
        embeddings, mask = batch(rows, end[:0])  # padded on the left
        codebooks = self.model.config.decoder.num_codebooks  # they start one after the other
        draw = seeds and draws.processors(self.model.generation_config, seeds, codebooks)
        new = round(seconds * self.model.config.audio_encoder.frame_rate) + codebooks - 1
        captured = self.device.type == STEPS_CAPTURED_ON
        with captured_step.captured(self.model, new + 1) if captured else nullcontext():
            sound = self.model.generate(
                inputs_embeds=torch.cat([embeddings, end.expand(len(mask), 1, -1)], dim=1),
                attention_mask=pad(mask, (0, 1), value=1),
                max_new_tokens=new,
                guidance_scale=guidance,
                logits_processor=draw,
                do_sample=False,
            )
        return sound.mean(dim=1).float().cpu()  # stereo becomes mono


def load(model: str, *, revision=None, device=None, dtype: str = "float32") -> MusicLab:
    """A MusicGen by hub id ("facebook/musicgen-small") or from a folder, as in `nokenlab.load`.

    Device "auto" is the best of this machine, for every MusicGen fits on one.
    """
    from transformers import AutoModelForTextToWaveform

    device = memory.choose_device(device)
    device = memory.devices()[0] if device == "auto" else device
    source, name = hub.locate(model)
    with quiet():
        read = loading.read(AutoModelForTextToWaveform, _check_kind, source, name, revision, device, dtype)
    return MusicLab(*read)


def _check_kind(config) -> None:
    if config.model_type == "musicgen_melody":
        raise ValueError(fitness.MELODY)
    if config.model_type != "musicgen":
        raise ValueError(f"it is not a MusicGen but a {config.model_type!r} model")


@contextmanager
def quiet():
    """Without transformers' warning that the start token of every MusicGen is behind its codes."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
