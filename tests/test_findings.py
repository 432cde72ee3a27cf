"""Two lines of results/findings.md, counted again by hand from the rows of the table they name."""

import csv
import math
from pathlib import Path

import pytest

RESULTS = Path(__file__).parent.parent / "results"
FINDINGS = (RESULTS / "findings.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows():
    with open(RESULTS / "sweeps" / "definitions" / "table.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def share(rows, kind, radius):
    """How many definitions speak of a person, as the findings write it, with Wilson's interval."""
    some = [
        row
        for row in rows
        if row["table"] == "themes" and row["theme"] == "a person"
        if row["kind"] == kind and float(row["radius"]) == radius
    ]
    assert len(some) == 2  # the two prompts
    k, n, z = sum(int(row["hits"]) for row in some), sum(int(row["rows"]) for row in some), 1.959964
    middle, spread = k + z * z / 2, z * math.sqrt(k * (n - k) / n + z * z / 4)
    low, high = (round(100 * (middle + sign * spread) / (n + z * z)) for sign in (-1, 1))
    return f"{k} of {n} ({low} to {high} %)"


def test_the_person_comes_and_goes_with_the_radius(rows):
    line = next(line for line in FINDINGS.splitlines() if "a person" in line and "comes and goes" in line)
    for radius in (0.5, 1, 10_000):
        assert share(rows, "raw", radius) in line
    assert share(rows, "token norm", 10_000) in line


def test_what_is_left_with_the_norm_held_is_the_ratio_of_the_two_changes(rows):
    line = next(line for line in FINDINGS.splitlines() if "norm held" in line)
    found = [row for row in rows if row["table"] == "survival" and row["held"] == "norm"]
    assert {float(row["radius"]) for row in found} >= {0.5, 10_000}
    for row in found:
        ratio = float(row["kept"]) / float(row["raw"])
        assert ratio == pytest.approx(float(row["share"]), rel=1e-4)
        if float(row["radius"]) in (0.5, 10_000):
            assert f"{ratio:.2f} ({float(row['low']):.2f} to {float(row['high']):.2f})" in line
