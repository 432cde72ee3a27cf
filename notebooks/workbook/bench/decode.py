"""How fast nokens are answered here: one by one as the article does it, batched, and what the machine allows.

`make bench` runs it, `make bench QUICK=1` for a first look, `make bench CASE=long` for long texts: all
methods are timed in one process, in turn, on the same nokens, so that ratios are meaningful. With the extra
`bench` llama.cpp is one of them. No notebook uses this.
"""

import argparse
import importlib.util
import platform
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

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
from nokenlab.conformance.llama_cpp import MOST_ROWS, LlamaCpp
from nokenlab.models import packaged
from workbook.bench import harness
from workbook.bench.pictures import memory_picture, picture, save_picture

PROMPT = "Red is a color that is often associated with"
ARTICLE, HUGGING_FACE, LLAMA = "article's loop", "Hugging Face, batched", "llama.cpp, batched"
PLAIN, FAST = "nokenlab", "nokenlab, fast=True"
COMPARED, BATCHES = 64, (64, 7, 1)  # nokens whose texts are compared, in batches of so many
QUICK_SIZES = [1, 32]
PEAK_COUNTS = [100, 1000, 10_000]  # nokens answered by a new process, whose peak of memory is measured
COPIED_BYTES = 2**28  # far more than a cache holds
Method = Callable[[Tensor, int], object]  # of prompts (rows, tokens, width) and how many new tokens


class Case(NamedTuple):
    """Tokens of the prompt, by any tokenizer; position of its noken; new tokens; sizes of batches."""

    tokens: int
    position: int
    new_tokens: int
    sizes: list[int]


CASES = {"short": Case(9, 0, 20, [1, 10, 32, 128, 512]), "long": Case(126, 5, 100, [1, 10, 32])}


def nokens_in_prompt(lab: nl.Lab, count: int, case: Case) -> Tensor:
    """The prompt with another noken in each row: (count, tokens, width)."""
    prompt = lab.embed(" ".join([PROMPT] * case.tokens))[:, : case.tokens]
    nokens = nl.random_nokens(lab.width, range(count), norm=lab.space.median_norm)
    return nl.replace(prompt, case.position, nokens)


@torch.no_grad()
def article_loop(lab: nl.Lab, rows: Tensor, new_tokens: int) -> None:
    """The article's `embsampler`, one noken after the other, with its processors."""
    shortest = MinLengthLogitsProcessor(15, lab.tokenizer.eos_token_id, device=lab.device)
    processors = LogitsProcessorList([shortest, TopKLogitsWarper(1), TemperatureLogitsWarper(0.01)])
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


def llama_cpp(llama: LlamaCpp, rows: Tensor, new_tokens: int) -> list[list[int]]:
    """llama.cpp on the same vectors, the whole batch at once: the new ids of each row."""
    return [answer.ids.tolist() for answer in llama.generate(list(rows), new_tokens)]


def bounds(lab: nl.Lab, case: Case) -> dict[str, float]:
    """Tokens a second that this machine allows by arithmetic, and per row by reading the weights."""
    weights = sum(p.numel() for p in lab.model.parameters())
    embedding = lab.model.get_input_embeddings().weight.numel()
    body = weights - embedding  # the prompt needs no vocabulary product, a new token needs one
    new = case.new_tokens
    operations = 2 * (body * (case.tokens - 1 + new) + embedding * new) / new
    rate = harness.best_rate(lab)
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=lab.device)
    target = torch.empty_like(source)
    copied = harness.seconds(lambda: target.copy_(source), lab)[1]
    bandwidth = 2 * COPIED_BYTES / copied  # read and written
    return {"arithmetic": rate / operations, "memory, a row": bandwidth / (weights * lab.dtype.itemsize)}


def bench(lab: nl.Lab, methods: dict[str, Method], case: Case, sizes: list[int]) -> pd.DataFrame:
    """How fast each method is. Columns: dtype, way, nokens, tokens_per_second (median), times_article (a
    ratio), first_seconds (of the first call, which warms up).

    The article's loop is one noken at a time whatever the size. What memory does not hold has no row.
    """
    dtype = str(lab.dtype).removeprefix("torch.")
    print(f"\n{dtype}")
    table = harness.rates(lab, _runs(lab, methods, case, sizes), "tokens")
    table = table.rename(columns={"rows": "nokens", "rate": "tokens_per_second"})
    article = table[table["way"] == ARTICLE]["tokens_per_second"].median()
    table.insert(3, "times_article", table["tokens_per_second"] / article)
    table.insert(0, "dtype", dtype)
    return table


def _runs(
    lab: nl.Lab, methods: dict[str, Method], case: Case, sizes: list[int]
) -> Iterator[tuple[str, int, float, Callable]]:
    prompts = nokens_in_prompt(lab, max(sizes), case)
    for size in sizes:
        for name, method in methods.items():
            if name == LLAMA and size > MOST_ROWS:
                continue
            count = 1 if name == ARTICLE else size
            lab.decoders.forget()  # of the method before
            yield name, size, count * case.new_tokens, partial(method, prompts[:count], case.new_tokens)


def agreement(labs: dict[str, nl.Lab], llama: LlamaCpp | None, case: Case) -> pd.DataFrame:
    """How many greedy texts are those of the first lab in batches of 64. Columns: way, nokens, same."""
    first_lab, *_ = labs.values()
    rows = nokens_in_prompt(first_lab, COMPARED, case)
    expected = first_lab.generate(rows, case.new_tokens, batch_size=COMPARED)
    texts = {
        f"{name}, batches of {size}": lab.generate(rows.to(lab.dtype), case.new_tokens, batch_size=size)
        for name, lab in labs.items()
        for size in BATCHES
    }
    if llama:
        ids = llama_cpp(llama, rows, case.new_tokens)
        texts["llama.cpp, one batch"] = [first_lab.text(row) for row in ids]
    same = [sum(a == b for a, b in zip(answers, expected, strict=True)) for answers in texts.values()]
    table = pd.DataFrame({"way": list(texts), "nokens": COMPARED, "same": same})
    print(table.to_string(index=False), flush=True)
    return table


def peak(count: int, model: str | None, dtype: str) -> tuple[int, float, float]:
    """So many nokens answered in this process: their count, the peak in GB, and that of their embeddings."""
    lab, case = nl.load(model, dtype=dtype), CASES["short"]
    lab.generate(nokens_in_prompt(lab, count, case), max_new_tokens=2)
    return count, harness.peak_gb(lab), count * case.tokens * lab.width * lab.dtype.itemsize / 1e9


def main() -> None:
    """Measure, print tables, and write them into the folder of results, long texts into `long` there.

    A quick look is printed only.
    """
    args = harness.arguments(
        "decode",
        __doc__,
        case={"choices": CASES, "default": "short"},
        sizes={"type": int, "nargs": "+"},
        dtypes={"nargs": "+", "default": ["float32", "bfloat16"]},
        quick={"action": "store_true", "help": "1 and 32 nokens, printed only"},
    )
    case = CASES[args.case]
    sizes = args.sizes or (QUICK_SIZES if args.quick else case.sizes)
    complete = args.case == "short" and not args.quick  # memory and whether texts agree as well
    print(_plan(args, case, sizes, complete), flush=True)
    more = {}
    if complete:  # first, since a child's peak starts at ours
        peaks = harness.in_new_processes(partial(peak, model=args.model, dtype=args.dtypes[0]), PEAK_COUNTS)
        more["memory"] = pd.DataFrame(peaks, columns=["nokens", "peak_gb", "given_gb"])
        print(more["memory"].round(2).to_string(index=False), flush=True)
    llama = None
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
            llama = _llama(plain) if args.model is None else None
            methods |= {LLAMA: partial(llama_cpp, llama)} if llama else {}
            labs[f"transformers, {dtype}"] = untouched
        limits[dtype] = bounds(plain, case)
        tables.append(bench(plain, methods, case, sizes))
        labs |= {dtype: plain, f"{dtype}, fast=True": fast}
    table = pd.concat(tables, ignore_index=True)
    rates = table.pivot_table(index=["dtype", "way"], columns="nokens", values="tokens_per_second")
    print("\ntokens a second\n", rates.round(1), "\n\nbounds\n", pd.DataFrame(limits).round(1))
    if complete:
        more["agreement"] = agreement(labs, llama, case)
    if not args.quick:
        folder = args.results if complete else args.results / args.case
        facts = {"lab": labs[args.dtypes[0]].provenance(), "bounds": limits, "machine": platform.machine()}
        harness.save(folder, {"bench": table} | more, facts)
        save_picture(picture(table, limits), folder / "bench.png")
        if complete:
            save_picture(memory_picture(more["memory"]), folder / "memory.png")


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
    plain, fast = nl.load(model, dtype=dtype), nl.load(model, dtype=dtype, fast=True)
    labs = harness.untouched(model, dtype), plain, fast
    for lab in labs:
        lab.model.generation_config.eos_token_id = []
    return labs


def _llama(lab: nl.Lab) -> LlamaCpp | None:
    if importlib.util.find_spec("llama_cpp") is None:
        print("llama.cpp is left out: it needs the extra `bench`", flush=True)
        return None
    return LlamaCpp(packaged.gguf(packaged.DEFAULT), lab)


if __name__ == "__main__":
    main()
