"""The command line: list the notebooks, run them, run one many times, make pages, fetch a model."""

import argparse
import os
import sys
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path

import nokenlab
from nokenlab.errors import LONGEST, BadInput, RunFailed, RunLost, cut, did_you_mean, first_line, short
from nokenlab.pages.results_page import check_index, write_index
from nokenlab.runs import many_runs, notebook_run, notebooks
from nokenlab.runs.notebooks import title
from nokenlab.runs.parameters import check, parse, read
from nokenlab.runs.provenance import changed_runs


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when something failed, 2 for bad input, 130 after Ctrl-C."""
    args = _parser().parse_args(_glue(sys.argv[1:] if argv is None else argv))
    try:
        code = args.do(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as of `nokenlab list | head`; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from there" if args.do is _sweep else ""
        print(f"nokenlab: stopped; results of notebooks that ended are kept{goes_on}", file=sys.stderr)
        return 130
    except Exception as error:
        if args.traceback:
            raise
        return _complain(error)


def _complain(error: Exception) -> int:
    known = isinstance(error, BadInput | RunFailed | RunLost | OSError | ValueError)
    kind = "" if known else f"{type(error).__name__}: "
    print(cut(f"nokenlab: {kind}{first_line(str(error))}", LONGEST), file=sys.stderr)
    return 2 if isinstance(error, BadInput) else 1


def _say(lines: list[str]) -> None:
    for line in lines:
        print(cut(f"nokenlab: {line}", LONGEST), file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Say what is wrong in one line, without the whole usage."""
        more = f"; `{self.prog} --help` says more"
        self.exit(2, cut(f"nokenlab: {message}", LONGEST - len(more)) + more + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nokenlab", description="A notebook workbook for nokens.")
    parser.add_argument("--version", action="version", version=f"nokenlab {nokenlab.__version__}")
    commands = parser.add_subparsers(
        required=True, metavar="list | run | sweep | findings | export | site | fetch"
    )

    _command(commands, "list", _list, "the notebooks and their parameters")

    run = _command(commands, "run", _run, "run notebooks into a results folder")
    many = {"nargs": "*", "metavar": "NOTEBOOK"}
    run.add_argument("notebooks", **many, help="03-random-nokens, 03 or a path; all if none")
    pairs = {"action": "append", "default": [], "dest": "given", "metavar": "NAME VALUE"}
    value = "a parameter and its value as YAML; for every notebook that has it"
    run.add_argument("-p", "--parameter", **pairs, help=value)
    run.add_argument("--model", metavar="ID", help="the same as -p model ID")
    chosen = "notebooks at a time; as cores and free memory allow if not given, 1 with --model"
    run.add_argument("--workers", type=int, metavar="N", help=chosen)
    _add_results(run)

    sweep = _command(commands, "sweep", _sweep, "run one notebook with many parameters")
    sweep.add_argument("file", metavar="FILE", type=Path, help="such as notebooks/sweeps/lerp-pairs.yaml")
    sweep.add_argument("--workers", type=int, default=1, metavar="N", help="runs at once here (1)")
    sweep.add_argument("--scheduler", metavar="ADDRESS", help="of dask, tcp://…, to run on its workers")
    gpus = "GPUs for the workers here, such as 0,2: one for each, in turn (all there are)"
    sweep.add_argument("--devices", metavar="LIST", help=gpus)
    _add_results(sweep)
    sweep.add_argument("--dry-run", action="store_true", help="check the file and say what would be done")
    sweep.add_argument("--force", action="store_true", help="do runs again that are done")
    taken = "take rows of runs that other code, data or versions made, and mark them"
    sweep.add_argument("--keep-stale", action="store_true", help=taken)
    sweep.add_argument("--plain", action="store_true", help="start Python anew for each run; slower")

    single = _command(commands, "export", _export, "a notebook as one page, with its sliders")
    single.add_argument("notebook", metavar="NOTEBOOK", help="run first, unless it has its outputs")
    single.add_argument("page", metavar="FILE.html", type=Path, help="works with no Python and no network")

    site = _command(commands, "site", _site, "the whole workbook as pages, with its sliders")
    site.add_argument("folder", nargs="?", default="site", metavar="FOLDER", type=Path, help="(site)")
    page = "and a page where the model itself answers, in FOLDER/live; npm is needed once"
    site.add_argument("--live", action="store_true", help=page)
    _add_results(site)

    _add_results(_command(commands, "findings", _findings, "a page of what the sweeps say of the claims"))

    fetch = _command(commands, "fetch", _fetch, "download a model for later")
    fetch.add_argument("model", nargs="?", metavar="MODEL", help="a hub id; the default model if none")
    every = "compare every file with its hash, and say so"
    fetch.add_argument("--check", action="store_true", help=every)
    return parser


def _command(commands, name: str, do, about: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about)
    command.add_argument("--traceback", action="store_true", help="show where an error comes from")
    command.set_defaults(do=do)
    return command


def _add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument("--results", default="results", metavar="DIR", type=_folder, help="(results)")


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("wants the name of a folder, got ''")
    return Path(text)


def _check_workers(workers: int | None) -> None:
    if workers is not None and workers < 1:
        raise BadInput(f"--workers wants a number above 0, got {workers}")


def _glue(argv: list[str]) -> list[str]:
    """`-p NAME VALUE` as one word, for argparse takes a value such as -1e-3 for an option."""
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
    chosen = list(dict.fromkeys(map(notebooks.find, args.notebooks))) or notebooks.numbered()
    if not chosen:
        raise BadInput("no notebooks here; name one by its path")
    _check_workers(args.workers)
    plan = _plan(chosen, args)
    check_index(args.results)
    for notebook in chosen:
        notebook_run.prepare(args.results / notebook.stem)
    workers = args.workers or many_runs.workers_here(plan)
    print(many_runs.in_words(plan, workers), flush=True)
    done = []
    try:
        for notebook in many_runs.run_many(plan, args.results.resolve(), workers, _complain):
            done.append(notebook)
    finally:  # also after Ctrl-C
        page = write_index(args.results) if done else None
    if page:
        _say(changed_runs(args.results))
        print(f"{len(done)} of {len(chosen)} notebooks ran; look at {page}")
    return 0 if len(done) == len(chosen) else 1


def _plan(chosen: list[Path], args) -> dict[Path, dict]:
    """The checked parameters of each notebook: what was given goes to those that have it."""
    if len({notebook.stem for notebook in chosen}) < len(chosen):
        raise BadInput("two of the notebooks have one name, and would share a results folder")
    texts: dict[str, str] = {}
    pairs = [pair.partition("=")[::2] for pair in args.given]
    if not all("=" in pair for pair in args.given):
        raise BadInput("-p wants a name and a value, as in -p seeds '[1, 2]'")
    for name, text in pairs + ([("model", args.model)] if args.model is not None else []):
        if name in texts:
            raise BadInput(f"parameter {short(name)} is given twice")
        texts[name] = text
    known = {notebook: read(notebook) for notebook in chosen}
    names = dict.fromkeys(name for parameters in known.values() for name in parameters)
    for name in texts:
        if name not in names:
            where = f"{chosen[0].stem} has no" if len(chosen) == 1 else "none of the notebooks has a"
            raise BadInput(f"{where} parameter {short(name)}{did_you_mean(name, names)}")
    return {
        notebook: check(ps, {n: parse(ps[n], text) for n, text in texts.items() if n in ps})
        for notebook, ps in known.items()
    }


def _sweep(args) -> int:
    from nokenlab.runs import sweep_records
    from nokenlab.runs.sweep import run_sweep
    from nokenlab.runs.sweep_file import load_sweep

    _check_workers(args.workers)
    if args.scheduler and args.devices:
        raise BadInput("--devices is for workers here; a worker of dask has its own CUDA_VISIBLE_DEVICES")
    sweep = load_sweep(args.file)
    folder = args.results / "sweeps" / sweep.name
    if args.dry_run:
        records = sweep_records.read_records(sweep, folder)
        todo = len(sweep_records.left(sweep, records, args.force, args.keep_stale))
        seconds = sweep_records.seconds_per_run(sweep, records, args.results)
        estimate = "duration unknown: none has been run yet"
        if seconds is not None:
            estimate = f"about {seconds * todo / args.workers / 60:.1f} min ({seconds:.1f} s per run)"
        print(f"{sweep.name}: {len(sweep.runs)} runs of {sweep.notebook.stem}, {todo} to do; {estimate}")
        if todo:
            print(sweep_records.why(sweep, records, args.force, args.keep_stale))
        return 0
    records = run_sweep(
        sweep,
        folder,
        workers=args.workers,
        scheduler=args.scheduler,
        force=args.force,
        plain=args.plain,
        keep_stale=args.keep_stale,
        gpus=args.devices,
    )
    return 1 if sweep_records.left(sweep, records, keep_stale=args.keep_stale) else 0


def _export(args) -> int:
    from nokenlab.pages.export import export_page  # nbconvert comes with it

    print(export_page(notebooks.find(args.notebook), args.page))
    return 0


def _site(args) -> int:
    from nokenlab.pages import site  # nbconvert comes with it

    write_live = None
    if args.live:
        from nokenlab.pages.live.live_site import write_live

    index, said = site.write_site(args.folder, args.results, write_live)
    look = f"the live page wants a server: `python -m http.server -d {args.folder}`, then /live/ there"
    _say(changed_runs(args.results) + said + [look] * args.live)
    print(index)
    return 0


def _findings(args) -> int:
    (write,) = entry_points(group="nokenlab.commands", name="findings")
    print(write.load()(args.results))
    return 0


def _fetch(args) -> int:
    from nokenlab.models import hub  # torch comes with it

    folder = hub.fetch(args.model, args.check)
    print(f"{folder}: every file is whole" if args.check else folder)
    return 0
