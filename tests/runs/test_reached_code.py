"""What a notebook can reach, read from texts alone."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.small_notebooks import notebook

from nokenlab.runs import reached_code
from nokenlab.runs.notebooks import cells, numbered
from nokenlab.runs.reached_code import PACKAGES, path_of, reached


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Small packages in place of nokenlab and workbook; returns what a cell reaches of them."""
    texts = {
        "nokenlab/__init__.pyi": "from . import alone\nfrom .core import lerp\nfrom .room.far import Far",
        "nokenlab/__init__.py": "import lazy_loader",
        "nokenlab/core.py": "def lerp():\n    from nokenlab.room import lazy",
        "nokenlab/room/__init__.py": "",
        "nokenlab/room/lazy.py": 'FILES = "words.yaml", "none.yaml"',
        "nokenlab/room/far.py": 'from importlib import import_module\nimport_module("nokenlab.named")',
        "nokenlab/named.py": "import os",
        "nokenlab/alone.py": "",
        "nokenlab/room/words.yaml": "",
        "nokenlab/words.yaml": "",
        "workbook/__init__.py": "",
        "workbook/one/__init__.py": "",
        "workbook/one/tables.py": "from nokenlab import alone",
        "workbook/one/questions.yaml": "",
        "workbook/two/__init__.py": "",
        "workbook/two/questions.yaml": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    packages = {name: tmp_path / name for name in ("nokenlab", "workbook")}
    monkeypatch.setattr(reached_code, "PACKAGES", packages)
    return lambda *code: reached(notebook(tmp_path, "small", *code))


WORDS = ["nokenlab/room/words.yaml", "nokenlab/words.yaml"]
LAZY = sorted(["nokenlab/core.py", "nokenlab/room/__init__.py", "nokenlab/room/lazy.py", *WORDS])
ONE = ["nokenlab/alone.py", "workbook/__init__.py", "workbook/one/__init__.py", "workbook/one/tables.py"]


@pytest.mark.parametrize(
    "cell, code",
    [
        ("x = 1", []),
        ("import nokenlab as nl", []),
        ("import nokenlab as nl\nnl.lerp()", LAZY),
        ("from nokenlab import lerp", LAZY),
        ("import nokenlab\ndef f():\n    return nokenlab.lerp", LAZY),
        ("from nokenlab.core import lerp as x", LAZY),
        (
            "from nokenlab import *",
            sorted([*LAZY, *(f"nokenlab/{n}.py" for n in ("alone", "named", "room/far"))]),
        ),
        (
            "import nokenlab as nl\nx = nl.Far",
            ["nokenlab/named.py", "nokenlab/room/__init__.py", "nokenlab/room/far.py"],
        ),
        ("import other.nokenlab.core, nokenlabs.core\nnl = 1\nnl.lerp", []),
        ("%matplotlib inline\n!ls\nfrom nokenlab import alone", ["nokenlab/alone.py"]),
        ("from workbook.one import tables", ONE),
        ("from workbook import one", ["workbook/__init__.py", "workbook/one/__init__.py"]),
        ("questions = 'two/questions.yaml'", ["workbook/two/questions.yaml"]),
        ("questions = 'questions.yaml'", []),
    ],
)
def test_imports_and_names_of_files_are_followed_into_functions(package, cell, code):
    assert package(cell) == code


def test_another_public_name_changes_nothing_but_a_name_of_another_module_does(package):
    stub = path_of("nokenlab/__init__.pyi")
    before = package("import nokenlab as nl\nnl.lerp")
    stub.write_text(stub.read_text() + "\nfrom .alone import New")
    assert package("import nokenlab as nl\nnl.lerp") == before
    stub.write_text("from .alone import lerp")
    assert package("import nokenlab as nl\nnl.lerp") == ["nokenlab/alone.py"]


def test_what_is_no_python_reaches_all(package):
    files = package("x = !ls")
    assert "nokenlab/alone.py" in files and len(files) == 12


def test_our_notebooks_reach_no_questions_but_their_own():
    for path in numbered():
        experiment = path.stem.partition("-")[2].replace("-", "_")
        questions = {name for name in reached(path) if name.endswith("/questions.yaml")}
        assert questions <= {f"workbook/{experiment}/questions.yaml"}, path.stem


def test_what_python_imports_for_a_notebook_was_foreseen():
    """Its imports, the names of `nl` it uses, and what makes a model fast, in a process of its own."""
    (path,) = [path for path in numbered() if path.stem == "04-lerp"]
    code = "\n".join(cell["source"] for cell in cells(path) if cell["cell_type"] == "code")
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt | ast.expr)]
    lines = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    lines += sorted({x for node in nodes if re.fullmatch(r"nl\.\w+", x := ast.unparse(node))})
    lines += ["from nokenlab.fast import setup"] if "nl.load" in lines else []
    ours = "n.partition('.')[0] in ('nokenlab', 'workbook')"
    lines += ["import sys", f"print(*(m.__file__ for n, m in sys.modules.items() if {ours}), sep='\\n')"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    imported = {Path(line) for line in done.stdout.splitlines()}
    imported.remove(
        PACKAGES["nokenlab"] / "__init__.py"
    )  # the map of names, which is read and does not count
    assert len(imported) > 5 and imported <= {path_of(name) for name in reached(path)}
