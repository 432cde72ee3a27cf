"""How fast nokens are answered here: one by one as the article does it, batched, and what the machine allows.

`make bench` runs it, `make bench QUICK=1` for a first look, `make bench CASE=long` for long texts: all
methods are timed in one process, in turn, on the same nokens, so that ratios are meaningful. With the extra
`bench` llama.cpp is one of them. No notebook uses this.
"""

import argparse
import importlib.util
import platform
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
from nokenlab import loading
from nokenlab.models import fitness, hub, packaged
from nokenlab.runs.files import to_json, write_atomically
from nokenlab.runs.provenance import versions
from workbook.bench import memory
from workbook.bench.cases import CASES, Case, nokens_in_prompt
from workbook.bench.llama_cpp import MOST_ROWS, LlamaCpp
from workbook.bench.pictures import memory_picture, picture
from workbook.bench.timing import best_rate, seconds

ARTICLE, HUGGING_FACE, LLAMA = "article's loop", "Hugging Face, batched", "llama.cpp, batched"
PLAIN, FAST = "nokenlab", "nokenlab, fast=True"
COMPARED, BATCHES = 64, (64, 7, 1)  # nokens whose texts are compared, in batches of so many
QUICK_SIZES = (1, 32)
COPIED_BYTES = 2**28  # far more than a cache holds
Method = Callable[[Tensor, int], object]  # of prompts (rows, tokens, width) and how many new tokens


def article_loop(lab: nl.Lab, rows: Tensor, new_tokens: int) -> None:
    """The article's `embsampler`, one noken after the other, with its processors."""
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
        for _ in range(new_tokens):
            out = lab.model(inputs_embeds=x, past_key_values=past, attention_mask=mask, use_cache=True)
            scores = processors(ids, out.logits[:, -1].float())
            ids = torch.multinomial(scores.softmax(-1), num_samples=1)  # (1, 1)
            lab.tokenizer.decode(ids[0])
            x, past = embed(ids), out.past_key_values
            mask = torch.cat([mask, mask.new_ones(1, 1)], dim=-1)


def hugging_face(lab: nl.Lab, rows: Tensor, new_tokens: int) -> None:
    """transformers' own `generate`, the whole batch at once."""
    mask = torch.ones(rows.shape[:2], dtype=torch.long, device=lab.device)
    options = {"do_sample": False, "max_new_tokens": new_tokens, "pad_token_id": 0}
    lab.model.generate(inputs_embeds=rows, attention_mask=mask, **options)


def nokenlab(lab: nl.Lab, rows: Tensor, new_tokens: int) -> None:
    """The decode loop of nokenlab, the whole batch at once."""
    for _ in lab.sample(rows, new_tokens):
        pass


def bounds(lab: nl.Lab, case: Case) -> dict[str, float]:
    """Tokens a second that this machine allows by arithmetic, and per row by reading the weights."""
    weights = sum(p.numel() for p in lab.model.parameters())
    embedding = lab.model.get_input_embeddings().weight.numel()
    body = weights - embedding  # the prompt needs no vocabulary product, a new token needs one
    new = case.new_tokens
    operations = 2 * (body * (case.tokens - 1 + new) + embedding * new) / new
    rate = best_rate(lab)
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=lab.device)
    target = torch.empty_like(source)
    bandwidth = 2 * COPIED_BYTES / seconds(lambda: target.copy_(source), lab)[1]  # read and written
    return {"arithmetic": rate / operations, "memory, a row": bandwidth / (weights * lab.dtype.itemsize)}


def bench(lab: nl.Lab, methods: dict[str, Method], case: Case, sizes: list[int]) -> pd.DataFrame:
    """How fast each method is. Columns: dtype, way, nokens, tokens_per_second (median), times_article (a
    ratio), first_seconds (of the first call, which warms up).

    The article's loop is one noken at a time whatever the size. What memory does not hold has no row.
    """
    prompts = nokens_in_prompt(lab, max(sizes), case)
    dtype, rows = str(lab.dtype).removeprefix("torch."), []
    for size in sizes:
        for name, method in methods.items():
            if name == LLAMA and size > MOST_ROWS:
                continue
            count = 1 if name == ARTICLE else size
            repeats = 1 if size > 128 and lab.device.type == "cpu" else 3
            lab.decoders.forget()  # of the method before
            try:
                with torch.no_grad():
                    run = partial(method, prompts[:count], case.new_tokens)
                    first, median = seconds(run, lab, repeats)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                print(f"{dtype}  {name:<22} {size:>5} nokens  do not fit into memory", flush=True)
                continue
            rate = count * case.new_tokens / median
            rows.append((dtype, name, size, rate, first))
            print(f"{dtype}  {name:<22} {size:>5} nokens  {rate:8.1f} tokens/s", flush=True)
    table = pd.DataFrame(rows, columns=["dtype", "way", "nokens", "tokens_per_second", "first_seconds"])
    article = table[table["way"] == ARTICLE]["tokens_per_second"].median()
    table.insert(4, "times_article", table["tokens_per_second"] / article)
    return table


def agreement(labs: dict[str, nl.Lab], llama: LlamaCpp | None, case: Case) -> pd.DataFrame:
    """How many greedy texts are those of the first lab in batches of 64. Columns: way, nokens, same."""
    first_lab, *_ = labs.values()
    rows = nokens_in_prompt(first_lab, COMPARED, case)
    expected = first_lab.generate(rows, case.new_tokens, batch_size=COMPARED)
    table = []

    def compare(name: str, texts: list[str]) -> None:
        same = sum(a == b for a, b in zip(texts, expected, strict=True))
        table.append((name, COMPARED, same))
        print(f"{name}: {same} of {COMPARED} texts the same", flush=True)

    for name, lab in labs.items():
        for size in BATCHES:
            texts = lab.generate(rows.to(lab.dtype), case.new_tokens, batch_size=size)
            compare(f"{name}, batches of {size}", texts)
    if llama:
        ids = llama.generate(rows, case.new_tokens).tolist()
        compare("llama.cpp, one batch", [first_lab.text(row) for row in ids])
    return pd.DataFrame(table, columns=["way", "nokens", "same"])


def main() -> None:
    """Measure, print tables, and write them into the folder of results, long texts into `long` there.

    A quick look is printed only.
    """
    args = _arguments()
    case = CASES[args.case]
    sizes = args.sizes or list(QUICK_SIZES if args.quick else case.sizes)
    complete = args.case == "short" and not args.quick  # memory and whether texts agree as well
    print(_plan(args, case, sizes, complete), flush=True)
    peaks = memory.peaks(args.model, args.dtypes[0]) if complete else None  # a child's peak starts at ours
    llama = _llama() if args.model is None else None
    tables, limits, labs = [], {}, {}
    for dtype in args.dtypes:
        untouched, plain, fast = _labs(args.model, dtype)
        methods = {
            ARTICLE: partial(article_loop, untouched),
            HUGGING_FACE: partial(hugging_face, untouched),
            PLAIN: partial(nokenlab, plain),
            FAST: partial(nokenlab, fast),
        }
        if dtype == args.dtypes[0]:
            methods |= {LLAMA: llama.generate} if llama else {}
            labs[f"transformers, {dtype}"] = untouched
        limits[dtype] = bounds(plain, case)
        tables.append(bench(plain, methods, case, sizes))
        labs |= {dtype: plain, f"{dtype}, fast=True": fast}
    same_texts = agreement(labs, llama, case) if complete else None
    table = pd.concat(tables, ignore_index=True)
    rates = table.pivot_table(index=["dtype", "way"], columns="nokens", values="tokens_per_second")
    print("\ntokens a second\n", rates.round(1), "\n\nbounds\n", pd.DataFrame(limits).round(1))
    if not args.quick:
        folder = args.results if complete else args.results / args.case
        facts = {"lab": labs[args.dtypes[0]].provenance(), "bounds": limits, "machine": platform.machine()}
        facts["versions"] = versions()
        write(folder, {"bench": table, "agreement": same_texts, "memory": peaks}, facts)


def write(folder: Path, tables: dict[str, pd.DataFrame | None], facts: dict) -> None:
    """Write the tables that are not None, their figures, and the facts of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"bench": partial(picture, limits=facts["bounds"]), "memory": memory_picture}
    for name, table in tables.items():
        if table is None:
            continue
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.4g")
        if name in figures:
            figures[name](table).savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})
    write_atomically(folder / "bench.json", to_json(facts))


def _arguments() -> argparse.Namespace:
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m workbook.bench.decode", description=about)
    parser.add_argument("--model", default=None)
    parser.add_argument("--case", choices=CASES, default="short")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--quick", action="store_true", help="1 and 32 nokens, printed only")
    parser.add_argument("--results", type=Path, default=Path("results/bench"))
    return parser.parse_args()


def _plan(args: argparse.Namespace, case: Case, sizes: list[int], complete: bool) -> str:
    """What will be measured, and how long that takes."""
    nokens = f"{', '.join(map(str, sizes))} nokens"
    texts = f"{case.new_tokens} new tokens after a prompt of {case.tokens}"
    minutes = "2 to 3 minutes" if args.quick else "10 to 20 minutes"
    if complete:
        minutes = f"before that memory, after it whether texts agree; {minutes}"
    return f"{nokens}, {texts}, in {' and '.join(args.dtypes)}; {minutes} on two cores"


def _labs(model: str | None, dtype: str) -> tuple[nl.Lab, nl.Lab, nl.Lab]:
    """A model as transformers loads it, as nokenlab does, and fast; no token ends a text, so all are long."""
    source, name = hub.locate(model)
    read = loading.read(AutoModelForCausalLM, fitness.check_kind, source, name, None, None, dtype)
    labs = nl.Lab(*read), nl.load(model, dtype=dtype), nl.load(model, dtype=dtype, fast=True)
    for lab in labs:
        lab.model.generation_config.eos_token_id = []
    return labs


def _llama() -> LlamaCpp | None:
    if importlib.util.find_spec("llama_cpp") is None:
        print("llama.cpp is left out: it needs the extra `bench`", flush=True)
        return None
    return LlamaCpp(packaged.gguf(packaged.DEFAULT))


if __name__ == "__main__":
    main()
