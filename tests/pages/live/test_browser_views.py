"""What the live page makes of answers for the panels' faces is what the panels make of tables."""

import json

import pytest
import torch
from helpers.panels import A, B, P

from nokenlab.answers import blends, planes, territory_map
from nokenlab.panels import lerp_slider, territories
from nokenlab.spelling import spelled_token

PROMPT, WORDS, TOKENS = "The <noken> is a kind of", ["dog", "king", "music"], 4
TOP = 300
CALL = "async ([module, name, args]) => (await import(`/${module}.js`))[name](...args)"


@pytest.fixture(scope="module")
def modules(browser, live_address):
    """A page of the same origin as the modules, in which nothing runs."""
    page = browser.new_page()
    page.goto(f"{live_address}page.css")
    yield page
    page.close()


@pytest.fixture
def call(modules):
    """Calls a function of a module with JSON."""
    return lambda module, name, *args: modules.evaluate(CALL, [module, name, args])


def alike(value, expected) -> bool:
    """Whether two JSON values are the same, numbers up to rounding."""
    if isinstance(expected, dict):
        return value.keys() == expected.keys() and all(alike(value[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(map(alike, value, expected))
    if isinstance(expected, int | float):
        return value == pytest.approx(expected, abs=2e-3)
    return value == expected


def prompt_tokens(lab, text: str) -> list[dict]:
    table = lab.tokens(text)[["id", "token"]].rename(columns={"token": "text"})
    return table.assign(shown=table["text"].map(spelled_token)).to_dict("records")


def leading_rows(lab, rows, after: str) -> list[dict]:
    """The likeliest tokens after prompts (rows, tokens, width) that have all said `after`."""
    continued = lab.embed(after).repeat(len(rows), 1, 1) if after else rows[:, :0]
    best = lab.logits(torch.cat([rows, continued], dim=1)).softmax(-1).topk(TOP)
    return [
        {
            "leading": [
                {"id": id, "shown": spelled_token(lab.token(id)), "probability": p}
                for id, p in zip(ids, probabilities, strict=True)
            ]
        }
        for ids, probabilities in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def test_blends_of_two_prompts(call, lab):
    sweep = blends.blend(lab, A, B, P, "lerp", TOKENS)
    leading = blends.leading_along(lab, A, B, P, "lerp", walk=TOKENS - 1)
    after = leading["after"].iloc[0]
    rows = leading_rows(lab, blends.path(lab, A, B, P), after)
    texts = [{"text": text} for text in sweep["response"]]
    tokens = [prompt_tokens(lab, A), prompt_tokens(lab, B)]
    view = call("between_answers", "viewOf", [A, B], tokens, P, texts, {"after": after, "rows": rows})
    assert alike(view, lerp_slider.view(lab, (A, B), sweep, leading))


def test_a_map(call, lab):
    plane = planes.plane_through(lab, WORDS)
    table = territory_map.territory_map(lab, PROMPT, plane, 5, TOKENS, progress=False)
    view = territories.view(lab, PROMPT, plane, table, 9)
    near = planes.near_tokens(lab, plane, 9)
    corners = territory_map.answered(lab, PROMPT, planes.corner_vectors(plane), TOKENS)["ids"].tolist()
    identifying = call("map_answers", "distinguishing", corners)
    assert identifying == table["told_by"].iloc[0]
    leading = [
        [{"shown": spelled_token(text), "probability": p} for text, p in json.loads(row)]
        for row in table["leading"]
    ]
    answers = zip(table["response"], table["entropy"], leading, strict=True)
    known = {
        "sides": PROMPT.split("<noken>"),
        "plane": {
            "corners": view["corners"],
            "reach": view["reach"],
            "near": near.assign(shown=near["token"].map(spelled_token))[["shown", "x", "y"]].to_dict(
                "records"
            ),
        },
        "rows": [{"text": text, "entropy": entropy, "leading": row} for text, entropy, row in answers],
        "begins": table["begins"].tolist(),
        "own": [lab.text(ids[:identifying]) for ids in corners],
        "nearest": table["nearest"].map(spelled_token).tolist(),
    }
    del view["prompt"]  # the page has its own box for it
    assert alike(call("map_answers", "mapOf", known), view)
