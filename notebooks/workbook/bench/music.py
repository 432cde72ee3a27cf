"""How fast clips of sound are made here: one after the other, in transformers' own batch, and in ours.

`python -m workbook.bench.music` times them in one process, in turn, on the same prompts. Without --model it
is a MusicGen of random weights in the shape of facebook/musicgen-small, whose sound is noise and whose speed
is the same; on a CPU `--model default --seconds 1` is soon done.
"""

from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

import torch
from torch import Tensor

import nokenlab as nl
from nokenlab.models import memory
from nokenlab.music import music_lab
from workbook.bench import harness
from workbook.fuzz_the_music import tiny_musicgen

PROMPT, GUIDANCE = "slow piano music", 3.0


def in_the_shape_of_small(device: str, dtype: str) -> music_lab.MusicLab:
    """MusicGen-small's shape with random weights: T5-base, 24 layers of width 1,024, EnCodec of 32 kHz."""
    import transformers as t

    tokenizer = tiny_musicgen.tiny()[1]
    text = t.T5Config(vocab_size=32128, d_model=768, d_ff=3072, num_layers=12, num_heads=12)
    shape = {"upsampling_ratios": [8, 5, 4, 4], "num_filters": 64, "codebook_size": 2048}
    plain = {"use_causal_conv": False, "use_conv_shortcut": False}
    codec = t.EncodecConfig(sampling_rate=32000, target_bandwidths=[2.2], **shape, **plain)
    decoder = t.MusicgenDecoderConfig()  # its defaults are those of small
    config = t.MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
    torch.manual_seed(0)
    with torch.device(device):
        network = t.MusicgenForConditionalGeneration(config).to(getattr(torch, dtype))
    network.generation_config.update(decoder_start_token_id=2048, pad_token_id=2048, bos_token_id=2048)
    return music_lab.MusicLab(network, tokenizer, "random MusicGen, small's shape")


def by_transformers(lab: music_lab.MusicLab, rows: Tensor, length: float, batch_size: int) -> None:
    """transformers' `generate`, which draws each row of a batch by itself; clips of `length` seconds."""
    codebooks, rate = lab.model.config.decoder.num_codebooks, lab.model.config.audio_encoder.frame_rate
    for batch in rows.split(batch_size):
        lab.model.generate(
            inputs_embeds=batch,
            attention_mask=torch.ones(batch.shape[:2], dtype=torch.long, device=batch.device),
            max_new_tokens=round(length * rate) + codebooks - 1,
            guidance_scale=GUIDANCE,
            do_sample=True,
        ).cpu()


def without_captured_steps(lab: music_lab.MusicLab, rows: Tensor, length: float) -> None:
    """`MusicLab.play` whose steps are not captured on a GPU."""
    with mock.patch.object(music_lab, "STEPS_CAPTURED_ON", None):
        lab.play(rows, length, guidance=GUIDANCE)


def runs(
    lab: music_lab.MusicLab, sizes: list[int], length: float
) -> Iterator[tuple[str, int, float, Callable]]:
    """What is timed: clips of `length` seconds, of as many prompts as each size says; see `harness.rates`."""
    nokens = nl.random_nokens(lab.width, range(max(sizes)), norm=lab.space.median_norm)
    prompts = nl.replace(lab.embed(PROMPT), 1, nokens)
    for size in sizes:
        clips = lab, prompts[:size], length
        methods = {
            "transformers, one after the other": partial(by_transformers, *clips, 1),
            "transformers, batched": partial(by_transformers, *clips, size),
            "nokenlab": partial(lab.play, *clips[1:], guidance=GUIDANCE),
            "nokenlab, steps not captured": partial(without_captured_steps, *clips),
        }
        if size > 8:
            del methods["transformers, one after the other"]  # takes as long per clip as with 8
        if lab.device.type != "cuda":
            del methods["nokenlab, steps not captured"]
        for name, run in methods.items():
            yield name, size, size * length, run


def main() -> None:
    """Measure, print, and write music.csv into results/bench/.

    Columns: way, clips, sound_per_second (seconds of sound a second, the median of three), first_seconds (of
    the first call, which warms up).
    """
    args = harness.arguments(
        "music",
        __doc__,
        clips={"type": int, "nargs": "+", "default": [1, 8]},
        seconds={"type": float, "default": 3.0},
        dtype={},
    )
    device = memory.choose_device(None)
    dtype = memory.choose_dtype(args.dtype, device)
    load = partial(tiny_musicgen.load, args.model) if args.model else in_the_shape_of_small
    lab = load(device=device, dtype=dtype)
    print(lab, flush=True)
    table = harness.rates(lab, runs(lab, args.clips, args.seconds), "seconds of sound")
    harness.save(args.results, {"music": table.rename(columns={"rows": "clips", "rate": "sound_per_second"})})


if __name__ == "__main__":
    main()
