"""The notebooks that are made for sweeps alone run on a tiny model, cell by cell in this process."""

import json
from pathlib import Path

import pytest
from helpers.tiny_models import save_tiny

SWEEPS = Path(__file__).parents[2] / "notebooks" / "sweeps"
BRIEF = {"texts": 2, "longest": 6, "patience": 3, "examples": 2, "steps": 2, "max_new_tokens": 3}


@pytest.mark.parametrize("name", ["cramming", "word-with-a-use"])
def test_it_runs(name, tmp_path):
    pytest.importorskip("IPython")
    given, names = BRIEF | {"model": str(save_tiny("phi", tmp_path))}, {}
    for cell in json.loads((SWEEPS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}, cell {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {key: value for key, value in given.items() if key in names}
    assert len(names["verdicts"]) and names["lab"].model.config.model_type == "phi"
