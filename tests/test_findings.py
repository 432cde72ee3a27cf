"""Numbers of results/findings.md, counted again by hand from the tables of the sweeps; its words are free."""

import csv
import math
import re
from pathlib import Path

import pytest

RESULTS = Path(__file__).parent.parent / "results"
ROWS = [line for line in (RESULTS / "findings.md").read_text("utf-8").splitlines() if line.startswith("|")]


def table(sweep, name):
    """The rows of one table of a sweep."""
    with open(RESULTS / "sweeps" / sweep / "table.csv", newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["table"] == name]


def numbers(text):
    """The numbers of a text in their order: "r = 1,000: 76 of 200 (32 to 45 %)" has 1000, 76, 200, 32, 45."""
    return [float(found.replace(",", "")) for found in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)]


def said(*groups):
    """Whether one row of the findings has every group of numbers, those of a group next to each other."""

    def has(row, group):
        return any(row[i : i + len(group)] == group for i in range(len(row)))

    return any(all(has(numbers(row), list(group)) for group in groups) for row in ROWS)


def counted(k, n):
    """k, n and the bounds of Wilson's 95 % interval in per cent, as the findings round them."""
    middle, z = k + 1.959964**2 / 2, 1.959964
    spread = z * math.sqrt(k * (n - k) / n + z * z / 4)
    return k, n, *(round(100 * (middle + sign * spread) / (n + z * z)) for sign in (-1, 1))


def persons(kind, radius):
    """How many definitions of a radius speak of a person, from both prompts; after the radius."""
    some = [row for row in table("definitions", "themes") if row["theme"] == "a person"]
    some = [row for row in some if row["kind"] == kind and float(row["radius"]) == radius]
    assert len(some) == 2
    return radius, *counted(sum(int(row["hits"]) for row in some), sum(int(row["rows"]) for row in some))


def kept(family, magnitude):
    """How many definitions stay word for word with noise of that length, from all runs."""
    some = [row for row in table("semantic-decay", "shares") if row["family"] == family]
    some = [row for row in some if float(row["magnitude"]) == magnitude]
    return counted(
        sum(round(float(row["kept"]) * int(row["rows"])) for row in some),
        sum(int(row["rows"]) for row in some),
    )


def test_a_number_that_no_row_has_is_not_said():
    assert numbers("r = 0.5, 1 of 4,800 (−2 to 3 %), p = 0.62.") == [0.5, 1, 4800, 2, 3, 0.62]
    assert not said((0.5, 36, 200, 13, 23)) and not said((0.5, 35, 200, 13, 23), (1, 68, 200))


def test_persons_come_and_go_with_the_radius():
    assert said(*(persons("raw", r) for r in (0.5, 1, 10_000)), persons("token norm", 10_000))


def test_persons_need_no_centroid():
    assert said(persons("origin", 0.5))


@pytest.mark.parametrize("held, digits", [("norm", (2, 2)), ("angle", (3, 1))])
def test_what_is_left_with_one_held_is_the_ratio_of_the_two_changes(held, digits):
    rows = [row for row in table("definitions", "survival") if row["held"] == held]
    for row in rows:
        ratio = float(row["kept"]) / float(row["raw"])
        assert ratio == pytest.approx(float(row["share"]), rel=1e-4)
    groups = []
    for radius, places in zip((0.5, 10_000), digits, strict=True):
        some = [row for row in rows if float(row["radius"]) == radius]
        assert len(some) == 2  # the two prompts
        shares = [round(float(row[name]), places) for row in some for name in ("share", "low", "high")]
        groups.append((radius, *shares))
    assert said(*groups)


def test_definitions_decay_by_degrees():
    first, *others = [(noise, *kept("word", noise)) for noise in (0.2, 0.5, 2)]
    assert said(first, *((noise, k, low, high) for noise, k, _, low, high in others))


def test_a_noken_bears_less_than_a_word():
    first, *others = [(r, *kept(f"r = {r:g}", 0.2)) for r in (0.5, 2, 5)]
    assert said(first, *((r, k, low, high) for r, k, _, low, high in others))


def test_between_two_words_the_next_token_turns_once():
    for row in table("between-words", "turn_summary"):
        pairs = int(row["turn_summary.pairs"])
        assert said(counted(int(row["once"]), pairs)) and int(row["third"]) == 0
