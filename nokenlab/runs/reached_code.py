"""The files of nokenlab, and of packages beside the notebooks, that a notebook can reach.

Modules by their imports, data files by their names. Texts are read and nothing is imported, so that nobody
waits for torch.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nokenlab
from nokenlab.runs.notebooks import ROOT, cells

PACKAGES = {"nokenlab": Path(nokenlab.__file__).parent} | {
    init.parent.name: init.parent for init in (ROOT / "notebooks").glob("*/__init__.py")
}
_FILE_NAME = re.compile(r"(?:[\w-]+/)?[\w-][\w.-]*\.\w+")


def reached(notebook: Path) -> tuple[list[str], list[str]]:
    """The modules that a notebook can reach, and the data files they name: "nokenlab/lab.py", …

    An import inside a function counts; one for type checkers alone does not, nor does `nokenlab/__init__.py`:
    it maps names to modules, and those count. A data file is named by its path from the module's folder or
    from a package. A notebook that is not plain Python, but for lines of `%` and `!`, counts as one that
    reaches every module.
    """
    public, modules, data = _public_names(), set(), set()
    try:
        nodes = _nodes(_code(notebook))
        waiting, data = _files(_names(nodes, public)), _data_files(nodes, notebook)
    except SyntaxError:
        waiting = {path for package in PACKAGES.values() for path in package.rglob("*.py")} - {_init()}
    while waiting:
        path = waiting.pop()
        modules.add(path)
        nodes = _nodes(path.read_text(encoding="utf-8"))
        waiting |= _files(_names(nodes, public)) - modules
        data |= _data_files(nodes, path)
    return sorted(map(_name, modules)), sorted(map(_name, data))


def path_of(name: str) -> Path:
    """The file with a name such as "nokenlab/lab.py"."""
    package, _, rest = name.partition("/")
    return PACKAGES[package] / rest


def _name(path: Path) -> str | None:
    """The name of a file, such as "nokenlab/lab.py"; None if it is in no package of ours."""
    for name, folder in PACKAGES.items():
        if path.is_relative_to(folder):
            return f"{name}/{path.relative_to(folder).as_posix()}"
    return None


def _init() -> Path:
    return PACKAGES["nokenlab"] / "__init__.py"


def _code(notebook: Path) -> str:
    lines = "\n".join(cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code").splitlines()
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def _nodes(text: str) -> list[ast.AST]:
    """The nodes of a program, without those that only a type checker sees."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        children = ast.iter_child_nodes(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            children = node.orelse
        for child in children:
            yield from walk(child)

    return list(walk(ast.parse(text)))


def _strings(nodes: list[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _names(nodes: list[ast.AST], public: dict[str, str]) -> set[str]:
    """The dotted names of our packages in a program: imported, an attribute of nokenlab, or a string."""
    names, aliases = _strings(nodes), set()  # strings as of import_module
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == "nokenlab"}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            names.add(f"nokenlab.{node.attr}")
    ours = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)*(\.\*)?")
    names = {public.get(name, name) for name in names if ours.fullmatch(name)}
    if "nokenlab.*" in names:
        names |= set(public.values())
    return names


def _public_names() -> dict[str, str]:
    """The module of each name of `nokenlab`, as its `__init__.pyi` maps them: nokenlab.lerp -> …"""
    modules = {}
    for node in ast.parse(_init().with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:  # `from . import constraints` names a module
                modules[f"nokenlab.{alias.name}"] = f"nokenlab.{node.module or alias.name}"
    return modules


def _files(names: set[str]) -> set[Path]:
    """The files that run when dotted names are imported: each module, and the packages around it."""
    files = set()
    for name in names:
        package, *parts = name.split(".")
        folder = PACKAGES[package]
        files.add(folder / "__init__.py")
        for part in parts:
            folder = folder / part
            files |= {folder / "__init__.py", folder.with_name(f"{part}.py")}
    return {path for path in files - {_init()} if path.is_file()}


def _data_files(nodes: list[ast.AST], module: Path) -> set[Path]:
    """The data files of our packages that a module or notebook names in strings."""
    names = {text for text in _strings(nodes) if _FILE_NAME.fullmatch(text) and not text.endswith(".py")}
    files = {folder / name for folder in (module.parent, *PACKAGES.values()) for name in names}
    return {path for path in files if path.is_file() and _name(path)}
