"""Notebooks that need no model, for the tests of runs."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """
word: str = "a | b"  # any text
seeds: list[int] = [1, 2]  # whole numbers
scale: float = 1.0  # above 0
"""
TABLE = """
import pandas as pd, nokenlab as nl
class Lab:
    def provenance(self):
        return {"model": "toy", "revision": "r1", "device": "cpu", "dtype": "float32", "threads": 1}
out = nl.Results(Lab())
rows = [(seed, word, scale / 3, "<script>x</script>\\nnext") for seed in seeds]
out.table(pd.DataFrame(rows, columns=["seed", "word", "third", "response"]), "words")
"""
FIGURE = """
from matplotlib.figure import Figure
figure = Figure(figsize=(2, 1))
figure.subplots().plot(seeds)
out.figure(figure, "curve")
"""


def notebook(folder, name, *cells, parameters=PARAMETERS):
    """Write folder/name.ipynb: a title, a parameters cell if any, and code cells; returns its path."""
    head = [new_markdown_cell(f"# The story of {name}\n\nWhy.")]
    if parameters is not None:
        head.append(new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]}))
    path = folder / f"{name}.ipynb"
    nb = new_notebook(cells=head + [new_code_cell(cell.strip()) for cell in cells])
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nb, path)
    return path


def names(folder):
    """Everything that lies in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
