"""The live page's engine in Chromium, from a plain file server: what it says is what nokenlab says."""

import random
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import torch
from helpers import jupyterlab, live_page, static_server
from helpers.panels import WORST

import nokenlab as nl
from nokenlab import interpolation, measures
from nokenlab.answers import planes
from nokenlab.spelling import spelled_token

PROMPT, AT = "My favourite color is red because", 3
SEEDS = range(8)
HOSTILE = [
    "Hé 🙂👩‍👩‍👧‍👦 <|im_start|>user\nhi<|im_end|> <|im_start|",
    "<script>alert(1)</script> <!-- \u2028",
    "中文字符和日本語テスト한국어 क्षत्रिय שלום",
    "\0\0a\0 \x04\x06a\x13b \x14c \U00040000",  # bytes that no token has among them
    "x" * 1000 + " word" * 1000 + "🙂" * 500,
    "don't I'll  \n \n\t x 1234567890 ½Ⅷ a\u0301\ufeff\u200d\ufffd",
    WORST.rsplit("\ud83d")[0],
]


@pytest.fixture(scope="module")
def bare(live_folder):
    """The live page's folder, with a bare page in it."""
    (live_folder / "bare.html").write_text(live_page.BARE, encoding="utf-8")
    return live_folder


@pytest.fixture(scope="module")
def opened(browser, bare):
    """A page with an engine on one thread. `seen`: what was opened in it; `stop()` ends its server."""
    with browser.new_context() as context, ExitStack() as server:
        page, seen = context.new_page(), []
        page.set_default_timeout(jupyterlab.SLOW)
        page.on("framenavigated", lambda frame: seen.append(frame.url))
        address = server.enter_context(static_server.serve(bare, isolated=False))
        loaded = live_page.open_engine(page, address, threads=1)
        yield SimpleNamespace(page=page, address=address, loaded=loaded, seen=seen, stop=server.close)


@pytest.fixture
def ask(opened):
    """Ask the engine: JavaScript of `engine` and `x`, and of `fails`, which gives an error's message."""
    fails = "const fails = (asked) => asked.then((value) => value, ({ message }) => message);"
    return lambda script, x=None: opened.page.evaluate(f"async (x) => {{ {fails} {script} }}", x)


@pytest.fixture(scope="module")
def prompts(lab):
    """The prompt with a random noken in each row, at the median token norm."""
    nokens = nl.random_nokens(lab.width, SEEDS, norm=lab.space.median_norm)
    return nl.replace(lab.embed(PROMPT), AT, nokens)


@pytest.fixture
def slots(lab):
    """The same for the engine."""
    tokens = [{"id": id} for id in lab.ids(PROMPT).tolist()]
    nokens = [{"seed": seed, "norm": lab.space.median_norm} for seed in SEEDS]
    return [[*tokens[:AT], noken, *tokens[AT + 1 :]] for noken in nokens]


def close(numbers, expected, by=1e-5) -> bool:
    return torch.allclose(torch.tensor(numbers), torch.as_tensor(expected).cpu(), rtol=0, atol=by)


def shown(tokens: list[dict]) -> list[str]:
    return [token["shown"] for token in tokens]


def spelled(tokens) -> list[str]:
    return [spelled_token(token) for token in tokens]


def test_the_page_isolates_itself_by_one_reload_and_says_what_it_runs_on(opened, lab, ask):
    space, loaded = lab.space, opened.loaded
    assert loaded["backend"] == "WASM" and loaded["threads"] == 1 and loaded["isolated"]
    assert (loaded["width"], loaded["vocabulary"]) == (lab.width, len(space))
    assert (loaded["medianNorm"], loaded["medianDistance"]) == (space.median_norm, space.median_distance)
    assert len(opened.seen) == 2
    script = "return [(await import('./worker/backend.js')).threadsHere(), navigator.hardwareConcurrency]"
    threads, cores = ask(script)
    assert threads == min(4, cores)
    progress = ask("return progress")
    assert {step["what"] for step in progress} == {
        "loading the model",
        "starting the model",
        "unpacking the weights",
    }
    last = [step for step in progress if step["what"] == "loading the model"][-1]
    assert 90e6 < last["done"] == last["total"] < 130e6


def test_tokens_are_nokenlabs(lab, ask):
    rows = ask("return Promise.all(x.map((text) => engine.tokens(text)))", HOSTILE)
    for text, tokens in zip(HOSTILE, rows, strict=True):
        table = lab.tokens(text)
        assert [token["id"] for token in tokens] == table["id"].tolist()
        assert shown(tokens) == spelled(table["token"])
        assert "".join(token["text"] for token in tokens) == lab.tokenizer.decode(
            table["id"].tolist(), clean_up_tokenization_spaces=False
        )
    assert ask("return engine.word(x)", "whippet") == lab.ids(" whippet")[-1]


def test_texts_of_ids_are_nokenlabs(lab, ask):
    draw = random.Random(0)
    rows = [[draw.randrange(len(lab.space)) for _ in range(40)] for _ in range(50)]
    rows += [[1, *lab.ids("🙂 ﬁ 🤷‍♀️").tolist()[:-1], 2, 216], []]
    assert ask("return Promise.all(x.map((ids) => engine.text(ids)))", rows) == [
        lab.text(row) for row in rows
    ]


def test_texts_and_distributions_are_nokenlabs(lab, prompts, slots, ask):
    logits, texts = lab.logits(prompts), lab.generate(prompts, 12)
    expected = measures.leading(lab, logits, 10)
    script = (
        "const steps = []; return [await engine.answers(x, {tokens: 12}, (step) => steps.push(step)), steps]"
    )
    rows, steps = ask(script, slots)
    assert [row["text"] for row in rows] == texts == [lab.text(row["ids"]) for row in rows]
    leading = [token for row in rows for token in row["leading"]]
    assert [token["id"] for token in leading] == expected["id"].tolist()
    assert shown(leading) == spelled(expected["token"])
    assert close([token["probability"] for token in leading], expected["probability"].tolist())
    assert close([row["entropy"] for row in rows], measures.entropy(logits), 1e-4)
    assert [step["done"] for step in steps] == [*range(1, len(rows) + 1)] and steps[0]["of"] == len(rows)
    assert sorted(number for step in steps for number, _ in step["rows"]) == [*range(len(rows))]


def test_one_answer_streams_and_says_the_same(lab, prompts, slots, ask):
    script = (
        "const steps = []; return [await engine.answer(x, {tokens: 12, top: 2}, (s) => steps.push(s)), steps]"
    )
    answer, steps = ask(script, slots[0])
    assert answer["text"] == lab.generate(prompts[:1], 12)[0]
    assert [step["id"] for step in steps[: len(answer["ids"])]] == answer["ids"]
    assert all(step["leading"][0]["id"] == step["id"] and len(step["leading"]) == 2 for step in steps)
    wholes = [step["text"] for step in steps]
    assert wholes == [lab.text(answer["ids"][: i + 1]) for i in range(len(steps))]
    assert answer["steps"] == len(steps) and answer["seconds"] > 0 and not answer["full"]


def test_forced_tokens_are_said_first(lab, ask):
    first = lab.ids(" the sky 🙂").tolist()
    script = """const steps = [], wish = {forced: x.forced, tokens: x.forced.length + 4};
        return [await engine.answer(x.prompt, wish, (step) => steps.push(step)), steps]"""
    prompt = [{"id": id} for id in lab.ids(PROMPT).tolist()]
    answer, steps = ask(script, {"prompt": prompt, "forced": first})
    assert answer["ids"][: len(first)] == first
    assert lab.text(answer["ids"][len(first) :]) == lab.generate(f"{PROMPT} the sky 🙂", 4)[0]
    likely = measures.leading(lab, lab.logits(PROMPT), 10)["id"].tolist()
    assert [token["id"] for token in steps[0]["leading"]] == likely and steps[0]["id"] == first[0]
    assert "�" not in "".join(step["text"] for step in steps)


def test_a_long_prompt_is_read_in_parts(lab, ask):
    text = " ".join([PROMPT] * 15)
    script = "return engine.answers([await engine.tokens(x)], {tokens: 1, top: 5})"
    (row,) = ask(script, text)
    expected = measures.leading(lab, lab.logits(text), 5)
    assert [token["id"] for token in row["leading"]] == expected["id"].tolist()
    assert close([token["probability"] for token in row["leading"]], expected["probability"].tolist(), 1e-4)


def test_vectors_and_interpolations_are_nokenlabs(lab, ask):
    space, (a, b) = lab.space, lab.embed_ids(lab.ids(" dog king"))
    ids, p = lab.ids(" dog king").tolist(), [-0.5, 0, 0.3, 0.5, 1, 1.5]
    noken = nl.random_nokens(lab.width, [7, 99])
    slots = [{"id": ids[0]}, {"seed": 7}, {"seed": 99, "norm": 3.5}, {"mix": [[ids[0], 0.25], [ids[1], -2]]}]
    script = (
        "return Promise.all(x.map(async (slot) => Array.from((await engine.between(slot, slot, [0]))[0])))"
    )
    vectors = ask(script, slots)
    expected = torch.stack([a, noken[0], nl.rescale(noken[1], 3.5), 0.25 * a - 2 * b])
    assert close(vectors, expected) and vectors[:2] == expected[:2].tolist()
    script = """const vectors = await engine.between({id: x.a}, {seed: 7}, x.p, x.name);
        return vectors.map((vector) => Array.from(vector))"""
    for name in interpolation.INTERPOLATIONS:
        vectors = ask(script, {"a": ids[0], "p": p, "name": name})
        assert close(vectors, interpolation.between(a, noken[0], p, name, space.centroid))


def test_a_plane_and_the_tokens_near_it_are_nokenlabs(lab, ask):
    words = ["dog", "king", "whippet"]
    plane = planes.plane_through(lab, words)
    script = "return engine.plane(x, {margin: 0.5, side: 5, count: 20})"
    through = ask(script, words)
    assert [corner["label"] for corner in through["corners"]] == words
    places = [[corner[axis] for axis in "xy"] for corner in through["corners"]]
    assert close(places, [[corner.x, corner.y] for corner in plane.corners])
    assert [corner["note"] == "" for corner in through["corners"]] == [
        corner.note == "" for corner in plane.corners
    ]
    assert through["reach"] == pytest.approx(plane.reach(0.5)) and len(through["points"]) == 25
    near = planes.near_tokens(lab, plane, 20)
    assert [token["id"] for token in through["near"]] == near["id"].tolist()
    assert close([token["x"] for token in through["near"]], near["x"].tolist(), 1e-4)
    x, y = torch.tensor(through["points"]).T
    assert shown(through["nearest"]) == spelled(planes.nearest_tokens(lab, plane, x, y))


def test_nearest_tokens_are_nokenlabs(lab, ask):
    noken = nl.random_nokens(lab.width, 5)[0]
    for slot, vector in (({"seed": 5}, noken), ({"id": 500}, lab.embed_ids(torch.tensor(500)))):
        expected, tokens = lab.space.nearest(vector, 10), ask("return engine.nearest(x, 10)", slot)
        assert [token["id"] for token in tokens] == expected["id"].tolist()
        assert shown(tokens) == spelled(expected["token"])
        for column in ("cosine", "distance"):
            assert close([token[column] for token in tokens], expected[column].tolist())


def test_a_newer_run_cancels_the_older_ones_of_its_lane_alone(lab, prompts, slots, ask):
    script = """const before = engine.cancelled, wish = {tokens: 3}, late = [];
        const other = fails(engine.answers(x, {tokens: 2, lane: "other"}));
        const runs = Array.from({length: 30}, (_, i) => engine.answer(x[i % 8], wish, () => late.push(i))
            .then(({text}) => text, (error) => error instanceof Cancelled));
        const texts = await Promise.all(runs), rows = await other;
        const stopped = engine.answer(x[0], {tokens: 500}).catch((error) => error instanceof Cancelled);
        engine.stop("answer");
        return [texts, engine.cancelled - before, rows.length, await stopped, new Set(late).size]"""
    texts, cancelled, rows, stopped, spoke = ask(script, slots)
    assert texts == [True] * 29 + lab.generate(prompts[29 % 8][None], 3)
    assert (cancelled, rows, stopped) == (29, 8, True) and spoke < 4


def test_the_page_is_never_blocked(slots, ask):
    script = """let last = performance.now(), most = 0;
        const tick = () => { const now = performance.now(); most = Math.max(most, now - last); last = now; };
        const clock = setInterval(tick, 5);
        await engine.answers(x, {tokens: 4});
        await engine.nearest({seed: 3});
        clearInterval(clock);
        return most"""
    assert ask(script, slots) < 500  # milliseconds; a step of this takes longer


def test_bad_input_is_said_for_people(lab, ask):
    empty = "The prompt is empty: write at least one letter."
    ids, many = "The id of a token is a whole number from 0 to 49151,", "Array(1025).fill({id: 5})"

    def vector(slot: str) -> str:
        return f"engine.nearest({slot})"

    tries = {
        "engine.tokens('')": empty,
        "engine.answer([])": empty,
        "engine.tokens('a \\ud83d b')": "The prompt contains a lone surrogate, half a character: remove it.",
        "engine.word('  ')": "There is no word: write one.",
        f"engine.answer({many})": "The prompt has 1,025 tokens; the model reads at most 1,024: shorten it.",
        "engine.answer([{seed: 100}])": "A seed is a whole number from 0 to 99 here, not 100.",
        "engine.answer([{id: 49152}])": f"{ids} not 49152.",
        "engine.answer([{id: 5}], {forced: [-1]})": f"{ids} not -1.",
        "engine.answer([{id: 5}], {tokens: 0})": "tokens must be a whole number, at least 1, not 0.",
        "engine.answers([])": "There are no prompts; give at least one.",
        "engine.answers([[{id: 5}], []])": "The prompts differ in length.",
        vector("{mix: []}"): "A blend needs at least one token and its weight.",
        vector("{mix: [[5, NaN]]}"): "A vector contains NaN or infinity; all its numbers must be finite.",
        vector("{vector: new Float32Array(3)}"): "A vector of this model has 576 numbers, not 3.",
        vector("{vector: new Float32Array(576), norm: 1}"): (
            "A vector of length 0 has no direction and cannot be rescaled."
        ),
        "engine.between({id: 5}, {id: 6}, [0.5], 'x')": (
            "The interpolation “x” is not one of lerp, slerp, slerp about c."
        ),
        "engine.between({id: 5}, {mix: [[5, -1]]}, [0.5], 'slerp')": (
            "Between exactly opposite vectors there is no single arc: use lerp."
        ),
        "engine.plane(['dog', 'king', 'dog'], {})": (
            "“dog” and “dog” have the same vector (of a word its last token counts); "
            "three different corners are needed"
        ),
    }
    messages = ask(f"return Promise.all([{', '.join(f'fails({call})' for call in tries)}])")
    assert messages == list(tries.values())


def test_without_a_network_it_works_on_and_opens_in_another_tab(opened, slots, ask):
    opened.stop()
    before = ask("return engine.answer(x, {tokens: 2})", slots[0])["text"]
    other = opened.page.context.new_page()
    other.set_default_timeout(jupyterlab.SLOW)
    loaded = live_page.open_engine(other, opened.address, threads=1)
    assert loaded == opened.loaded
    assert other.evaluate("(x) => engine.answer(x, {tokens: 2})", slots[0])["text"] == before
    assert ask("return engine.answer(x, {tokens: 2})", slots[0])["text"] == before


def test_without_a_secure_address_it_has_one_thread_and_keeps_nothing(lab, browser, bare, prompts, slots):
    """As http on a network of one's own: no service worker, no hashes, no storage."""
    first = lab.logits(prompts[:1]).argmax(-1).tolist()
    with browser.new_context() as context, static_server.serve(bare, isolated=False) as address:
        page, seen = context.new_page(), []
        page.set_default_timeout(jupyterlab.SLOW)
        page.on("framenavigated", lambda frame: seen.append(frame.url))
        lan = "http://lan.test/"  # no name of this machine, which would be secure
        context.route(f"{lan}**", lambda route: route.continue_(url=route.request.url.replace(lan, address)))
        loaded = live_page.open_engine(page, lan)
        facts = page.evaluate("[isSecureContext, typeof caches, typeof crypto.subtle, crossOriginIsolated]")
        assert facts == [False, "undefined", "undefined", False]
        assert (loaded["backend"], loaded["threads"], loaded["isolated"], len(seen)) == ("WASM", 1, False, 1)
        assert page.evaluate("(x) => engine.answer(x, {tokens: 1})", slots[0])["ids"] == first
