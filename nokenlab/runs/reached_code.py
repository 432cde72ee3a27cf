"""The files of nokenlab, and of packages beside the notebooks, that a notebook can reach.

Modules by their imports, data files by their names. Texts are read and nothing is imported, so that nobody
waits for torch.
"""

import ast
import re
from pathlib import Path

import nokenlab
from nokenlab.runs.notebooks import ROOT, cells

PACKAGES = {"nokenlab": Path(nokenlab.__file__).parent} | {
    init.parent.name: init.parent for init in (ROOT / "notebooks").glob("*/__init__.py")
}


def reached(notebook: Path) -> list[str]:
    """The modules that a notebook can reach, and the data files they name: "nokenlab/lab.py", …

    An import inside a function counts; `nokenlab/__init__.py` does not: it maps names to modules, and those
    count. A data file is named by its path from the module's folder or from a package. A notebook that is not
    plain Python, but for lines of `%` and `!`, counts as one that reaches every module.
    """
    public, files = _public_names(), set()
    try:
        waiting = _mentioned(_code(notebook), notebook.parent, public)
    except SyntaxError:
        waiting = {path for package in PACKAGES.values() for path in package.rglob("*.py")} - {_init()}
    while waiting:
        path = waiting.pop()
        files.add(path)
        if path.suffix == ".py":
            waiting |= _mentioned(path.read_text(encoding="utf-8"), path.parent, public) - files
    return sorted(map(_name, files))


def path_of(name: str) -> Path:
    """The file with a name such as "nokenlab/lab.py"; any other name is a path itself."""
    package, _, rest = name.partition("/")
    return PACKAGES[package] / rest if package in PACKAGES else Path(name)


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


def _public_names() -> dict[str, str]:
    """The module of each name of `nokenlab`, as its `__init__.pyi` maps them: nokenlab.lerp -> …"""
    modules = {}
    for node in ast.parse(_init().with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:  # `from . import constraints` names a module
                modules[f"nokenlab.{alias.name}"] = f"nokenlab.{node.module or alias.name}"
    return modules


def _mentioned(program: str, folder: Path, public: dict[str, str]) -> set[Path]:
    """The files of our packages that a program in `folder` imports, or names in a string."""
    nodes = list(ast.walk(ast.parse(program)))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names, aliases = set(strings), set()  # strings as of import_module
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == "nokenlab"}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            names.add(f"nokenlab.{node.attr}")
    if "nokenlab.*" in names:
        names |= public.keys()
    dotted = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)*")
    modules = (_modules(public.get(name, name)) for name in names if dotted.fullmatch(name))
    return set().union(*modules, _data_files(strings, folder)) - {_init()}


def _modules(name: str) -> set[Path]:
    """The files that run when a dotted name is imported: the module, and the packages around it."""
    package, *parts = name.split(".")
    folder = PACKAGES[package]
    files = {folder / "__init__.py"}
    for part in parts:
        folder = folder / part
        files |= {folder / "__init__.py", folder.with_name(f"{part}.py")}
    return {path for path in files if path.is_file()}


def _data_files(strings: set[str], folder: Path) -> set[Path]:
    """The data files of our packages that strings name, from a folder or a package."""
    names = {text for text in strings if re.fullmatch(r"(?:[\w-]+/)?[\w-][\w.-]*\.\w+", text)}
    files = {start / name for start in (folder, *PACKAGES.values()) for name in names}
    return {path for path in files if path.suffix != ".py" and path.is_file() and _name(path)}
