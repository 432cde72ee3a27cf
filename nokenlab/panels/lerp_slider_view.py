"""What the lerp slider shows, as plain lists for its face, and the plateaus as a table without scripts."""

import pandas as pd

from nokenlab.answers import blends as lerp
from nokenlab.lab import Lab
from nokenlab.panels import markup
from nokenlab.runs import show
from nokenlab.style import OKABE_ITO


def view(lab: Lab, prompts: tuple[str, str], sweep: pd.DataFrame, leading: pd.DataFrame) -> dict:
    """One way for the face: what `lerp_slider.js` documents as a `View`.

    `sweep` is the way's rows of a `lerp.blend` table, `leading` its rows of `lerp.leading_along`.
    """
    sweep = sweep.sort_values("p", kind="stable")
    runs, p = lerp.plateaus(sweep), sweep["p"].astype(float).tolist()
    return {
        "prompts": list(prompts),
        "before": _common(lab, prompts),
        "p": p,
        "plateaus": _plateaus(runs, lerp.letters(sweep["response"])),
        "of": [
            number for number, count in zip(runs["plateau"], runs["count"], strict=True) for _ in range(count)
        ],
        "leading": _leading(leading, p),
    }


def still(views: dict[str, dict]) -> str:
    """The plateaus of each way as a table, in HTML; `views` has a `view` for each way."""
    return "".join(_still(way, view) for way, view in views.items())


def _plateaus(runs: pd.DataFrame, letters: dict[str, str]) -> list[dict]:
    """Runs of equal answers, and the part of the way that is theirs: flips lie half way between two p."""
    low, high = runs["p_from"].min(), runs["p_to"].max()
    edges = [low, *lerp.flips(runs), high]
    return [
        {
            "letter": letters[run.response],
            "colour": OKABE_ITO[list(letters).index(run.response) % 7],
            "from": float(run.p_from),
            "to": float(run.p_to),
            "left": float(edges[number]),
            "right": float(edges[number + 1]),
            "response": run.response,
        }
        for number, run in enumerate(runs.itertuples())
    ]


def _leading(leading: pd.DataFrame, p: list[float]) -> dict | None:
    """The leading next tokens, the same all along, and their probabilities at each p that the table has."""
    if leading.empty:
        return None
    at = {value: rows["probability"].tolist() for value, rows in leading.groupby("p")}
    tokens = leading.loc[leading["p"] == leading["p"].iloc[0], "token"]
    return {
        "after": leading["after"].iloc[0],
        "token": [markup.visible(token) for token in tokens],
        "probability": [at.get(value) for value in p],
    }


def _common(lab: Lab, prompts: tuple[str, str]) -> str:
    """What both prompts say, with ▢ for each token that is blended."""
    pairs = zip(*(lab.tokens(prompt)["token"] for prompt in prompts), strict=True)
    return "".join(a if a == b else "▢" for a, b in pairs)


def _still(way: str, view: dict) -> str:
    a, b = view["prompts"]
    rows = [(run["letter"], f"{run['from']:g} to {run['to']:g}", run["response"]) for run in view["plateaus"]]
    table = show.table(pd.DataFrame(rows, columns=["answer", "p", "text"])).data
    return markup.quiet(f"{way}: from “{a}” to “{b}”") + table
