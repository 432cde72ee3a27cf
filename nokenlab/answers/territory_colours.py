"""Colours of a map of answers: territories that touch differ in colour, where seven colours suffice."""

import pandas as pd

from nokenlab.answers.mesh import pieces_of
from nokenlab.palette import OKABE_ITO

STRONG, PALE = 0.25, 0.68  # the share of white in the colour of a corner's own answer, and of any other


def colours(*maps: pd.DataFrame) -> dict[str, str]:
    """A colour for each territory of some maps, unlike those that touch it in one, where seven suffice.

    The corners' own answers choose first, in strong colours, then the others, the largest first. The colours
    of the first map are those that it has alone; what it lacks has colours of the next, and so on.
    """
    hues: dict[str, int] = {}
    of_corners: set[str] = set()
    for table in maps:
        names, areas = table["territory"].to_numpy(), table["territory"].value_counts()
        of_corners |= set(names[table["corner"] != ""])
        touching: dict[str, set[str]] = {name: set() for name in areas.index}
        for together in map(set, names[pieces_of(table)]):
            for name in together:
                touching[name] |= together - {name}
        for name in sorted(areas.index, key=lambda name: (name not in of_corners, -areas[name], name)):
            near, used = [hues.get(other) for other in touching[name]], list(hues.values())
            hues.setdefault(name, min(range(7), key=lambda hue: (near.count(hue), used.count(hue), hue)))
    return {
        name: _with_white(OKABE_ITO[hue], STRONG if name in of_corners else PALE)
        for name, hue in hues.items()
    }


def _with_white(colour: str, share: float) -> str:
    """A colour, as #rrggbb, mixed with a share of white."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 * (share + (1 - share) * channel)):02x}" for channel in channels)
