"""Widgets of an executed notebook named by their order, not at random: the same run writes the same bytes."""

import json
import re

STATE = "application/vnd.jupyter.widget-state+json"
ID = re.compile(r"[0-9a-f]{32}")


def in_order(nb):
    """The notebook `nb` with those widgets that its outputs show, and their parts, numbered from 0."""
    import nbformat

    kept = nb.metadata.get("widgets", {}).get(STATE)
    if not kept:
        return nb
    state = kept["state"]
    found = _ids([cell.get("outputs") for cell in nb.cells], state)
    for id in found:  # grows while it is walked
        found += [part for part in _ids(state[id], state) if part not in found]
    kept["state"] = {id: state[id] for id in found}
    names = {id: f"{number:032x}" for number, id in enumerate(found)}
    text = ID.sub(lambda match: names.get(match[0], match[0]), nbformat.writes(nb))
    return nbformat.reads(text, as_version=4)


def _ids(part: object, state: dict) -> list[str]:
    """The ids of widgets that a part of a notebook names, in their order."""
    text = json.dumps(part, sort_keys=True)
    return list(dict.fromkeys(id for id in ID.findall(text) if id in state))
