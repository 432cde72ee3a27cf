"""The page of findings: what the rows of all sweeps and models answer to the claims of all experiments."""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from nokenlab.errors import BadInput
from nokenlab.models import packaged
from nokenlab.runs.files import to_csv, write_atomically
from nokenlab.runs.sweep_file import load_sweep, sweep_folder
from nokenlab.runs.sweep_records import saved_state
from workbook.claims import claims, notebook_page
from workbook.claims.claims import FAILS, HOLDS, UNDECIDED, Claim
from workbook.claims.notebook_page import anchor, as_markdown, of_prompts
from workbook.claims.statistics import FEWEST, MANY

WITHDRAWN = "claims/withdrawn.yaml"
HEADLINES = "claims/headlines.yaml"
NOT_RUN = "not run yet"
INTRO = Path(__file__).with_name("intro.txt")
DEFAULT = packaged.DEFAULT.name
OTHERS = [name for name in packaged.MODELS if name != "default"]  # their rows lie in folders of their names


class Withdrawn(NamedTuple):
    """A sentence of a notebook that is no longer claimed: why, and the words or claims that replace it."""

    sentence: str
    notebook: str
    why: str
    now: str = ""
    claims: tuple[str, ...] = ()


class Headline(NamedTuple):
    """One of the findings at the top: what it says in plain words, as long as the claim's verdicts are these.

    `verdicts`: of the default model, and of others by name. `figure` is a file of the results.
    """

    title: str
    says: str
    claim: str
    verdicts: dict[str, str]
    figure: str = ""


def write(results: Path, folder: Path = claims.WORKBOOK) -> Path:
    """Write findings.csv, findings.md and findings/NOTEBOOK.md into `results`; returns the second.

    Claims are those of `folder`, see `claims.read_claims`; the rows of the default model are in
    `results`/sweeps/NAME/TABLE.parquet, those of another in `results`/sweeps/MODEL/NAME. BadInput for invalid
    claims, a missing folder, or a table that lacks a column.
    """
    asked = claims.read_claims(folder=folder)
    withdrawn, headlines = read_withdrawn(folder, asked), read_headlines(folder, asked)
    if not Path(results).is_dir():
        raise BadInput(f"there is no results folder {results}")
    table = to_csv(answered(asked, results))
    write_atomically(results / "findings.csv", table)
    (results / "findings").mkdir(exist_ok=True)
    states = {sweep: sweep_state(folder, results, sweep) for sweep in dict.fromkeys(c.sweep for c in asked)}
    pages = markdown(asked, withdrawn, headlines, read_csv(io.BytesIO(table)), states)
    for name, text in pages.items():
        write_atomically(results / name, text.encode())
    for path in (results / "findings").glob("*.md"):
        if f"findings/{path.name}" not in pages:  # of a notebook that claims nothing any more
            path.unlink()
    return results / "findings.md"


def read_withdrawn(folder: Path, asked: list[Claim]) -> list[Withdrawn]:
    """What is withdrawn. BadInput for an entry without a replacement, or that names an unknown claim."""
    entries = claims.read_entries(folder / WITHDRAWN, "withdrawn", Withdrawn)
    for entry in entries:
        if not entry.now and not entry.claims:
            raise BadInput(f"{WITHDRAWN}: an entry must have `now` or `claims`: {entry.sentence}")
        _check_names(WITHDRAWN, entry.claims, asked)
    return entries


def read_headlines(folder: Path, asked: list[Claim]) -> list[Headline]:
    """The findings at the top, in their order. BadInput for one that names an unknown claim."""
    entries = claims.read_entries(folder / HEADLINES, "headlines", Headline)
    _check_names(HEADLINES, [entry.claim for entry in entries], asked)
    return entries


def _check_names(file: str, names, asked: list[Claim]) -> None:
    if unknown := set(names) - {claim.claim for claim in asked}:
        raise BadInput(f"{file}: there is no claim {', '.join(sorted(unknown))}")


def answered(asked: list[Claim], results: Path) -> pd.DataFrame:
    """What `claims.answers` says of each sweep's rows, with notebook, sweep and model in front."""
    parts = [
        part
        for sweep in dict.fromkeys(claim.sweep for claim in asked)
        for part in _answered_by(sweep, [claim for claim in asked if claim.sweep == sweep], results)
    ]
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    order = {claim.claim: number for number, claim in enumerate(asked)}
    return table.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _answered_by(sweep: str, asked: list[Claim], results: Path) -> Iterator[pd.DataFrame]:
    """The answers of each model's rows of one sweep."""
    for model in (None, *OTHERS):
        folder = sweep_folder(results, sweep, model)
        paths = {claim.table: folder / f"{claim.table}.parquet" for claim in asked}
        tables = {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}
        ready = [c for c in asked if c.table in tables and not claims.older(c, tables[c.table])]
        part = claims.answers(ready, tables)
        part.insert(0, "model", model or DEFAULT)
        part.insert(0, "sweep", sweep)
        part.insert(0, "notebook", part["claim"].map({claim.claim: claim.notebook for claim in asked}))
        yield part


def sweep_state(folder: Path, results: Path, sweep: str) -> str:
    """What made the saved rows of a sweep, and whether they are stale; "" without rows or its file."""
    file = folder.parent / "sweeps" / f"{sweep}.yaml"
    return (saved_state(load_sweep(file), sweep_folder(results, sweep)) or "") if file.is_file() else ""


def read_csv(file: Path | io.BytesIO) -> pd.DataFrame:
    """findings.csv as a table; a prompt that reads "None" or "NA" stays a text."""
    numbers = ("estimate", "low", "high", "p", "holm")
    return pd.read_csv(file, keep_default_na=False, na_values={name: [""] for name in numbers})


def markdown(
    asked: list[Claim],
    withdrawn: list[Withdrawn],
    headlines: list[Headline],
    table: pd.DataFrame,
    states: dict[str, str],
) -> dict[str, str]:
    """The pages by name, in Markdown: findings.md, and for each notebook all answers to its claims."""
    by_model = dict(tuple(table.groupby("model", sort=False)))
    verdicts = {model: verdicts_of(asked, rows) for model, rows in by_model.items()}
    verdicts.setdefault(DEFAULT, verdicts_of(asked, table))
    pages = {"findings.md": _summary(asked, withdrawn, headlines, table, states, verdicts)}
    for notebook in dict.fromkeys(claim.notebook for claim in asked):
        of_notebook = [claim for claim in asked if claim.notebook == notebook]
        text = notebook_page.markdown(of_notebook, verdicts[DEFAULT], table, states)
        pages[f"findings/{notebook}.md"] = text
    return pages


def _summary(asked, withdrawn, headlines, table, states, verdicts) -> str:
    names = {"HOLDS": HOLDS, "FAILS": FAILS, "UNDECIDED": UNDECIDED, "FEWEST": FEWEST, "MANY": MANY}
    parts = [INTRO.read_text(encoding="utf-8").strip().format(**names)]
    saved = [state for state in states.values() if state]
    if stale := [state for state in saved if "stale" in state]:
        parts.append(
            f"**Stale:** the rows of {len(stale)} of {len(saved)} sweeps were made by other code, settings "
            "or versions than today's; the page of each notebook says which. `make sweeps` makes them anew."
        )
    by_name = {claim.claim: claim for claim in asked}
    for number, headline in enumerate(headlines, 1):
        parts += _headline(number, headline, by_name[headline.claim], table, verdicts)
    parts += ["## All claims", _contents(asked, verdicts), "## What we said before and no longer do"]
    parts.append("\n".join(_replaced(entry, by_name) for entry in withdrawn) or "Nothing yet.")
    return "\n\n".join(parts) + "\n"


def _headline(number, headline: Headline, claim: Claim, table: pd.DataFrame, verdicts) -> list[str]:
    rows = table[table["claim"] == claim.claim]
    says = f"{headline.says} *Beside it:* {claim.beside}. {_link(claim, 'The full answer')}."
    parts = [f"## {number}. {headline.title}", says]
    now = {model: verdicts[model][claim.claim] for model in rows["model"].unique()}
    if now != {DEFAULT if name == "default" else name: word for name, word in headline.verdicts.items()}:
        parts.append(f"**This sentence is out of date:** the verdicts are now {now or NOT_RUN}.")
    if len(rows):
        parts.append(as_markdown(of_prompts(rows, claim.each)))
    if headline.figure:
        parts.append(f"![{headline.title}]({headline.figure})")
    return parts


def _contents(asked: list[Claim], verdicts: dict[str, dict[str, str]]) -> str:
    rows = [
        {"notebook": claim.notebook, "claim": _link(claim)}
        | {model: of_model[claim.claim] for model, of_model in verdicts.items()}
        for claim in asked
    ]
    return as_markdown(pd.DataFrame(rows))


def verdicts_of(asked: list[Claim], rows: pd.DataFrame) -> dict[str, str]:
    """The verdict on each claim over all prompts of one model's rows, in a few words."""
    groups = dict(tuple(rows.groupby("claim", sort=False)))
    return {claim.claim: _verdict(groups.get(claim.claim)) for claim in asked}


def _verdict(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return NOT_RUN
    counts = Counter(rows["verdict"])
    if len(counts) == 1:
        return next(iter(counts))
    each = ", ".join(f"{verdict} in {count} of {len(rows)}" for verdict, count in sorted(counts.items()))
    return f"answers disagree: {each}" if {HOLDS, FAILS} <= set(counts) else each


def _link(claim: Claim, text: str = "") -> str:
    return f"[{text or claim.claim}](findings/{claim.notebook}.md#{anchor(claim.claim)})"


def _replaced(entry: Withdrawn, by_name: dict[str, Claim]) -> str:
    """An old sentence, why it is gone, and what replaces it: words, or claims; one line."""
    now = [entry.now] if entry.now else []
    now += [", ".join(_link(by_name[name]) for name in entry.claims) + "."] if entry.claims else []
    return f"- **“{entry.sentence}”** ({entry.notebook}) {entry.why} *In its place:* {' '.join(now)}"
