"""The command line: list the notebooks, run them, run one many times, make pages, fetch a model."""

import argparse
import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path

import nokenlab
from nokenlab.errors import LONGEST, BadInput, RunFailed, RunLost, cut, did_you_mean, first_line, short
from nokenlab.runs import notebooks
from nokenlab.runs.notebooks import title
from nokenlab.runs.parameters import read
from nokenlab.runs.provenance import changed_runs, executed_copy

COMMANDS = ("list", "run", "sweep", "findings", "conform", "export", "site", "fetch")
MINE = Path("results", "mine")  # git ignores it; `--results results` renews what the repository shows


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when something failed, 2 for bad input, 130 after Ctrl-C."""
    words = _joined(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in COMMANDS and not words[0].startswith("-"):
        _say([f"no command {short(words[0])}{did_you_mean(words[0], COMMANDS)}"])
        return 2
    args = _parser().parse_args(words)
    try:
        code = args.do(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as of `nokenlab list | head`; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        repeat = "; the same command continues from there" if args.do is _sweep else ""
        _say([f"stopped; results of notebooks that ended are saved{repeat}"])
        return 130
    except Exception as error:
        if args.traceback:
            raise
        return _complain(error)


def _complain(error: Exception) -> int:
    expected = isinstance(error, BadInput | RunFailed | RunLost | OSError | ValueError)
    kind = "" if expected else f"{type(error).__name__}: "
    _say([kind + first_line(str(error))])
    return 2 if isinstance(error, BadInput) else 1


def _say(lines: list[str], begin: str = "nokenlab") -> None:
    for line in lines:
        print(cut(f"{begin}: {line}", LONGEST), file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Say what is wrong in one line, without the usage."""
        more = f"; `{self.prog} --help` says more"
        self.exit(2, cut(f"nokenlab: {message}", LONGEST - len(more)) + more + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nokenlab", description="A notebook workbook for nokens.")
    parser.add_argument("--version", action="version", version=f"nokenlab {nokenlab.__version__}")
    commands = parser.add_subparsers(required=True, metavar=" | ".join(COMMANDS))

    def command(name: str, do: Callable, about: str, results: bool = False) -> Callable:
        """Add a command; returns the function that adds its arguments."""
        parser = commands.add_parser(name, help=about)
        parser.set_defaults(do=do)
        parser.add_argument("--traceback", action="store_true", help="show where an error comes from")
        if results:
            folder = {"default": MINE, "metavar": "DIR", "type": _folder}
            parser.add_argument("--results", **folder, help=f"folder of the results ({MINE})")
        return parser.add_argument

    command("list", _list, "the notebooks and their parameters")

    add = command("run", _run, "run notebooks into a results folder", results=True)
    add("notebooks", nargs="*", metavar="NOTEBOOK", help="03-random-nokens, 03 or a path; all if none")
    pair = {"action": "append", "default": [], "dest": "pairs", "metavar": "NAME VALUE"}
    add("-p", "--parameter", **pair, help="a parameter and its value as YAML, for all notebooks that have it")
    several = "the same as -p model ID; given twice, each model has a folder, and one page shows both"
    add("--model", metavar="ID", action="append", default=[], help=several)
    add("--workers", type=_count, metavar="N", help="notebooks at a time (as memory allows; 1 with --model)")

    add = command("sweep", _sweep, "run one notebook with many parameters", results=True)
    add("files", nargs="+", metavar="FILE", type=Path, help="such as notebooks/sweeps/lerp-pairs.yaml")
    add("--model", metavar="ID", help="another model; its tables go into a folder of its name")
    add("--workers", type=_count, default=1, metavar="N", help="runs at a time on this machine (1)")
    add("--scheduler", metavar="ADDRESS", help="of dask, tcp://…, to run on its workers")
    add("--devices", metavar="LIST", help="GPUs for the workers on this machine, such as 0,2 (all)")
    add("--dry-run", action="store_true", help="check the file and say what would be done")
    add("--force", action="store_true", help="repeat runs that are done")
    add("--keep-stale", action="store_true", help="keep and mark rows of other code, data or versions")
    add("--plain", action="store_true", help="start a new Python for each run; slower")

    add = command("export", _export, "a notebook as one page, with its sliders")
    add("notebook", metavar="NOTEBOOK", help="runs first if nothing shows its outputs")
    add("page", metavar="FILE.html", type=Path, help="works without Python and without a network")

    add = command("site", _site, "the workbook as pages, with its sliders", results=True)
    add("folder", nargs="?", default="site", metavar="FOLDER", type=Path, help="(site)")
    live = "also write a page that runs the model itself, into FOLDER/live; requires npm once"
    add("--live", action="store_true", help=live)

    command("findings", _findings, "a page of what the sweeps say about the claims", results=True)

    add = command("conform", _conform, "does a model here read a vector as its token", results=True)
    add("model", nargs="?", metavar="MODEL", help="a name, folder or hub id (the default model)")
    runtime = {"choices": ("nokenlab", "llama.cpp"), "default": "nokenlab"}
    add("--runtime", **runtime, help="what runs it (nokenlab); llama.cpp requires the extra `bench`")

    add = command("fetch", _fetch, "download a model for later")
    add("model", nargs="?", metavar="MODEL", help="gemma-3-270m or a hub id (the default model)")
    add("--accept-terms", action="store_true", help="accept the terms under which the model comes")
    add("--check", action="store_true", help="compare every file with its hash")
    return parser


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a folder, got ''")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {short(text)}")
    return int(text)


def _joined(argv: list[str]) -> list[str]:
    """`-p NAME VALUE` as one word: argparse takes a value such as -1e-3 for an option."""
    words, rest = [], iter(argv)
    for word in rest:
        if word in ("-p", "--parameter"):
            word = "--parameter=" + "=".join(islice(rest, 2))
        words.append(word)
    return words


def _list(args) -> int:
    for notebook in notebooks.numbered():
        print(f"{notebook.stem}  {title(notebook)}")
        for p in read(notebook).values():
            print(f"    {p.name}: {p.type} = {p.default!r}" + (f"  # {p.comment}" if p.comment else ""))
    return 0


def _run(args) -> int:
    from nokenlab.pages.results_page import check_index
    from nokenlab.runs import many_runs, notebook_run  # jupyter_client comes with them

    chosen = list(dict.fromkeys(map(notebooks.find, args.notebooks))) or notebooks.numbered()
    if not chosen:
        raise BadInput("no notebooks here; give the path of one")
    plans = many_runs.make_plans(chosen, args.pairs, args.results, args.model)
    for folder in plans:
        check_index(folder)
        for notebook in chosen:
            notebook_run.prepare(folder / notebook.stem)
    codes = [_run_into(folder, plan, args.workers) for folder, plan in plans.items()]
    if len(plans) > 1:
        from nokenlab.pages.side_by_side import write_side_by_side  # nbconvert comes with it

        print(f"side by side: {write_side_by_side(args.results, [folder.name for folder in plans])}")
    return max(codes)


def _run_into(results: Path, plan: dict[Path, dict], workers: int | None) -> int:
    """Run the notebooks of a plan into `results`: 0 when all ran."""
    from tqdm import tqdm

    from nokenlab.pages.results_page import write_index
    from nokenlab.runs import machine, many_runs

    workers = workers or machine.workers_here(plan)
    print(machine.in_words(plan, workers), flush=True)
    done, first = [], set(list(plan)[: many_runs.FIRST])
    for notebook in many_runs.run_many(plan, results.resolve(), workers, _complain):
        done.append(notebook)
        page = write_index(results)
        if notebook in first and first <= set(done) and len(done) < len(plan):
            tqdm.write(f"the first {len(first)} ran; look at {page} meanwhile")
    if done:
        _say(changed_runs(results))
        print(f"{len(done)} of {len(plan)} notebooks ran; look at {page}")
    return 0 if len(done) == len(plan) else 1


def _sweep(args) -> int:
    from nokenlab.runs.sweep_file import load_sweep, sweep_folder
    from nokenlab.runs.sweep_records import Records

    if args.scheduler and args.devices:
        raise BadInput("--devices is for workers here; a worker of dask has its own CUDA_VISIBLE_DEVICES")
    sweeps = [load_sweep(file, args.model) for file in args.files]
    sweeps = [(sweep, sweep_folder(args.results, sweep.name, args.model)) for sweep in sweeps]
    if args.dry_run or len(sweeps) > 1:
        for sweep, folder in sweeps:
            records = Records(sweep, folder, args.keep_stale)
            print(records.estimate(args.results, args.workers, args.force), flush=True)
            if args.dry_run and records.left(args.force):
                print(records.why(args.force))
    if args.dry_run:
        return 0
    from nokenlab.runs.sweep import run_sweep

    options = {name: vars(args)[name] for name in ("workers", "scheduler", "force", "plain", "keep_stale")}
    records = [run_sweep(sweep, folder, gpus=args.devices, **options) for sweep, folder in sweeps]
    return 1 if any(record.left() for record in records) else 0


def _export(args) -> int:
    from nokenlab.pages.export import export_page  # nbconvert comes with it

    notebook = notebooks.find(args.notebook)
    executed = executed_copy(notebook, MINE)
    page = export_page(executed or notebook, args.page)
    if executed:
        _say([f"as it ran into {executed.parent}; `nokenlab run {notebook.stem}` runs it again"], "note")
    print(page)
    return 0


def _site(args) -> int:
    from nokenlab.pages import site  # nbconvert comes with it

    write_live = None
    if args.live:
        from nokenlab.pages.live.live_site import write_live

    index, remarks = site.write_site(args.folder, args.results, write_live)
    if args.live:
        remarks.append(f"live page: `python -m http.server -d {args.folder}`, then localhost:8000/live")
    _say(changed_runs(args.results) + remarks, "note")
    print(index)
    return 0


def _findings(args) -> int:
    (write,) = entry_points(group="nokenlab.commands", name="findings")
    print(write.load()(args.results))
    return 0


def _conform(args) -> int:
    from nokenlab.conformance.checks import failures  # torch comes with it
    from nokenlab.pages import conformance_page as page

    lab, runtime, table = page.check_model(args.model, args.runtime)
    print(table.to_string(index=False, na_rep="", float_format="{:.2g}".format))
    print(page.write(args.results, lab, runtime, table))
    failed = failures(table)
    _say(failed)
    return 1 if failed else 0


def _fetch(args) -> int:
    from nokenlab.models import hub  # torch comes with it

    folder = hub.fetch(args.model, args.check, args.accept_terms)
    print(f"{folder}: every file is valid" if args.check else folder)
    return 0
