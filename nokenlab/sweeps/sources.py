"""The files of nokenlab that a notebook can reach: modules by their imports, data files by their names.

Texts are read and nothing is imported, so that nobody waits for torch.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nokenlab
from nokenlab.runs.notebooks import cells

PACKAGE = Path(nokenlab.__file__).parent
_FILE_NAME = re.compile(r"[\w-][\w.-]*\.\w+")


def reached(notebook: Path) -> tuple[list[str], list[str]]:
    """The modules that a notebook can reach, and the data files they name, as paths from the package.

    An import inside a function counts; one for type checkers alone does not, nor does `nokenlab/__init__.py`:
    it maps names to modules, and those count. A data file lies beside the module that names it, or in the
    checkout's `notebooks/`; of the questions there, those of a notebook count where it is named. A notebook
    that is not plain Python, but for lines of `%` and `!`, counts as one that reaches every module.
    """
    public, modules = _public_names(), set()
    try:
        nodes = _parse(_code(notebook))
        waiting, data = _files(_names(nodes, public)), _data(nodes, notebook)
    except SyntaxError:
        waiting, data = set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"}, set(_questions())
    while waiting:
        path = waiting.pop()
        modules.add(path)
        nodes = _parse(path.read_text(encoding="utf-8"))
        waiting |= _files(_names(nodes, public)) - modules
        data |= _data(nodes, path)
    return _from_package(modules), _from_package(data)


def _code(notebook: Path) -> str:
    lines = "\n".join(cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code").splitlines()
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def _parse(text: str) -> list[ast.AST]:
    """The nodes of a program in the order of its text, without what only a type checker sees."""
    return list(_walk(ast.parse(text)))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = node.orelse
    for child in children:
        yield from _walk(child)


def _names(nodes: list[ast.AST], public: dict[str, str]) -> set[str]:
    """The dotted names of nokenlab in a program: imported, an attribute of the package, or a string."""
    found, packages = set(), set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            packages |= {alias.asname or alias.name for alias in node.names if alias.name == "nokenlab"}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # as of import_module
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages:
            found.add(f"nokenlab.{node.attr}")
    found = {name for name in found if re.fullmatch(r"nokenlab(\.\w+)*(\.\*)?", name)}
    return {*found, *public.values()} if "nokenlab.*" in found else {public.get(name, name) for name in found}


def _public_names() -> dict[str, str]:
    """The module of each name of `nokenlab`, as its `__init__.py` maps them: nokenlab.lerp -> …"""
    for node in _parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
            homes = ast.literal_eval(node.value)
            return {f"nokenlab.{name}": f"nokenlab.{home}" for home, names in homes.items() for name in names}
    raise ValueError(f"{PACKAGE / '__init__.py'} has no map _HOME of its names")


def _files(names: set[str]) -> set[Path]:
    """The files that run when dotted names are imported: each module, and the packages round it."""
    found = set()
    for name in names:
        place = PACKAGE
        for part in name.split(".")[1:]:
            place = place / part
            found |= {place / "__init__.py", place.with_name(f"{part}.py")}
    return {path for path in found if path.is_file()}


def _data(nodes: list[ast.AST], module: Path) -> set[Path]:
    """The data files that a module or notebook names in strings, and the questions of named notebooks."""
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = {text for text in texts if _FILE_NAME.fullmatch(text) and not text.endswith(".py")}
    places = (module.parent, PACKAGE.parent / "notebooks")
    found = {place / name for place in places for name in names if (place / name).is_file()}
    return found | {path for path in _questions() if path.stem in texts}


def _questions() -> Iterator[Path]:
    """The files of questions, one a notebook and of its name."""
    return (PACKAGE.parent / "notebooks" / "questions").glob("[0-9]*.yaml")


def _from_package(paths: set[Path]) -> list[str]:
    return sorted(Path(os.path.relpath(path, PACKAGE)).as_posix() for path in paths)
