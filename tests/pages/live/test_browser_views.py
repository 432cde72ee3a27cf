"""What the live page makes of answers for the panels' faces is what the panels make of tables."""

import json
from types import SimpleNamespace

import pytest
import torch
from helpers.panels import A, B, P

from nokenlab.answers import blends as lerp
from nokenlab.answers import planes
from nokenlab.answers import territory_map as territories
from nokenlab.panels import lerp_slider
from nokenlab.panels import territories as territories_panel
from nokenlab.prompt import word_vector
from nokenlab.space import EmbeddingSpace

PROMPT, WORDS, TOKENS = "The <noken> is a kind of", ["dog", "king", "music"], 4
TOP = 300


CALL = "async ([module, name, args]) => (await import(`/${module}.js`))[name](...args)"
ABOUT = """async ([rows, plane, wish]) => {
  const { tokensAbout } = await import("/worker/plane.js");
  const row = (id) => Float32Array.from(rows[id]), norms = rows.map((values) => Math.hypot(...values));
  return tokensAbout({ size: rows.length, norms, row }, plane, wish);
}"""


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


def alike(found, wanted) -> bool:
    """Whether two things of JSON are the same, numbers but for rounding."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(alike(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(alike, found, wanted))
    return found == pytest.approx(wanted, abs=2e-3) if isinstance(wanted, int | float) else found == wanted


def tokens_of(lab, text: str) -> list[dict]:
    table = lab.tokens(text)
    return table[["id", "token"]].rename(columns={"token": "text"}).to_dict("records")


def leading_rows(lab, rows, after: str) -> list[dict]:
    """The likeliest tokens after prompts (rows, tokens, width) that have all said `after`."""
    said = lab.embed(after).repeat(len(rows), 1, 1) if after else rows[:, :0]
    best = lab.logits(torch.cat([rows, said], dim=1)).softmax(-1).topk(TOP)
    pairs = [zip(*row, strict=True) for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
    return [
        {"leading": [{"id": id, "text": lab.token(id), "probability": p} for id, p in row]} for row in pairs
    ]


def test_a_way_between_two_prompts(call, lab):
    sweep = lerp.blend(lab, A, B, P, "lerp", TOKENS)
    leading = lerp.leading_along(lab, A, B, P, "lerp", walk=TOKENS - 1)
    after = leading["after"].iloc[0]
    rows = leading_rows(lab, lerp.path(lab, A, B, P), after)
    texts = [{"text": text} for text in sweep["response"]]
    tokens = [tokens_of(lab, A), tokens_of(lab, B)]
    found = call("between_view", "viewOf", [A, B], tokens, P, texts, {"after": after, "rows": rows})
    assert alike(found, lerp_slider.view(lab, (A, B), sweep, leading))


def test_a_map(call, lab):
    plane = planes.plane_through(lab, WORDS)
    table = territories.territory_map(lab, PROMPT, plane, 5, TOKENS, progress=False)
    view = territories_panel.view(lab, PROMPT, plane, table, 9)
    vectors = [word_vector(lab, word).tolist() for word in WORDS]
    found = call("plane_geometry", "planeThrough", WORDS, vectors, ["", "", ""])
    assert alike(found["corners"], view["corners"])
    reach = call("plane_geometry", "reach", found, 0.5)
    places = call("plane_geometry", "cells", reach, 5)
    assert alike(places, table[["x", "y"]].to_numpy().tolist())
    corners = territories.answered(lab, PROMPT, planes.corner_vectors(plane), TOKENS)["ids"].tolist()
    told_by = call("map_view", "fewest", corners)
    assert told_by == table["told_by"].iloc[0]
    pairs = map(json.loads, table["leading"])
    leading = [[{"text": text, "probability": p} for text, p in row] for row in pairs]
    answers = zip(table["response"], table["entropy"], leading, strict=True)
    known = {
        "sides": PROMPT.split("<noken>"),
        "plane": found,
        "reach": reach,
        "rows": [{"text": text, "entropy": entropy, "leading": row} for text, entropy, row in answers],
        "begins": table["begins"].tolist(),
        "own": [lab.text(ids[:told_by]) for ids in corners],
        "nearest": table["nearest"].tolist(),
        "near": view["near"],
    }
    assert alike(call("map_view", "mapOf", known), view)


def test_tokens_about_a_plane(modules, lab):
    """Of some tokens, for all of them would have to go to the browser as JSON."""
    some = torch.arange(1000, 1200)
    space = EmbeddingSpace(lab.space.vectors[some], torch.arange(200), str)
    plane = planes.plane_through(lab, WORDS)
    near = planes.near_tokens(SimpleNamespace(space=space), plane, 20)
    x, y = torch.tensor([0.0, 1.0, -1.0, 0.5]), torch.tensor([0.0, 0.5, 1.0, -2.0])
    nearest = planes.nearest_tokens(SimpleNamespace(space=space), plane, x, y)
    flat = {
        "origin": plane.origin.tolist(),
        "axes": plane.axes.tolist(),
        "corners": [{"x": corner.x, "y": corner.y} for corner in plane.corners],
    }
    wish = {"reach": plane.reach(0.5), "count": 20, "points": torch.stack([x, y], 1).tolist()}
    found = modules.evaluate(ABOUT, [space.vectors.tolist(), flat, wish])
    assert [token["id"] for token in found["near"]] == near["id"].tolist()
    assert [str(id) for id in found["nearest"]] == nearest
