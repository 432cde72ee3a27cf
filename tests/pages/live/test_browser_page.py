"""The live page in Chromium: what it shows is what nokenlab says. One page, loaded once."""

import re

import pytest
from helpers.browser import exact
from helpers.jupyterlab import SLOW
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.answers import blends, planes, territory_map
from nokenlab.prompt import word_vector

PROMPT, AT = "People say that red is a color that is often associated with", 3
SOME = 10  # tokens after which an answer has been compared enough
EVIL = "<script>document.title = 'taken over'</script> <b>👩‍🚀 <|im_end|>"


@pytest.fixture(scope="module")
def page(browser, live_address):
    """The page with its model loaded."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, service_workers="block")
    page, errors = context.new_page(), []
    page.set_default_timeout(SLOW)
    page.on("pageerror", lambda error: errors.append(str(error)))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/files.json", lambda route: route.abort())  # the network is gone at first
    page.goto(live_address)
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.first = page.locator("body").inner_text()
    page.unroute("**/files.json")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator("#loading-what")).to_have_text(re.compile(r"Loading the model: \d+ of \d+ MB, \d+ %"))
    loaded(page)
    yield page
    outside = [url for url in asked if not url.startswith((live_address, "blob:", "data:"))]
    title = page.title()
    context.close()
    assert (errors, outside, title) == ([], [], "nokenlab: a word that does not exist")


@pytest.fixture
def start(page):
    """The page as it first stands."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("() => { location.hash = '#seed=4' }")
    expect(page.locator("#wrong-link")).to_be_hidden()
    return page


@pytest.fixture(scope="module")
def texts(lab):
    """What nokenlab says to the first prompt with each of some things in the place of “red”."""
    norm = lab.space.median_norm
    dog, king, music = (word_vector(lab, word) for word in ("dog", "king", "music"))
    put = {
        "first": nl.random_nokens(lab.width, 4, norm)[0],
        "next": nl.random_nokens(lab.width, 5, norm)[0],
        "own": nl.random_nokens(lab.width, 4)[0],
        "word": music,
        "blend": nl.lerp(dog, king, 0.5),
    }
    rows = [nl.replace(lab.embed(PROMPT), AT, vector)[0] for vector in put.values()]
    texts = lab.generate([row[None] for row in [*rows, lab.embed(PROMPT)[0]]], 40)
    return dict(zip([*put, "plain"], texts, strict=True))


def loaded(page) -> None:
    expect(page.locator(".loading.done")).to_have_count(1, timeout=SLOW)


def begins(page, text: str) -> None:
    """The answer on the page begins as `text` does, and is not only its first word."""
    words = re.escape(text[:30])
    expect(page.locator("#answer .said")).to_have_text(re.compile(f"^{words}"), timeout=SLOW)


def pick(page, kind: str) -> None:
    page.get_by_role("radio", name=kind, exact=True).check()


def test_there_is_something_to_read_before_the_model_is_loaded(page, texts):
    words = " ".join(page.first.split())
    assert "A noken is a vector that no token has" in words and "12 tokens." in words
    assert f"People say that ▢ is a color that is often associated with{texts['first']}" in words
    assert "files.json could not be downloaded" in words


def test_it_says_what_nokenlab_says(start, texts):
    page = start
    expect(page.locator("#answer .said")).to_have_text(exact(texts["first"]), timeout=SLOW)
    expect(page.locator("#plain")).to_contain_text(texts["plain"].strip()[:40])
    page.get_by_role("button", name="next seed").click()
    begins(page, texts["next"])
    page.get_by_label("seed", exact=True).fill("4")
    page.get_by_label("length").press("End")
    begins(page, texts["own"])
    for kind, name in (("a word", "word"), ("two words", "blend")):
        pick(page, kind)
        begins(page, texts[name])
    expect(page.locator("#nearest-hint")).to_contain_text("␣king")
    pick(page, "nothing")
    begins(page, texts["plain"])
    expect(page.locator(".nk-chip.nk-noken")).to_have_count(0)


def test_a_prompt_typed_and_a_noken_put_in(start, lab):
    page, prompt = start, "My favourite pet is the"
    page.get_by_label("Prompt", exact=True).press_sequentially("!")  # the noken stays at its token
    expect(page.locator(".nk-chip")).to_have_count(13)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    expect(page.locator(".nk-chip")).to_have_count(len(lab.tokens(prompt)))
    page.get_by_role("radio", name="␣pet").click()
    nokens = nl.random_nokens(lab.width, [4], lab.space.median_norm)
    begins(page, lab.generate(nl.replace(lab.embed(prompt), 2, nokens), SOME)[0])
    page.get_by_role("radio", name="noken").press("ArrowRight")
    expect(page.locator("#put-head")).to_have_text("In place of “is”")
    expect(page.locator(".nk-chip:focus")).to_have_text("▢ noken")


def test_a_token_is_forced_and_taken_away(start, texts, lab):
    page = start
    begins(page, texts["first"])
    third = page.locator("#next .nk-bar-row").nth(2)
    token = third.locator(".nk-token").text_content().replace("␣", " ")
    third.click()
    expect(page.locator(".piece.forced")).to_have_text(token)
    nokens = nl.random_nokens(lab.width, [4], lab.space.median_norm)
    x = nl.replace(lab.embed(PROMPT + token), AT, nokens)
    begins(page, token + lab.generate(x, SOME)[0])
    page.locator(".piece").nth(2).click()
    expect(page.locator("#next-hint")).to_contain_text("Token 3 of the answer")
    page.locator(".piece.forced").click()
    expect(page.locator(".piece.forced")).to_have_count(0)
    begins(page, texts["first"])


def test_a_drag_cancels_the_older_runs(start, lab):
    page, slider = start, start.get_by_label("length")
    box, mouse = slider.bounding_box(), page.mouse
    y = box["y"] + box["height"] / 2
    mouse.move(box["x"] + 0.3 * box["width"], y)
    mouse.down()
    mouse.move(box["x"] + 0.9 * box["width"], y, steps=30)
    mouse.up()
    size = float(re.search(r"[\d.]+", slider.get_attribute("aria-valuetext"))[0])
    nokens = nl.random_nokens(lab.width, [4], size * lab.space.median_norm)
    begins(page, lab.generate(nl.replace(lab.embed(PROMPT), AT, nokens), SOME)[0])
    line = page.locator("#loading-what")
    expect(line).to_contain_text(re.compile(r"tokens per second.* (\d{2,}|[5-9]) older runs cancelled"))
    assert page.url.endswith(f"#size={size:g}")


@pytest.mark.parametrize(
    ("prompt", "wrong"),
    [("", "The prompt is empty"), ("word " * 2000, "has 2,001 tokens; the model reads 1,024 in all")],
)
def test_prompts_that_cannot_be_answered_are_refused_in_words(start, prompt, wrong):
    start.get_by_label("Prompt", exact=True).fill(prompt)
    expect(start.locator("#answer .wrong")).to_contain_text(wrong)
    start.get_by_label("Prompt", exact=True).fill(PROMPT)
    expect(start.locator("#answer .wrong")).to_have_count(0)


def test_html_emoji_and_special_tokens_are_text(start):
    start.get_by_label("Prompt", exact=True).fill(EVIL)
    expect(start.locator("#answer .before")).to_have_text(exact(EVIL.replace("document", "▢", 1)))
    expect(start.locator(".nk-chip").filter(has_text="<|im_end|>")).to_have_count(1)
    expect(start.locator("#answer .piece").first).to_be_attached()
    assert start.evaluate("() => document.querySelectorAll('main script, main p b').length") == 0


BROKEN = ["seed=100", "size=NaN", "view=<script>", "blend=one", "__proto__=1", "%FF=%00", "forced=1-x", "p="]


@pytest.mark.parametrize("hash", BROKEN)
def test_a_broken_link_is_reported_and_the_first_state_shown(start, hash):
    start.evaluate("(hash) => { location.hash = hash }", f"#{hash}")
    expect(start.locator("#wrong-link")).to_contain_text("This link is broken")
    expect(start.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    expect(start.locator(".nk-chip.nk-noken")).to_have_count(1)


def test_back_goes_to_what_was_chosen_before(start):
    page, seed = start, start.get_by_label("seed", exact=True)
    first = seed.input_value()
    for _ in range(2):
        page.get_by_role("button", name="next seed").click()
        page.wait_for_url(f"**#*seed={seed.input_value()}")
    page.get_by_role("tab", name="A map").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("The animal is a kind of")
    page.wait_for_url("**view=map*")
    for value in (int(first) + 2, int(first) + 1, int(first)):
        page.go_back()
        expect(seed).to_have_value(str(value))
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)


def test_of_a_long_word_it_is_told_that_the_last_token_stands_for_it(start, lab):
    pick(start, "a word")
    start.get_by_label("word", exact=True).fill("whippet")
    tokens = lab.tokens(" whippet")["token"].tolist()
    expect(start.locator("#nearest-hint")).to_contain_text(
        f"is {len(tokens)} tokens; its last, “{tokens[-1]}”"
    )


def test_the_slider_between_two_prompts(start, lab):
    page = start
    page.get_by_role("tab", name="Two prompts").click()
    blocks = page.locator("#between .nk-strip > span")
    expect(blocks.first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Stop").click()
    points = int(page.locator("#between input[type=range]").get_attribute("max")) + 1
    table = blends.blend(lab, "White whippets are", "Black whippets are", blends.grid(points), "lerp", 20)
    runs = blends.plateaus(table)["response"].tolist()
    assert [block.get_attribute("title") for block in blocks.all()] == runs
    narrow(page)
    page.locator("#between input").nth(1).fill("Black whippets are all")
    page.get_by_role("button", name="Blend").click()
    expect(page.locator("#between-note")).to_contain_text("must have the same number of tokens")


def test_the_map(start, lab):
    page = start
    page.evaluate("() => { location.hash = '#view=map&prompt=The+animal+is+a+kind+of&at=1' }")
    legend = page.locator("#map .nk-legend bdi")
    expect(legend.first).to_be_visible(timeout=SLOW)
    page.locator("#map").get_by_role("button", name="Stop").click()
    plane = planes.plane_through(lab, ["dog", "king", "music"])
    table = territory_map.territory_map(lab, "The <noken> is a kind of", plane, 5, 8, progress=False)
    begins = dict(zip(table["territory"], table["begins"], strict=True))
    assert legend.all_text_contents() == [begins[letter] for letter in sorted(begins)]
    narrow(page)
    page.locator("#map canvas").first.press("ArrowLeft")
    expect(page.locator("#map .nk-source")).to_contain_text("answered exactly here")


def test_a_link_opened_anew_shows_the_same(start, lab, live_address):
    page = start
    pick(page, "two words")
    page.locator("#controls .slider input:visible").fill("70")
    token = page.locator("#next .nk-bar-row .nk-token").first
    expect(page.locator("#answer .piece").nth(2)).to_be_attached()
    page.locator("#next .nk-bar-row").nth(1).click()
    expect(page.locator(".piece.forced")).to_have_count(1)
    expect(page.locator("#answer .piece").nth(SOME)).to_be_attached()
    text = page.locator("#answer .said").text_content()
    expect(token).not_to_be_empty()
    link = page.evaluate("() => new Promise((done) => setTimeout(() => done(location.href), 700))")
    page.goto("about:blank")
    page.goto(link)
    loaded(page)
    begins(page, text)
    expect(page.get_by_role("radio", name="two words")).to_be_checked()
    expect(page.locator("#controls output:visible")).to_have_text("30 % dog, 70 % king")
    expect(page.locator(".piece.forced")).to_have_count(1)
    narrow(page)


def narrow(page) -> None:
    """A small telephone shows all of it without scrolling to the right."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1280, "height": 900})
