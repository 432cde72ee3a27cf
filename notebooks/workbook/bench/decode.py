"""How fast nokens are answered here: one by one as the article does it, batched, and what the machine allows.

`make bench` runs it, `make bench QUICK=1` for a first look, `make bench CASE=long` for long texts: every row
is timed in one process, in turn, on the same nokens, so that the ratios mean something. With the extra
`bench` llama.cpp runs beside it. Nothing here is used by the notebooks.
"""

import argparse
import importlib.util
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

import nokenlab as nl
from nokenlab import loading
from nokenlab.models import default_model, fitness, hub
from nokenlab.models.memory import choose_device
from nokenlab.runs.files import to_json, write_atomically
from nokenlab.runs.provenance import versions
from workbook.bench.cases import CASES, Case, nokens_in_prompt, work
from workbook.bench.llama_cpp import MOST_ROWS, LlamaCpp
from workbook.bench.memory import COUNTS, peaks
from workbook.bench.memory import NEW_TOKENS as MEMORY_TOKENS
from workbook.bench.pictures import memory_picture, picture
from workbook.bench.timing import best_rate, seconds

ARTICLE, HUGGING_FACE, LLAMA = "article's loop", "Hugging Face, batched", "llama.cpp, batched"
PLAIN, FAST = "nokenlab", "nokenlab, fast=True"
ALIKE, BATCHES = 64, (64, 7, 1)  # nokens whose texts are compared, in batches of so many
QUICK = (1, 32)  # nokens
BLOCK = 2**28  # bytes that are copied, far more than a cache holds
Done = Callable[[int, str], None]  # told of each measurement: so much work, and a line


def article_loop(lab: nl.Lab, rows: Tensor, new: int) -> None:
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
        for _ in range(new):
            out = lab.model(inputs_embeds=x, past_key_values=past, attention_mask=mask, use_cache=True)
            scores = processors(ids, out.logits[:, -1].float())
            ids = torch.multinomial(scores.softmax(-1), num_samples=1)  # (1, 1)
            lab.tokenizer.decode(ids[0])
            x, past = embed(ids), out.past_key_values
            mask = torch.cat([mask, mask.new_ones(1, 1)], dim=-1)


def hugging_face(lab: nl.Lab, rows: Tensor, new: int) -> None:
    """transformers' own `generate`, the whole batch at once."""
    mask = torch.ones(rows.shape[:2], dtype=torch.long, device=lab.device)
    lab.model.generate(
        inputs_embeds=rows,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=new,
        pad_token_id=0,
    )


def ours(lab: nl.Lab, rows: Tensor, new: int) -> None:
    """The decode loop of nokenlab, the whole batch at once."""
    for _ in lab.sample(rows, new):
        pass


def bounds(lab: nl.Lab, case: Case) -> dict[str, float]:
    """Tokens a second that this machine allows: by arithmetic, and a row by reading the weights each step."""
    weights = sum(p.numel() for p in lab.model.parameters())
    embedding = lab.model.get_input_embeddings().weight.numel()
    body = weights - embedding  # the prompt needs no vocabulary product, a new token needs one
    operations = 2 * (body * (case.tokens - 1 + case.new) + embedding * case.new) / case.new
    rate = best_rate(lab)
    block = torch.ones(BLOCK, dtype=torch.uint8, device=lab.device)
    target = torch.empty_like(block)
    bandwidth = 2 * BLOCK / seconds(lambda: target.copy_(block), lab)[1]  # read and written
    return {"arithmetic": rate / operations, "memory, a row": bandwidth / (weights * lab.dtype.itemsize)}


def ways(untouched: nl.Lab, plain: nl.Lab, fast: nl.Lab, llama: LlamaCpp | None) -> dict[str, Callable]:
    """What is timed: functions of prompts (rows, tokens, width) and of how many new tokens.

    `untouched` is as transformers loads it.
    """
    found = {
        ARTICLE: partial(article_loop, untouched),
        HUGGING_FACE: partial(hugging_face, untouched),
        PLAIN: partial(ours, plain),
        FAST: partial(ours, fast),
    }
    return found | ({LLAMA: llama.generate} if llama else {})


def bench(lab: nl.Lab, ways: dict[str, Callable], case: Case, sizes: list[int], done: Done) -> pd.DataFrame:
    """How fast each way is. Columns: dtype, way, nokens, tokens_per_second (median), times_article (a ratio),
    first_seconds (of the first call, which warms up).

    The article's loop is one noken at a time whatever the size. What memory does not hold has no row.
    """
    everyone = nokens_in_prompt(lab, max(sizes), case)
    dtype, rows = str(lab.dtype).removeprefix("torch."), []
    for way, size, count, repeats in plan(ways, sizes, lab.device.type):
        lab.decoders.forget()  # of the way before
        timed, said = partial(ways[way], everyone[:count], case.new), "memory does not hold them"
        try:
            with torch.no_grad():
                first, median = seconds(timed, lab, repeats)
            rows.append((dtype, way, size, count * case.new / median, first))
            said = f"{rows[-1][3]:8.1f} tokens/s"
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
        done(work(count, case.new) * (repeats + 1), f"{dtype}  {way:<22} {size:>5} nokens  {said}")
    table = pd.DataFrame(rows, columns=["dtype", "way", "nokens", "tokens_per_second", "first_seconds"])
    article = table[table["way"] == ARTICLE]["tokens_per_second"].median()
    table.insert(4, "times_article", table["tokens_per_second"] / article)
    return table


def plan(ways, sizes: list[int], device: str) -> list[tuple[str, int, int, int]]:
    """What is timed: way, size, how many rows it is given, and how often when it was warmed up."""
    return [
        (way, size, 1 if way == ARTICLE else size, 1 if size > 128 and device == "cpu" else 3)
        for size in sizes
        for way in ways
        if way != LLAMA or size <= MOST_ROWS
    ]


def agreement(labs: dict[str, nl.Lab], llama: LlamaCpp | None, case: Case, done: Done) -> pd.DataFrame:
    """How many greedy texts are those of the first lab in batches of 64. Columns: way, nokens, same."""
    first, *_ = labs.values()
    rows = nokens_in_prompt(first, ALIKE, case)
    wanted, same = first.generate(rows, case.new, batch_size=ALIKE), []

    def count(way: str, texts: list[str], size: int = ALIKE) -> None:
        same.append((way, ALIKE, sum(a == b for a, b in zip(texts, wanted, strict=True))))
        done(work(size, case.new) * ALIKE // size, f"{way}: {same[-1][2]} of {ALIKE} texts the same")

    for name, lab in labs.items():
        for size in BATCHES:
            texts = lab.generate(rows.to(lab.dtype), case.new, batch_size=size)
            count(f"{name}, batches of {size}", texts, size)
    if llama:
        count("llama.cpp, one batch", [first.text(row) for row in llama.generate(rows, case.new).tolist()])
    return pd.DataFrame(same, columns=["way", "nokens", "same"])


def main() -> None:
    """Measure, print tables, and write them into the folder of results, long texts into `long` there.

    A quick look is printed only.
    """
    args = _arguments()
    case, llama = CASES[args.case], args.model is None and _llama_is_there()
    sizes = args.sizes or list(QUICK if args.quick else case.sizes)
    whole = args.case == "short" and not args.quick  # memory and whether texts agree as well
    tables, limits, labs = [], {}, {}
    total, look = (
        _work(args.dtypes, case, sizes, llama, whole),
        "{percentage:3.0f}% {bar} {elapsed}, {remaining} to go",
    )
    with tqdm(total=total, bar_format=look, smoothing=0) as bar:

        def done(work: int, line: str) -> None:
            bar.write(line)
            bar.update(work)

        bar.write(_intention(args, case, sizes, whole))
        held = peaks(args.model, args.dtypes[0], done) if whole else None  # a child's peak begins at ours
        llama = _llama() if llama else None
        for dtype in args.dtypes:
            untouched, plain, fast = three = _labs(args.model, dtype)
            limits[dtype] = bounds(plain, case)
            tables.append(bench(plain, ways(*three, None if tables else llama), case, sizes, done))
            labs |= {dtype: plain, f"{dtype}, fast=True": fast}
            labs = labs if tables[1:] else {f"transformers, {dtype}": untouched} | labs
        alike = agreement(labs, llama, case, done) if whole else None
    table = pd.concat(tables, ignore_index=True)
    shown = table.pivot_table(index=["dtype", "way"], columns="nokens", values="tokens_per_second")
    print("\ntokens a second\n", shown.round(1), "\n\nbounds\n", pd.DataFrame(limits).round(1))
    if not args.quick:
        folder = args.results if whole else args.results / args.case
        facts = {"lab": labs[args.dtypes[0]].provenance(), "bounds": limits, "machine": platform.machine()}
        write(folder, {"bench": table, "agreement": alike, "memory": held}, facts | {"versions": versions()})


def write(folder: Path, tables: dict[str, pd.DataFrame | None], facts: dict) -> None:
    """Tables and their figures, those that there are, and what they were measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {name: table for name, table in tables.items() if table is not None}
    for name, table in there.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.4g")
    write_atomically(folder / "bench.json", to_json(facts))
    figures = {"bench": partial(picture, limits=facts["bounds"]), "memory": memory_picture}
    for name in figures.keys() & there.keys():
        figures[name](there[name]).savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})


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


def _work(dtypes: list[str], case: Case, sizes: list[int], llama: bool, whole: bool) -> int:
    device, ways, total = choose_device(None), [ARTICLE, HUGGING_FACE, PLAIN, FAST], 0
    for dtype in dtypes:
        both = [*ways, LLAMA] if llama and dtype == dtypes[0] else ways
        total += sum(work(rows, case.new) * (n + 1) for _, _, rows, n in plan(both, sizes, device))
    if not whole:
        return total
    total += sum(work(count, MEMORY_TOKENS) for count in COUNTS) + llama * work(ALIKE, case.new)
    compared = sum(work(size, case.new) * ALIKE // size for size in BATCHES)
    return total + (1 + 2 * len(dtypes)) * compared


def _intention(args: argparse.Namespace, case: Case, sizes: list[int], whole: bool) -> str:
    nokens = f"{', '.join(map(str, sizes))} nokens, {case.new} new tokens after a prompt of {case.tokens}"
    more = ", and before that memory, after it whether texts agree" if whole else ""
    minutes = "10 to 15 minutes" if whole else "2 to 3 minutes" if args.quick else "10 to 20 minutes"
    return f"{nokens}, in {' and '.join(args.dtypes)}{more}; {minutes} on two cores"


def _labs(model: str | None, dtype: str) -> tuple[nl.Lab, nl.Lab, nl.Lab]:
    """A model as transformers loads it, as nokenlab does, and fast; no token ends a text, so all are long."""
    where, name = hub.locate(model)
    read = loading.read(AutoModelForCausalLM, fitness.check_kind, where, name, None, None, dtype)
    three = nl.Lab(*read), nl.load(model, dtype=dtype), nl.load(model, dtype=dtype, fast=True)
    for lab in three:
        lab.model.generation_config.eos_token_id = []
    return three


def _llama_is_there() -> bool:
    there = importlib.util.find_spec("llama_cpp") is not None
    if not there:
        print("llama.cpp is left out: pip install 'nokenlab[bench]' brings it", flush=True)
    return there


def _llama() -> LlamaCpp:
    with tempfile.TemporaryDirectory() as folder:  # it stays mapped in memory
        return LlamaCpp(default_model.gguf(Path(folder)))


if __name__ == "__main__":
    main()
