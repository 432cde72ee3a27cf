"""How fast nokens are answered here: one by one as the article does it, batched, and what the machine allows.

`make bench` runs it: every row is timed in one process, in turn, on the same nokens, so that the ratios mean
something. Nothing here is used by the notebooks.
"""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

import nokenlab as nl
from nokenlab.results import to_json, versions, write
from nokenlab.style import MARKERS, OKABE_ITO, figure

PROMPT = "Red is a color that is often associated with"
NEW_TOKENS = 20


def article_loop(lab: nl.Lab, rows: Tensor) -> None:
    """The article's `embsampler`, one noken after the other, its processors as it has them."""
    processors = LogitsProcessorList(
        [
            MinLengthLogitsProcessor(15, eos_token_id=lab.eos_ids, device=lab.device),
            TopKLogitsWarper(1),
            TemperatureLogitsWarper(0.01),
        ]
    )
    embed = lab.model.get_input_embeddings()
    for x in rows.split(1):
        past, mask = None, torch.ones(x.shape[:2], dtype=torch.long, device=lab.device)
        ids = torch.zeros_like(mask)
        for _ in range(NEW_TOKENS):
            out = lab.model(inputs_embeds=x, past_key_values=past, attention_mask=mask, use_cache=True)
            scores = processors(ids, out.logits[:, -1].float())
            ids = torch.multinomial(scores.softmax(-1), num_samples=1)  # (1, 1)
            lab.tokenizer.decode(ids[0])
            x, past = embed(ids), out.past_key_values
            mask = torch.cat([mask, mask.new_ones(1, 1)], dim=-1)


def hugging_face(lab: nl.Lab, rows: Tensor) -> None:
    """transformers' own `generate`, the whole batch at once."""
    mask = torch.ones(rows.shape[:2], dtype=torch.long, device=lab.device)
    lab.model.generate(
        inputs_embeds=rows,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        min_new_tokens=NEW_TOKENS,
        pad_token_id=0,
    )


def ours(lab: nl.Lab, rows: Tensor) -> None:
    """The decode loop of nokenlab, the whole batch at once; no row may end early, as above."""
    for _ in lab.sample(rows, NEW_TOKENS, processors=[_endless(lab)]):
        pass


def bounds(lab: nl.Lab, tokens: int) -> dict[str, float]:
    """Tokens a second that this machine allows: by arithmetic, and a row by reading the weights each step."""
    weights = sum(p.numel() for p in lab.model.parameters())
    embedding = lab.model.get_input_embeddings().weight.numel()
    body = weights - embedding  # the prompt needs no vocabulary product, a new token needs one
    operations = 2 * (body * (tokens - 1 + NEW_TOKENS) + embedding * NEW_TOKENS) / NEW_TOKENS
    a = torch.randn(2048, 2048).to(lab.device, lab.dtype)
    rate = 2 * 2048**3 / _seconds(lambda: a @ a, lab)
    block = torch.ones(2**28, dtype=torch.uint8, device=lab.device)
    target = torch.empty_like(block)
    bandwidth = 2 * 2**28 / _seconds(lambda: target.copy_(block), lab)  # read and written
    return {"arithmetic": rate / operations, "memory, a row": bandwidth / (weights * lab.dtype.itemsize)}


def bench(lab: nl.Lab, sizes: list[int], repeats: int = 3) -> pd.DataFrame:
    """Columns dtype, way, nokens, tokens_per_second (median of `repeats`), times_article (a ratio)."""
    everyone = nl.replace(
        lab.embed(PROMPT), 0, nl.random_nokens(lab.width, range(max(sizes)), norm=lab.space.median_norm)
    )
    ways = {"article's loop": article_loop, "Hugging Face, batched": hugging_face, "nokenlab": ours}
    dtype = str(lab.dtype).removeprefix("torch.")
    rows = []
    for size in sizes:
        for way, run in ways.items():
            some = everyone[: 1 if run is article_loop else size]  # one after the other: its rate has no size
            with torch.no_grad():
                seconds = _seconds(lambda run=run, some=some: run(lab, some), lab, repeats)
            rows.append((dtype, way, size, len(some) * NEW_TOKENS / seconds))
            print(f"{dtype}  {way:<22} {size:>5} nokens  {rows[-1][3]:8.1f} tokens/s", flush=True)
    table = pd.DataFrame(rows, columns=["dtype", "way", "nokens", "tokens_per_second"])
    article = table[table["way"] == "article's loop"]["tokens_per_second"].median()
    table["times_article"] = table["tokens_per_second"] / article
    return table


def picture(table: pd.DataFrame, limits: dict[str, dict[str, float]]):
    """Tokens a second against nokens: a panel a dtype, a line a way, what the machine allows in black."""
    fig, ((*panels,),) = figure(10, 4.5, columns=len(limits), sharey=True, squeeze=False)
    sizes = sorted(table["nokens"].unique())
    for ax, (dtype, limit) in zip(panels, limits.items(), strict=True):
        lines = table[table["dtype"] == dtype].groupby("way")
        for (way, line), colour, marker in zip(lines, OKABE_ITO, MARKERS, strict=False):
            ax.plot(line["nokens"], line["tokens_per_second"], color=colour, marker=marker, label=way)
        ax.axhline(limit["arithmetic"], color="black", linestyle="--", linewidth=1, label="bound: arithmetic")
        reach = [n for n in sizes if n * limit["memory, a row"] <= limit["arithmetic"]]
        ax.plot(
            reach,
            [n * limit["memory, a row"] for n in reach],
            "k:",
            linewidth=1,
            label="bound: reading weights",
        )
        ax.set(xscale="log", yscale="log", xlabel="nokens in one batch", title=dtype)
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
    panels[0].set_ylabel("new tokens a second")
    panels[-1].legend(fontsize=8)
    return fig


def main() -> None:
    """Measure, print a table, and write results/bench/."""
    parser = argparse.ArgumentParser(prog="python -m nokenlab.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 32, 128, 512])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--results", type=Path, default=Path("results/bench"))
    args = parser.parse_args()
    tables, limits, labs = [], {}, []
    for dtype in args.dtypes:
        lab = nl.load(args.model, dtype=dtype)
        limits[dtype] = bounds(lab, lab.embed(PROMPT).shape[1])
        tables.append(bench(lab, args.sizes))
        labs.append(lab.provenance())
    table = pd.concat(tables, ignore_index=True)
    args.results.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.results / "bench.csv", index=False, float_format="%.4g")
    facts = {"lab": labs, "bounds": limits, "machine": platform.machine(), "versions": versions()}
    write(args.results / "bench.json", to_json(facts))
    picture(table, limits).savefig(args.results / "bench.png", dpi=160, metadata={"Software": None})
    shown = table.pivot_table(index=["dtype", "way"], columns="nokens", values="tokens_per_second")
    print("\ntokens a second\n", shown.round(1), "\n\nbounds\n", pd.DataFrame(limits).round(1))


def _endless(lab: nl.Lab):
    from transformers import MinNewTokensLengthLogitsProcessor

    return MinNewTokensLengthLogitsProcessor(0, NEW_TOKENS, lab.eos_ids, device=lab.device)


def _seconds(run: Callable[[], object], lab: nl.Lab, repeats: int = 3) -> float:
    """Median seconds of `run` after one warm-up."""
    taken = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run()
        if lab.device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return sorted(taken[1:])[repeats // 2]


if __name__ == "__main__":
    main()
