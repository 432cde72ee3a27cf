"""Colours of a map of answers: neighbours differ, and a corner's own answer is stronger."""

import numpy as np
import pandas as pd

from nokenlab.answers.territory_colours import colours


def square(rows, corner=""):
    """A map from -2 to 2, its territories given from the lower left."""
    side = np.linspace(-2, 2, len(rows))
    names = [name for row in rows for name in row]
    table = pd.DataFrame({"x": np.tile(side, len(rows)), "y": np.repeat(side, len(rows)), "territory": names})
    return table.assign(corner=["dog" if name in corner else "" for name in names])


def test_no_two_neighbours_have_one_colour():
    rows = ["".join(chr(65 + (3 * y + x) % 9) for x in range(9)) for y in range(9)]  # each touches all others
    assert len(set(colours(square(["AB", "CD"])).values())) == 4
    three = colours(square(["AAB", "AAB", "CCB"]))
    assert three["A"] != three["B"] and three["B"] != three["C"] and three["A"] != three["C"]
    assert set(colours(square(rows))) == set("ABCDEFGHI")  # nine in seven colours


def test_colours_agree_over_several_maps():
    together = colours(square(["AA", "BB"]), square(["AA", "CC"]))
    assert set(together) == set("ABC") and together["A"] not in (together["B"], together["C"])
    alone = colours(first := square(["AAB", "AAB", "CCB"]))
    assert colours(first, square(["DDD", "DCA", "BBD"])).items() >= alone.items()


def test_a_corners_own_answer_is_stronger():
    hexadecimal = colours(square(["AAB", "AAB", "CCB"], corner="B"))
    white = {name: sum(bytes.fromhex(colour[1:])) for name, colour in hexadecimal.items()}
    assert white["B"] < min(white["A"], white["C"])
