"""Colours of a map of answers: no territory has that of one which touches it, where seven suffice."""

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from nokenlab.answers.mesh import mesh
from nokenlab.style import OKABE_ITO

STRONG, PALE = 0.25, 0.68  # how much white is in the colour of a corner's own answer, and of any other


def colours(*maps: pd.DataFrame) -> dict[str, str]:
    """A colour for each territory of some maps, unlike those that touch it in one, where seven suffice.

    The corners' own answers choose first, in strong colours, then the others, the largest first.
    """
    table = pd.concat(maps, ignore_index=True)
    own, areas = set(table["territory"][table["corner"] != ""]), table["territory"].value_counts()
    beside, hues = {name: set() for name in areas.index}, {}
    for one in maps:
        for together in map(set, one["territory"].to_numpy()[mesh(one)]):
            for name in together if len(together) > 1 else ():
                beside[name] |= together - {name}
    for name in sorted(areas.index, key=lambda name: (name not in own, -areas[name], name)):
        near, used = [hues.get(other) for other in beside[name]], list(hues.values())
        hues[name] = min(range(7), key=lambda hue: (near.count(hue), used.count(hue), hue))
    return {name: _with_white(OKABE_ITO[hue], STRONG if name in own else PALE) for name, hue in hues.items()}


def _with_white(colour: str, share: float) -> str:
    return to_hex([share + (1 - share) * value for value in to_rgb(colour)])
