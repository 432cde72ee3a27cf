"""What the forge shows, as plain lists for its face, and a table without scripts."""

import pandas as pd

from nokenlab.panels import markup
from nokenlab.panels.noken_forge_wish import CONSTRAINTS, RANDOM, Wish
from nokenlab.prompt import NOKEN
from nokenlab.runs import show

SHOWN = 12  # texts in the table without scripts


def run(wish: Wish) -> dict:
    """What was learned: before (the prompt), target, and told, a line about it."""
    before = wish.prompt.replace(NOKEN, "▢")
    told = f"“{before}” is to go on with “{wish.target}” · from {_start(wish)} · {_constraint(wish)}"
    return {"before": before, "target": wish.target, "told": told}


def constraints() -> list[dict]:
    """The constraints to choose from."""
    return [{"name": name, "tip": kind.tip, "needs": list(kind.needs)} for name, kind in CONSTRAINTS.items()]


def point(line: pd.Series) -> dict:
    """A line of a learner's history for the face: a `Point` of `noken_forge.js`, its text not asked yet."""
    numbers = {key: round(float(line[key]), 4) for key in ("nll", "norm", "cosine")}
    found = {
        "step": int(line["step"]),
        "exact": bool(line["exact"]),
        "nearest": markup.visible(line["nearest"]),
    }
    return found | numbers | {"text": None}


def row(name: str, wish: Wish, point: dict) -> dict:
    """A line of the table of what is kept, from the `point` that it was kept at."""
    about = {"name": name, "prompt": wish.prompt, "target": wish.target}
    return about | {"start": _start(wish), "constraint": _constraint(wish)} | point


def kept(table: pd.DataFrame) -> list[dict[str, str]]:
    """The table of what is kept as the face shows it."""
    names = ["name", "nll", "text", "nearest", "cosine", "norm", "target", "constraint"]
    shown = table.to_dict("records")
    return [
        {name: f"{row[name]:.3g}" if isinstance(row[name], float) else row[name] for name in names}
        for row in shown
    ]


def still(wish: Wish, points: list[dict]) -> str:
    """The texts that came while it was learned, each at its first step, as a table, in HTML."""
    asked = pd.DataFrame([point for point in points if point["text"] is not None])
    asked = asked[asked["text"] != asked["text"].shift()]
    if len(asked) > SHOWN:  # the last ones matter most
        asked = pd.concat([asked.head(1), asked.tail(SHOWN - 1)])
    return (
        markup.quiet(run(wish)["told"]) + show.table(asked[["step", "nll", "norm", "nearest", "text"]]).data
    )


def _start(wish: Wish) -> str:
    return f"random {wish.seed}" if wish.start == RANDOM else wish.start


def _constraint(wish: Wish) -> str:
    needs = CONSTRAINTS[wish.constraint].needs
    about = [repr(wish.word)] * ("word" in needs) + [f"within {wish.distance:g}"] * ("distance" in needs)
    return " ".join([wish.constraint, *about])
