"""How fast clips of sound are made here: one after the other, in transformers' own batch, and in ours.

`python -m workbook.bench.music` times them in one process, in turn, on the same prompts. Without --model it
is a MusicGen of random weights in the shape of facebook/musicgen-small, whose sound is noise and whose speed
is the same; on a CPU `--model default --seconds 1` is soon done.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import pandas as pd
import torch
from torch import Tensor

import nokenlab as nl
from nokenlab.models import memory
from nokenlab.music import music_lab
from workbook.bench.timing import seconds
from workbook.fuzz_the_music import tiny_musicgen

PROMPT, GUIDANCE = "slow piano music", 3.0
ONE_BY_ONE = "transformers, one after the other"


def in_the_shape_of_small(device: str, dtype: str) -> music_lab.MusicLab:
    """MusicGen-small's shape with random weights: T5-base, 24 layers of width 1,024, EnCodec of 32 kHz."""
    import transformers as t

    tokenizer = tiny_musicgen.tiny()[1]
    text = t.T5Config(vocab_size=32128, d_model=768, d_ff=3072, num_layers=12, num_heads=12)
    codec = t.EncodecConfig(
        sampling_rate=32000,
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=64,
        codebook_size=2048,
        target_bandwidths=[2.2],
        use_causal_conv=False,
        use_conv_shortcut=False,
    )
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


def methods(lab: music_lab.MusicLab, rows: Tensor, length: float) -> dict[str, Callable[[], object]]:
    """What is timed, on prompts (rows, tokens, width)."""
    timed = {
        ONE_BY_ONE: partial(by_transformers, lab, rows, length, 1),
        "transformers, batched": partial(by_transformers, lab, rows, length, len(rows)),
        "nokenlab": partial(lab.play, rows, length, guidance=GUIDANCE),
    }
    if lab.device.type == "cuda":
        timed["nokenlab, steps not captured"] = partial(without_captured_steps, lab, rows, length)
    return timed


def bench(lab: music_lab.MusicLab, sizes: list[int], length: float) -> pd.DataFrame:
    """How fast each method is. Columns: way, clips, sound_per_second (seconds of sound a second, the median
    of three), first_seconds (of the first call, which warms up)."""
    nokens = nl.random_nokens(lab.width, range(max(sizes)), norm=lab.space.median_norm)
    prompts, rows = nl.replace(lab.embed(PROMPT), 1, nokens), []
    for size in sizes:
        for name, run in methods(lab, prompts[:size], length).items():
            if size > 8 and name == ONE_BY_ONE:
                continue  # takes as long per clip as with 8
            first, median = seconds(run, lab)
            rows.append((name, size, size * length / median, first))
            print(
                f"{name:<36} {size:>4} clips  {size * length / median:7.2f} s of sound a second", flush=True
            )
    return pd.DataFrame(rows, columns=["way", "clips", "sound_per_second", "first_seconds"])


def main() -> None:
    """Measure, print, and write music.csv into results/bench/."""
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m workbook.bench.music", description=about)
    parser.add_argument("--model", default=None, help="default, a hub id or a folder")
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--results", type=Path, default=Path("results/bench"))
    args = parser.parse_args()
    device = memory.choose_device(None)
    dtype = memory.choose_dtype(args.dtype, device)
    load = partial(tiny_musicgen.load, args.model) if args.model else in_the_shape_of_small
    lab = load(device=device, dtype=dtype)
    print(lab, flush=True)
    table = bench(lab, args.clips, args.seconds)
    args.results.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.results / "music.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
