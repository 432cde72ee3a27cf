"""Bad inputs of the commands, and the folder they are tried in."""

from pathlib import Path

from helpers.small_notebooks import TABLE, notebook

from hunt.judge import Case
from nokenlab.runs.parameters import read

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
MAY_BE_EMPTY = {("10", "words"), ("10", "radii")}
MAY_BE_HUGE = {("14", "temperatures")}  # without end it is any token at all
HUGE = str(2**70)
LAUGHS = "[" + ", ".join(f"&a{i} [{', '.join([f'*a{i - 1}' if i else '0'] * 8)}]" for i in range(9)) + "]"
DEEP = "[" * 20_000
NO_TEXT = "caf\udce9"  # a byte of Latin-1, as Python has it from a command line
# by the beginning of a type: values that no parameter of ours takes, and what is said of them
BAD = {
    "int": dict.fromkeys(["x", "1.5", "true", "[1]", ""], "must be int"),
    "float": {
        "x": "must be float",
        ".nan": "finite",
        ".inf": "finite",
        "-.inf": "finite",
        "1e308": "must be",
        "[1": "must be float",
    },
    "list[int]": dict.fromkeys(["3", "[a]", "[1.5]"], "must be list") | {f"[{HUGE}]": "must be"},
    "list[float]": {"3": "must be list", "[.nan]": "finite", "[1e308]": "must be", "{a: 1}": "must be list"},
    "list[str]": {"3": "must be list", "[1]": "must be list", "['']": "must", LAUGHS: "must be list"},
    "str": {"": "must", NO_TEXT: "not valid UTF-8"},
}
BAD["int"] |= {HUGE: "must be", f"-{HUGE}": "must be", "9" * 5000: "must be int|must be"}


def folder(place: Path) -> None:
    """Lay out in `place` what the cases name: results of an earlier run, and files that are no use."""
    earlier = place / "results" / "01-tokens"
    earlier.mkdir(parents=True)
    notebook(earlier, "01-tokens", TABLE)
    (earlier / "run.json").write_text("{}")
    (earlier / "tokens.csv").write_text("a,b\n1,2\n")
    (place / "mine").mkdir()
    (place / "mine" / "README.md").write_text("mine")
    (place / "empty").mkdir()
    (place / "file.ipynb").write_text("no")
    (place / "empty.ipynb").write_text("")
    (place / "list.ipynb").write_text("[]")
    (place / "cells.ipynb").write_text('{"cells": 3}')
    (place / "bytes.ipynb").write_bytes(bytes(range(256)))
    notebook(place, "small", TABLE)
    notebook(place, "slip", TABLE, parameters="x: int = 1  # legal: at lest 1")
    notebook(place, "typed", TABLE, parameters="x: set = {1}")
    (place / "01-tokens.ipynb").write_bytes((place / "small.ipynb").read_bytes())
    for name, text in SWEEPS.items():
        (place / f"{name}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (place / "cache").write_text("no folder")


def of_parameters() -> list[Case]:
    """For each parameter of each numbered notebook, values that it must not take."""
    cases = []
    for path in NOTEBOOKS:
        number = path.stem.split("-")[0]
        for name, parameter in read(path).items():
            bad = dict(BAD.get(parameter.type, {}))
            if parameter.type.startswith("list") and (number, name) not in MAY_BE_EMPTY:
                bad["[]"] = "must"
            if (number, name) in MAY_BE_HUGE:
                bad.pop("[1e308]")
            for text, says in bad.items():
                shown = text if len(text) < 40 else f"{text[:20]}… ({len(text)} letters)"
                words = ["run", number, "-p", name, text]
                cases.append(
                    Case(f"run {number} -p {name} {shown}", words, rf"\b{name}\b.*({says})|({says})")
                )
    return cases


def _run(words: str, says: str) -> Case:
    return Case(f"run {words}", ["run", *words.split()], says)


RUNS = [
    _run("03 -p seeds [1180591620717411303424]", "each of seeds must be a seed, a whole number from 0 to 2"),
    _run("10 -p seed -1", "seed must be a seed, a whole number from 0 to 2"),
    _run("03 -p seeds [1,1]", "seeds must have each value once"),
    _run("03 -p max_new_tokens 1000000000", "max_new_tokens must be 1 to"),
    _run("03 -p many 100000000", "many must be 1 to"),
    _run("05 -p temperature 0", "temperature must be"),
    _run("06 -p seconds 31", "seconds must be 0.1 to 30"),
    _run("08 -p radii [1,1]", "radii must have each value once"),
    _run("08 -p prompts [hello]", "prompts must have one <noken>"),
    _run("11 -p threshold 1", "threshold must be below 1"),
    _run("12 -p cells 201", "cells must be 2 to 200"),
    _run("12 -p corners [a,b]", "corners must have 3 values"),
    Case(
        "run 12 -p prompt '<noken> is'",
        ["run", "12", "-p", "prompt", "<noken> is"],
        "one <noken>, with text be",
    ),
    Case("run 01 -p texts [[[[… (20000 letters)", ["run", "01", "-p", "texts", DEEP], "texts must be list"),
    _run("99", "no notebook '99'"),
    _run("none.ipynb", "no notebook 'none.ipynb'"),
    _run("empty", "no notebook 'empty'"),
    Case("run ''", ["run", ""], "no notebook ''"),
    Case("run with 100,000 letters", ["run", "x" * 100_000], "no notebook 'xxx"),
    Case("run with a NUL", ["run", "a\0.ipynb"], "no notebook|null"),
    Case("run with no UTF-8", ["run", NO_TEXT], "no notebook"),
    _run("file.ipynb", "is not a notebook"),
    _run("empty.ipynb", "is not a notebook"),
    _run("list.ipynb", "is not a notebook"),
    _run("cells.ipynb", "is not a notebook"),
    _run("bytes.ipynb", "is not a notebook"),
    _run("slip.ipynb", "legal: 'at lest 1' is not one of"),
    _run("typed.ipynb", "its type set is not one of"),
    _run("small.ipynb -p wrd x", "no parameter 'wrd'; did you mean 'word'"),
    _run("small.ipynb 01 01-tokens.ipynb", "one name"),
    _run("01 -p", "-p requires a name and a value"),
    _run("01 -p texts", "-p requires a name and a value"),
    _run("01 -p texts [a] -p texts [b]", "given twice"),
    _run("-p nothing 1", "none of the notebooks has a parameter 'nothing'"),
    Case("run -p 'a b' 1", ["run", "-p", "a" * 5000, "1"], "none of the notebooks has a parameter"),
    _run("01 --workers 0", "must be a whole number above 0"),
    _run("01 --workers x", "--workers"),
    _run("01 --workers", "--workers"),
    _run("01 --bogus", "--bogus"),
    _run("01 --results file.ipynb", "cannot write results to"),
    _run("01 --results mine", "was not written by nokenlab"),
    _run("01 --results file.ipynb/deep", "cannot write results to"),
    Case("run 01 --model ''", ["run", "01", "--model", ""], "model must not be empty"),
    Case("run 01 --results ''", ["run", "01", "--results", ""], "results"),
]
A = "notebook: 03-random-nokens\n"
SWEEPS = {
    "nothing": "",
    "tabs": "\t- x",
    "list": "- a\n- b\n",
    "text": "hello",
    "bytes": bytes(range(128, 256)),
    "null": "a: \0",
    "unknown": A + "grids: {}\n",
    "no-notebook": "grid: {seeds: [[1]]}\n",
    "other-notebook": "notebook: 99\n",
    "number": "notebook: 3\n",
    "twice": A + A,
    "parameter": A + "parameters: {seed: 1}\n",
    "type": A + "parameters: {seeds: 1}\n",
    "seed": A + f"parameters: {{seeds: [{HUGE}]}}\n",
    "negative": A + "grid: {seeds: [[1], [-1]]}\n",
    "laughs": A + f"grid: {{seeds: {LAUGHS}}}\n",
    "laughs-figure": A + f"figure: {LAUGHS}\n",
    "laughs-limit": A + f"time_limit: {LAUGHS}\n",
    "deep": A + f"grid: {DEEP}\n",
    "itself": A + "grid: &a {seeds: [*a]}\n",
    "many": A + f"grid: {{position: [{'0, ' * 1000}0], seeds: [{'[1], ' * 1000}[1]]}}\n",
    "twins": A + "grid: {position: [0, 0]}\n",
    "zip": A + "zip: {position: [0, 1], max_new_tokens: [1]}\n",
    "both": A + "parameters: {position: 0}\ngrid: {position: [1]}\n",
    "no-list": A + "grid: {position: 1}\n",
    "empty-list": A + "grid: {position: []}\n",
    "key": A + "parameters: {1: 2}\n",
    "limit": A + "time_limit: 0\n",
    "limit-nan": A + "time_limit: .nan\n",
    "limit-text": A + "time_limit: soon\n",
    "threads": A + "threads: 1.5\n",
    "rows": A + "rows: nokens\n",
    "broken": A + "grid: {position: [1\n",
    "tag": A + "parameters: !!python/object/apply:os.getcwd []\n",
    "empty-int": A + "threads: !!int ''\n",
    "date": A + "parameters: {prompt: 2020-01-01}\n",
    "model": A + "parameters: {model: ./empty}\n",
    "good": A + "parameters: {max_new_tokens: 1}\n",
}
SAYS = {
    "unknown": "no key 'grids'; did you mean 'grid'",
    "other-notebook": "no notebook|notebook must be",
    "number": "notebook must be a name",
    "parameter": "no parameter 'seed'; did you mean 'seeds'",
    "type": "seeds must be list",
    "seed": "each of seeds must be a seed",
    "negative": "run 2: each of seeds must be a seed",
    "many": "runs are more than",
    "twins": "runs 1 and 2 are the same",
    "zip": "different lengths",
    "both": "more than one of parameters, grid",
    "no-list": "must be a list of values",
    "empty-list": "must be a list of values",
    "limit": "time_limit must be a number above 0",
    "limit-nan": "time_limit must be a number above 0",
    "limit-text": "time_limit must be a number above 0",
    "laughs-limit": "time_limit must be a number above 0",
    "threads": "threads must be a whole number",
    "rows": "rows must be a list of names",
    "date": "prompt must be str",
    "twice": "duplicate key",
    "model": "config.json",
}


def _words(words: str, says: str) -> Case:
    return Case(words, words.split(), says)


OTHERS = [
    *(
        Case(f"sweep {n}.yaml", ["sweep", f"{n}.yaml"], SAYS.get(n, f"{n}.yaml"))
        for n in SWEEPS
        if n != "good"
    ),
    _words("sweep none.yaml", "none.yaml cannot be read"),
    _words("sweep empty", "empty cannot be read"),
    _words("sweep good.yaml --workers 0", "must be a whole number above 0"),
    _words("sweep good.yaml --workers -3", "must be a whole number above 0"),
    _words("sweep good.yaml --devices x", "devices|GPU"),
    _words("sweep good.yaml --devices 0 --scheduler tcp://localhost:1", "--devices is for workers here"),
    _words("sweep good.yaml --results file.ipynb", "file.ipynb"),
    _words("sweep", "FILE"),
    _words("export", "NOTEBOOK"),
    _words("export 01", "FILE.html"),
    _words("export 01 page.txt", "must end in .html"),
    _words("export 01 no/page.html", "there is no folder"),
    _words("export 99 page.html", "no notebook '99'"),
    _words("export file.ipynb page.html", "is not a notebook|file.ipynb"),
    _words("export bytes.ipynb page.html", "is not a notebook|bytes.ipynb"),
    _words("export list.ipynb page.html", "is not a notebook|list.ipynb"),
    _words("export cells.ipynb page.html", "is not a notebook|cells.ipynb"),
    _words("export slip.ipynb page.html", "legal: 'at lest 1'"),
    Case("export to no UTF-8", ["export", "01", f"{NO_TEXT}.html"], "UTF-8"),
    Case("export to 5,000 letters", ["export", "01", "x" * 5000 + ".html"], "too long"),
    _words("conform ./none", "none"),
    _words("conform ./empty", "no config.json"),
    _words("conform default --runtime vllm", "invalid choice"),
    _words("fetch ./none", "none"),
    _words("fetch ./empty", "no config.json"),
    _words("fetch a b", "b"),
    Case("fetch ''", ["fetch", ""], "model"),
    Case("fetch '../..'", ["fetch", "a b c!"], "a b c!"),
    _words("list all", "all"),
    _words("list --bogus", "--bogus"),
    _words("site --results none", "none"),
    _words("site file.ipynb --results results", "file.ipynb"),
    _words("site mine --results results", "mine"),
    _words("site file.ipynb --live --results results", "file.ipynb already exists and is not a site"),
    _words("site mine --live --results none", "mine already exists and is not a site"),
    _words("site --live=mine", "--live"),
    _words("findings --results none", "there is no results folder none"),
    _words("findings --results file.ipynb", "there is no results folder file.ipynb"),
    _words("findings x", "x"),
    _words("bogus", "bogus"),
    Case("no command", [], "list"),
]


def cases() -> list[Case]:
    """All bad inputs of the commands."""
    return [*RUNS, *OTHERS, *of_parameters()]
