"""The full answers of one notebook's claims, as a page in Markdown."""

from itertools import groupby

import pandas as pd

from nokenlab.pages.results_page import escape
from workbook.claims import claims
from workbook.claims.claims import Claim


def markdown(
    asked: list[Claim], verdicts: dict[str, str], table: pd.DataFrame, states: dict[str, str]
) -> str:
    """The page of claims of one notebook: each with its question, rule, null and rows of findings.csv.

    `verdicts` are those of the claims, in a few words; `states` say of each sweep what made its rows.
    """
    notebook = asked[0].notebook
    home = ".." if notebook[0].isdigit() else "../../notebooks/sweeps"  # only numbered ones have results
    path = f"{home}/{notebook}/{notebook}.ipynb" if notebook[0].isdigit() else f"{home}/{notebook}.ipynb"
    parts = [
        "<!-- Written by `nokenlab findings`, which overwrites changes made by hand. -->",
        f"# Answers of [{notebook}]({path})",
        "[All findings](../findings.md), and what the words mean.",
    ]
    rows = dict(tuple(table.groupby("claim", sort=False)))
    for sweep, of_sweep in groupby(asked, lambda claim: claim.sweep):
        parts.append(f"```sh\nnokenlab sweep notebooks/sweeps/{sweep}.yaml --workers 2\n```")
        if states.get(sweep):
            parts.append(f"**Rows:** {states[sweep]}.")
        for claim in of_sweep:
            parts += _section(claim, verdicts[claim.claim], rows.get(claim.claim))
    return "\n\n".join(parts) + "\n"


def anchor(name: str) -> str:
    """The name of a claim in an address."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def of_prompts(rows: pd.DataFrame, each: str) -> pd.DataFrame:
    """The answers to one claim as texts, one row per model and prompt (or value of `each`).

    With Holm's p for a correlation or tested mean, and without the model where there is one.
    """
    table = pd.DataFrame({"model": rows["model"].to_numpy()})
    table[each or "prompt"] = [escape(str(value)) or "all rows" for value in rows["each"]]
    table["n"] = rows["n_units"].astype(str).to_numpy()
    numbers = rows[["estimate", "low", "high"]].itertuples(index=False)
    table["estimate (low to high)"] = [claims.interval(*row) for row in numbers]
    if rows["holm"].notna().any():
        table["Holm's p"] = [f"{p:.3g}" for p in rows["holm"]]
    table["verdict"] = rows["verdict"].to_numpy()
    return table


def as_markdown(table: pd.DataFrame) -> str:
    """A table of texts in Markdown; numbers of units to the right."""
    ruler = ["---:" if name == "n" else "---" for name in table]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(table), ruler, *table.to_numpy()])


def _section(claim: Claim, verdict: str, rows: pd.DataFrame | None) -> list[str]:
    name = claim.claim
    title = f'<a id="{anchor(name)}"></a>\n\n## {name[0].upper()}{name[1:]}: {verdict}'
    compared = f"`{claim.a or 'all rows'}`" + (f" against `{claim.b}`" if claim.b else "")
    rule = (
        f"*Rule:* {claim.statistic} of `{claim.value}` {escape(claim.rule)}. *Beside it:* {claim.beside}. "
        f"*Unit:* {claim.unit}. *Rows:* {compared}, of the table `{claim.table}`."
    )
    answers = [] if rows is None else [as_markdown(of_prompts(rows, claim.each))]
    return [title, claim.question, rule, *answers]
