"""How fast nokens are answered here: one by one as the article does it, batched, and what the machine allows.

`make bench` runs it: every row is timed in one process, in turn, on the same nokens, so that the ratios mean
something. With the extra `bench` llama.cpp runs beside it. Nothing here is used by the notebooks.
"""

import argparse
import importlib.util
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

import nokenlab as nl
from nokenlab.bench.llama_cpp import MOST_ROWS, LlamaCpp
from nokenlab.fast import cpu_linears
from nokenlab.figures.style import MARKERS, OKABE_ITO, figure
from nokenlab.models import default_model, fitness, hub, loading
from nokenlab.runs.files import to_json, write_whole
from nokenlab.runs.provenance import versions

PROMPT = "Red is a color that is often associated with"
TOKENS = 9  # of the prompt, whatever the tokenizer makes of it
NEW_TOKENS = 20
ARTICLE, LLAMA = "article's loop", "llama.cpp, batched"
ALIKE = 64  # nokens whose texts are compared


def article_loop(lab: nl.Lab, rows: Tensor) -> None:
    """The article's `embsampler`, one noken after the other, its processors as it has them."""
    processors = LogitsProcessorList(
        [
            MinLengthLogitsProcessor(15, lab.tokenizer.eos_token_id, device=lab.device),
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
        pad_token_id=0,
    )


def ours(lab: nl.Lab, rows: Tensor) -> None:
    """The decode loop of nokenlab, the whole batch at once."""
    for _ in lab.sample(rows, NEW_TOKENS):
        pass


def bounds(lab: nl.Lab) -> dict[str, float]:
    """Tokens a second that this machine allows: by arithmetic, and a row by reading the weights each step."""
    weights = sum(p.numel() for p in lab.model.parameters())
    embedding = lab.model.get_input_embeddings().weight.numel()
    body = weights - embedding  # the prompt needs no vocabulary product, a new token needs one
    operations = 2 * (body * (TOKENS - 1 + NEW_TOKENS) + embedding * NEW_TOKENS) / NEW_TOKENS
    size = 8192 if lab.device.type == "cuda" else 2048
    a = torch.randn(size, size).to(lab.device, lab.dtype)
    products = [a.matmul]
    if lab.device.type == "cpu" and cpu_linears.ONEDNN:
        products.append(cpu_linears.OneDnnLinear(size, size, dtype=lab.dtype))
    with torch.no_grad():
        rate = 2 * size**3 / min(_seconds(partial(product, a), lab)[1] for product in products)
    block = torch.ones(2**28, dtype=torch.uint8, device=lab.device)
    target = torch.empty_like(block)
    bandwidth = 2 * 2**28 / _seconds(lambda: target.copy_(block), lab)[1]  # read and written
    return {"arithmetic": rate / operations, "memory, a row": bandwidth / (weights * lab.dtype.itemsize)}


def nokens_in_prompt(lab: nl.Lab, count: int) -> Tensor:
    """The prompt, a noken for its first token: (count, tokens, width). No two rows begin alike."""
    nokens = nl.random_nokens(lab.width, range(count), norm=lab.space.median_norm)
    return nl.replace(lab.embed(f"{PROMPT} {PROMPT}")[:, :TOKENS], 0, nokens)


def ways(untouched: nl.Lab, plain: nl.Lab, fast: nl.Lab, llama: LlamaCpp | None) -> dict[str, Callable]:
    """What is timed: functions of prompts (rows, tokens, width). `untouched` is as transformers loads it."""
    found = {
        ARTICLE: partial(article_loop, untouched),
        "Hugging Face, batched": partial(hugging_face, untouched),
        "nokenlab": partial(ours, plain),
        "nokenlab, fast=True": partial(ours, fast),
    }
    return found | ({LLAMA: partial(llama.generate, max_new_tokens=NEW_TOKENS)} if llama else {})


def bench(lab: nl.Lab, ways: dict[str, Callable], sizes: list[int]) -> pd.DataFrame:
    """How fast each way is. Columns: dtype, way, nokens, tokens_per_second (median), times_article (a ratio),
    first_seconds (of the first call, which warms up).

    The article's loop is one noken at a time whatever the size.
    """
    everyone = nokens_in_prompt(lab, max(sizes))
    dtype, on_cpu = str(lab.dtype).removeprefix("torch."), lab.device.type == "cpu"
    rows = []
    for size in sizes:
        for way, run in ways.items():
            if way == LLAMA and size > MOST_ROWS:
                continue
            some = everyone[: 1 if way == ARTICLE else size]
            with torch.no_grad():
                timed = partial(run, some)
                first, seconds = _seconds(timed, lab, repeats=1 if size > 128 and on_cpu else 3)
            rows.append((dtype, way, size, len(some) * NEW_TOKENS / seconds, first))
            print(f"{dtype}  {way:<22} {size:>5} nokens  {rows[-1][3]:8.1f} tokens/s", flush=True)
    table = pd.DataFrame(rows, columns=["dtype", "way", "nokens", "tokens_per_second", "first_seconds"])
    article = table[table["way"] == ARTICLE]["tokens_per_second"].median()
    table.insert(4, "times_article", table["tokens_per_second"] / article)
    return table


def agreement(labs: dict[str, nl.Lab], llama: LlamaCpp | None) -> pd.DataFrame:
    """How many greedy texts are those of the first lab in batches of 64. Columns: way, nokens, same."""
    first, *_ = labs.values()
    rows = nokens_in_prompt(first, ALIKE)
    wanted, found = first.generate(rows, NEW_TOKENS, batch_size=64), []
    for name, lab in labs.items():
        for size in (64, 7, 1):
            texts = lab.generate(rows.to(lab.dtype), NEW_TOKENS, batch_size=size)
            found.append((f"{name}, batches of {size}", texts))
    if llama:
        ids = llama.generate(rows, NEW_TOKENS).tolist()
        found.append(("llama.cpp, one batch", [first.text(row) for row in ids]))
    same = [(way, ALIKE, sum(a == b for a, b in zip(texts, wanted, strict=True))) for way, texts in found]
    return pd.DataFrame(same, columns=["way", "nokens", "same"])


def peak(lab: nl.Lab, count: int) -> float:
    """Peak memory in GB of this process after two new tokens for so many nokens; on a GPU that of the GPU."""
    lab.generate(nokens_in_prompt(lab, count), 2)
    if lab.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def memory(model: str | None, dtype: str, counts: list[int]) -> pd.DataFrame:
    """`peak` of a new process for each count. Columns: nokens, peak_gb, given_gb (their embeddings)."""
    rows = []
    for count in counts:
        command = [sys.executable, "-m", "nokenlab.bench.decode", "--peak", str(count), "--dtypes", dtype]
        command += ["--model", model] if model else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append((count, *map(float, done.stdout.split()[-2:])))
        print(f"{count:>6,} nokens  peak {rows[-1][1]:.2f} GB", flush=True)
    return pd.DataFrame(rows, columns=["nokens", "peak_gb", "given_gb"])


def picture(table: pd.DataFrame, limits: dict[str, dict[str, float]]):
    """Tokens a second against nokens: a panel a dtype, a line a way, what the machine allows in black."""
    fig, ((*panels,),) = figure(10, 4.5, columns=len(limits), sharey=True, squeeze=False)
    sizes, ways = sorted(table["nokens"].unique()), list(table["way"].unique())
    for ax, (dtype, limit) in zip(panels, limits.items(), strict=True):
        for way, line in table[table["dtype"] == dtype].groupby("way", sort=False):
            look = {"color": OKABE_ITO[ways.index(way)], "marker": MARKERS[ways.index(way)]}
            ax.plot(line["nokens"], line["tokens_per_second"], **look, label=way)
        ax.axhline(limit["arithmetic"], color="black", linestyle="--", linewidth=1, label="bound: arithmetic")
        row = limit["memory, a row"]
        reach = [sizes[0], min(limit["arithmetic"] / row, sizes[-1])]
        ax.plot(reach, [n * row for n in reach], "k:", linewidth=1, label="bound: reading weights")
        ax.set(xscale="log", yscale="log", xlabel="nokens in one batch", title=dtype)
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
    panels[0].set_ylabel("new tokens a second")
    legend = panels[0].get_legend_handles_labels()  # every way is in the first
    fig.legend(*legend, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return fig


def memory_picture(table: pd.DataFrame):
    """Peak memory against the number of nokens, and what their embeddings alone take."""
    fig, ((ax,),) = figure(6.5, 3.8, squeeze=False)
    lines = {"peak_gb": "peak of the process", "given_gb": "the rows it was given"}
    for i, (column, label) in enumerate(lines.items()):
        ax.plot(table["nokens"], table[column], color=OKABE_ITO[i], marker=MARKERS[i], label=label)
    ax.set(xscale="log", xlabel="nokens asked for", ylabel="memory, GB")
    ax.set_ylim(bottom=0)
    ax.set_xticks(table["nokens"], [f"{n:,}" for n in table["nokens"]])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    return fig


def main() -> None:
    """Measure, print tables, and write results/bench/."""
    parser = argparse.ArgumentParser(
        prog="python -m nokenlab.bench.decode", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--model", default=None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 32, 128, 512])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--results", type=Path, default=Path("results/bench"))
    parser.add_argument("--peak", type=int, help="only this: peak memory in GB for so many nokens")
    args = parser.parse_args()
    if args.peak:
        lab = nl.load(args.model, dtype=args.dtypes[0])
        rows = nokens_in_prompt(lab, 1)
        print(peak(lab, args.peak), args.peak * rows.numel() * rows.element_size() / 1e9)
        return
    peaks = memory(args.model, args.dtypes[0], [100, 1000, 10_000])  # first: a child's peak begins at ours
    llama = _llama() if args.model is None else None
    tables, limits, labs = [], {}, {}
    for dtype in args.dtypes:
        untouched, plain, fast = three = _labs(args.model, dtype)
        limits[dtype] = bounds(plain)
        tables.append(bench(plain, ways(*three, None if tables else llama), args.sizes))
        labs |= {dtype: plain, f"{dtype}, fast=True": fast}
        labs = labs if tables[1:] else {f"transformers, {dtype}": untouched} | labs
    table, alike = pd.concat(tables, ignore_index=True), agreement(labs, llama)
    args.results.mkdir(parents=True, exist_ok=True)
    for name, one in {"bench": table, "agreement": alike, "memory": peaks}.items():
        one.to_csv(args.results / f"{name}.csv", index=False, float_format="%.4g")
    lab = labs[args.dtypes[0]].provenance()
    facts = {"lab": lab, "bounds": limits, "machine": platform.machine(), "versions": versions()}
    write_whole(args.results / "bench.json", to_json(facts))
    for name, fig in {"bench": picture(table, limits), "memory": memory_picture(peaks)}.items():
        fig.savefig(args.results / f"{name}.png", dpi=160, metadata={"Software": None})
    shown = table.pivot_table(index=["dtype", "way"], columns="nokens", values="tokens_per_second")
    print("\ntokens a second\n", shown.round(1), "\n\nbounds\n", pd.DataFrame(limits).round(1))
    print("\nsame texts\n", alike.to_string(index=False))


def _labs(model: str | None, dtype: str) -> tuple[nl.Lab, nl.Lab, nl.Lab]:
    """A model as transformers loads it, as nokenlab does, and fast; no token ends a text, so all are long."""
    where, name = hub.locate(model)
    read = loading.read(AutoModelForCausalLM, fitness.check_kind, where, name, None, None, dtype)
    three = nl.Lab(*read), nl.load(model, dtype=dtype), nl.load(model, dtype=dtype, fast=True)
    for lab in three:
        lab.model.generation_config.eos_token_id = []
    return three


def _llama() -> LlamaCpp | None:
    if importlib.util.find_spec("llama_cpp") is None:
        print("llama.cpp is left out: pip install 'nokenlab[bench]' brings it", flush=True)
        return None
    with tempfile.TemporaryDirectory() as folder:  # it stays mapped in memory
        return LlamaCpp(default_model.gguf(Path(folder)))


def _seconds(run: Callable[[], object], lab: nl.Lab, repeats: int = 3) -> tuple[float, float]:
    """Seconds of the first run of `run`, which warms up, and the median of `repeats` more."""
    taken = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run()
        if lab.device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return taken[0], sorted(taken[1:])[repeats // 2]


if __name__ == "__main__":
    main()
