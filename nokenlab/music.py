"""Fuzz the music: nokens in the prompt of MusicGen, which makes sound of a text.

A text goes through the token embeddings of MusicGen's text encoder (T5). That is where a noken can take
the place of a word, as in a language model.
"""

from collections.abc import Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from torch import Tensor

from . import models, nokens
from .lab import Lab
from .lerps import pair
from .replacements import substitutes
from .sound import measures

WORDS = """a an the and of in with for on at to from very some no loud quiet slow fast calm happy sad dark
bright warm cold soft hard rock pop jazz folk blues dance techno house metal classical ambient piano guitar
violin drums bass flute trumpet strings synth beat beats melody tune song music sound choir voice rain
80s 90s track driving gentle distorted electric acoustic solo party lo-fi chill"""


class MusicLab(Lab):
    """A MusicGen to experiment on: the tokens and embeddings of its text encoder in, sound out."""

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.model.config.audio_encoder.sampling_rate

    @property
    def context(self) -> None:
        """T5 takes prompts of any length."""
        return None

    def sample(self, *args, **options):
        """Not for music: use `play`."""
        raise TypeError(f"{self.name} makes music, not text: use play")

    def play(
        self, prompts: Tensor, seconds: float = 3.0, *, seed: int | None = 0, guidance: float = 3.0
    ) -> Tensor:
        """The sound of each prompt, (rows, samples) in float32 on the CPU, from -1 to 1.

        `prompts` (rows, tokens, width) are embeddings as `embed` gives them. Every row is drawn with the
        same luck, that of `seed`, so that clips differ by their prompts alone; with None the likeliest
        sound is taken. `guidance` above 1 makes the sound follow the prompt more closely.
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
        end = self._embed_ids(torch.tensor([self.tokenizer.eos_token_id]))  # T5 reads it after each text
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
    if model is None or model == models.DEFAULT:
        return tiny()
    from transformers import AutoModelForTextToWaveform

    where, name = models.place(model)
    with _hushed():
        return MusicLab(
            *models.read(AutoModelForTextToWaveform, _check_kind, where, name, revision, device, dtype)
        )


def _check_kind(config) -> None:
    if config.model_type != "musicgen":
        raise ValueError(f"it is no MusicGen but a {config.model_type!r} model")


def fuzz(
    lab: MusicLab,
    prompt: str,
    position: int,
    seeds: Sequence[int],
    *,
    seconds: float = 3.0,
    guidance: float = 3.0,
    draw: int | None = 0,
) -> tuple[pd.DataFrame, Tensor]:
    """The prompt as it is, then with the token at `position` replaced, as in `replacements.substitutes`.

    A table of one row a clip, and the clips (rows, samples). Columns: clip (its name), prompt, position,
    seed (none for the true token), scale, norm (of the vector at `position`), and those of
    `sound.measures`, whose distance is from the first row.
    """
    parts = substitutes(lab, prompt, position, seeds)
    rows = nokens.replace(lab.embed(prompt), position, torch.cat(list(parts.values())))
    clips = lab.play(rows, seconds, seed=draw, guidance=guidance)
    drawn = [None, *[*seeds] * (len(parts) - 1)]
    scales = [scale for scale, vectors in parts.items() for _ in vectors]
    settings = pd.DataFrame(
        {
            "clip": [_name(scale, seed) for scale, seed in zip(scales, drawn, strict=True)],
            "prompt": prompt,
            "position": position,
            "seed": pd.array(drawn, dtype="Int64"),
            "scale": scales,
            "norm": rows[:, position].float().norm(dim=-1).tolist(),
        }
    )
    return settings.join(measures(clips, lab.rate, clips[0])), clips


def blend(
    lab: MusicLab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    *,
    seconds: float = 3.0,
    guidance: float = 3.0,
    draw: int | None = 0,
) -> tuple[pd.DataFrame, Tensor]:
    """The sound along the straight line from one prompt (p = 0) to another of as many tokens (p = 1).

    A table of one row a p, and the clips (rows, samples). Columns: clip (its name), prompt, prompt_b, p,
    and those of `sound.measures`, whose distance is from `prompt_a`'s own clip.
    """
    a, b = pair(lab, prompt_a, prompt_b)
    clips = lab.play(torch.cat([a, nokens.lerp(a, b, p)]), seconds, seed=draw, guidance=guidance)
    settings = pd.DataFrame(
        {
            "clip": [f"blend-{row:02d}" for row in range(len(p))],
            "prompt": prompt_a,
            "prompt_b": prompt_b,
            "p": [float(value) for value in p],
        }
    )
    return settings.join(measures(clips[1:], lab.rate, clips[0])), clips[1:]


def _name(scale: str, seed: int | None) -> str:
    words = scale.split() + ([] if seed is None else [str(seed)])
    return "-".join(words)


def tiny() -> MusicLab:
    """A MusicGen of 600,000 random weights, always the same: 8,000 samples a second, and words it knows."""
    import transformers as t

    tokenizer = _tokenizer()
    text = t.T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    codec = t.EncodecConfig(
        sampling_rate=8000,
        upsampling_ratios=[5, 4, 4, 2],
        hidden_size=32,
        num_filters=8,
        num_lstm_layers=1,
        codebook_size=64,
        target_bandwidths=[1.2],
    )
    special = {"pad_token_id": 64, "bos_token_id": 64}
    sizes = {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with _hushed(), torch.random.fork_rng(devices=[]):
        decoder = t.MusicgenDecoderConfig(vocab_size=64, **sizes, **special)
        config = t.MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
        torch.manual_seed(0)
        network = t.MusicgenForConditionalGeneration(config)
        _shake(network)
    network.generation_config.update(decoder_start_token_id=64, top_k=None, **special)
    return MusicLab(network, tokenizer, "tiny random MusicGen", "random weights of seed 0")


@torch.no_grad()
def _shake(network) -> None:
    """Larger random weights: as made they answer every prompt alike, and nearly in silence."""
    for name, weight in network.named_parameters():
        if name.startswith(("decoder.", "enc_to_dec_proj.")) and weight.dim() > 1:
            weight.normal_(0, 0.2)
    codec = network.audio_encoder
    for layer in codec.quantizer.layers:
        layer.codebook.embed.normal_()  # all zeros as made
    for name, weight in codec.decoder.named_parameters():
        if name.endswith("bias"):
            weight.zero_()
        elif name.endswith("original0"):  # the lengths of the filters
            weight.mul_(1.6)


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


def _tokenizer():
    """Whole words for WORDS, pieces of words and bytes for all else."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(kinds.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    special = ["<pad>", "</s>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(WORDS.split(), trainer)
    end = ("</s>", tokenizer.token_to_id("</s>"))  # behind each text, as T5 has it
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[end])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
