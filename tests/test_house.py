"""The house as CONTRIBUTING.md describes it: what a linter does not know. Imports are import-linter's."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "nokenlab").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def own_modules(tree: ast.AST) -> set[str]:
    """The names by which a file calls nokenlab's modules."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nokenlab":
            folder = ROOT / node.module.replace(".", "/")
            for alias in node.names:
                if (folder / f"{alias.name}.py").exists():
                    found.add(alias.asname or alias.name)
    return found


def test_the_core_is_thin():
    assert len(list((ROOT / "nokenlab").glob("*.py"))) <= 14


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    functions = [node for node in ast.walk(TREES[path]) if isinstance(node, FUNCTIONS)]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno >= 60}
    assert not long, "functions that want to be cut"
    assert path.stem not in {node.name for node in TREES[path].body if isinstance(node, FUNCTIONS)}
    public = [
        node
        for node in TREES[path].body
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_file_uses_private_names_of_another(path):
    tree, modules, used = TREES[path], own_modules(TREES[path]), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nokenlab"):
            used += [alias.name for alias in node.names if alias.name.startswith("_")]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.startswith("_"):
            used += [node.attr] * (node.value.id in modules | {"lab"} and not node.attr.startswith("__"))
    assert not used


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_shadows_no_module_and_its_cells_are_short(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code), "sources are kept clean"
    parameters = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    assert len(parameters) == 1
    bodies = ["".join(cell["source"]) for cell in code]
    tree = ast.parse("\n".join(bodies))
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert not bound & own_modules(tree)
    shown = [len("".join(c["source"]).splitlines()) for c in code if c not in parameters]
    assert max(shown) < 8, "short cells show the mechanism; the rest is nokenlab's"
