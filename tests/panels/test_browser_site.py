"""The site of the committed results in a browser: every page opened, nothing fetched, a slider moved."""

import re
from pathlib import Path

import pandas as pd
import pytest
from helpers.browser import exact
from playwright.sync_api import expect

from nokenlab.pages.site import write_site

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site."""
    index, messages = write_site(tmp_path_factory.mktemp("web") / "site", RESULTS)
    assert not [line for line in messages if line.endswith("is not there")]
    return index.parent


@pytest.fixture
def quiet(offline, errors):
    """The page, on which any message in the console is an error, and anything that is fetched."""
    offline.on("console", lambda message: errors.append(message.text))
    offline.on("requestfailed", lambda request: errors.append(request.url))
    return offline


def test_every_page_can_be_reached_and_fits(site, quiet):
    todo, seen = [(site / "index.html").as_uri()], set()
    views = [("light", 1200), ("dark", 400)]
    while todo:
        quiet.goto(address := todo.pop())
        seen.add(address)
        expect(quiet.get_by_role("heading", level=1).first).to_be_visible()
        unseen = quiet.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        assert unseen == 0, address
        for scheme, width in views:
            quiet.emulate_media(color_scheme=scheme)
            quiet.set_viewport_size({"width": width, "height": 900})
            assert quiet.evaluate("document.documentElement.scrollWidth") <= width, (address, scheme)
            ground = quiet.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") == (scheme == "light"), address
        views.reverse()  # the next page is loaded into the last view, and looked at in it first
        links = quiet.evaluate("[...document.links].map(a => a.origin + a.pathname)")
        pages = {link.replace("null", "file://") for link in links if link.endswith(".html")}
        todo += sorted(pages - seen - set(todo))
    assert seen == {page.as_uri() for page in site.glob("*.html")}


def test_the_slider_slides_there(site, quiet):
    sweep = pd.read_csv(RESULTS / "04-lerp" / "sweep.csv", keep_default_na=False)
    texts = sweep.loc[sweep["way"] == "lerp", "response"].tolist()
    quiet.goto((site / "index.html").as_uri())
    quiet.get_by_role("link", name="04 · Lerp").click()
    slider, text = quiet.get_by_role("slider"), quiet.locator(".nk-text")
    slider.focus()
    slider.press("Home")
    for response in texts:
        expect(text).to_have_text(exact(response))
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^p = 1(,|$)"))
    quiet.get_by_role("link", name="05 · Manual sampling →").click()
    expect(quiet.get_by_role("heading", level=1)).to_contain_text("05 · Manual sampling")
