"""Parts of the live page's worker that need no model, in Chromium."""

import pytest
from helpers import static_server

from nokenlab.pages.live import live_site

# the loops with a model that says 7, 8, 9, … after three tokens, of which 9 is the end
LOOPS = """async ({ positions, keeps }) => {
    const { answer, answers } = await import("./worker/decode.js");
    const says = (id) => Float32Array.from({ length: 20 }, (_, i) => i === id);
    const read = async (vectors, cache) => {
        cache.length += vectors.length / cache.rows;
        return Array.from({ length: cache.rows }, () => says(cache.length + 4));
    };
    const model = { read, empty: (rows) => ({ rows, length: 0 }), release: () => {}, keep: () => keeps };
    const tokens = { text: (ids) => ids.join(), shown: String, stream: () => ({ push: String }) };
    const ofPrompt = (prompt) => new Float32Array(prompt.length), vocabulary = { row: () => [0] };
    const vectors = { ofPrompt, vocabulary, id: () => {} };
    const parts = { model, tokens, vectors, layout: { positions, end: 9 } };
    const wish = { tokens: 10, top: 1, prompt: [0, 0, 0], prompts: [[0, 0, 0], [0, 0, 0]] };
    const one = await answer(parts, wish, async () => {}, () => {});
    const many = await answers(parts, wish, async () => {}, () => {});
    return [one.text, one.ended, one.full, one.steps, many.map((row) => row.text)];
}"""
CHECKS = """async () => {
    const { checkBrowser } = await import("./worker/backend.js"), own = WebAssembly;
    const said = () => { try { checkBrowser(); return ""; } catch ({ message }) { return message; } };
    return [own, { validate: () => false }, undefined].map((value) => {
        window.WebAssembly = value;
        return said();
    });
}"""


@pytest.fixture(scope="module")
def page(browser):
    """A page beside the worker's files."""
    with browser.new_context() as context, static_server.serve(live_site.PAGE) as address:
        page = context.new_page()
        page.goto(f"{address}page.css")
        yield page


@pytest.mark.parametrize("keeps", [True, False], ids=["rows leave", "rows stay"])
def test_an_answer_ends_where_the_model_ends_it_or_takes_no_more(page, keeps):
    answers = page.evaluate(LOOPS, {"positions": 4, "keeps": keeps})
    assert answers == ["7,8", False, True, 2, ["7,8", "7,8"]]
    answers = page.evaluate(LOOPS, {"positions": 9, "keeps": keeps})
    assert answers == ["7,8", True, False, 3, ["7,8", "7,8"]]


def test_a_browser_without_webassembly_or_simd_is_told(page):
    newer = "which the model needs: open the page in a newer one."
    assert page.evaluate(CHECKS) == [
        "",
        f"This browser has no SIMD in its WebAssembly, {newer}",
        f"This browser has no WebAssembly, {newer}",
    ]
