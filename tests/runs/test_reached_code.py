"""What a notebook can reach, told from texts alone."""

import ast
import re
import subprocess
import sys

import pytest
from helpers.small_notebooks import notebook

from nokenlab.runs import reached_code as sources
from nokenlab.runs.notebooks import cells, numbered


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of nokenlab; returns what a cell reaches of it."""
    texts = {
        "nokenlab/__init__.py": '_HOME = {"core": ["lerp"], "room.far": ["Far"]}',
        "nokenlab/core.py": "def lerp():\n    from nokenlab.room import lazy",
        "nokenlab/room/__init__.py": "",
        "nokenlab/room/lazy.py": 'OWN = "words.yaml", "asked.yaml", "none.yaml"',
        "nokenlab/room/far.py": 'from importlib import import_module\nimport_module("nokenlab.named")',
        "nokenlab/named.py": "import os",
        "nokenlab/typed.py": "if TYPE_CHECKING:\n    import nokenlab.named\nelse:\n    import nokenlab.core",
        "nokenlab/alone.py": "",
        "nokenlab/room/words.yaml": "",
        "nokenlab/words.yaml": "",
        "notebooks/asked.yaml": "",
        "notebooks/questions/01-one.yaml": "",
        "notebooks/questions/02-two.yaml": "",
        "notebooks/questions/withdrawn.yaml": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sources, "PACKAGE", tmp_path / "nokenlab")
    return lambda *cell: sources.reached(notebook(tmp_path, "small", *cell))


LAZY = ["core.py", "room/__init__.py", "room/lazy.py"]


@pytest.mark.parametrize(
    "cell, code",
    [
        ("x = 1", []),
        ("import nokenlab as nl", []),
        ("import nokenlab as nl\nnl.lerp()", LAZY),
        ("from nokenlab import lerp", LAZY),
        ("import nokenlab\ndef f():\n    return nokenlab.lerp", LAZY),
        ("from nokenlab.core import lerp as x", LAZY),
        ("import nokenlab.typed", sorted([*LAZY, "typed.py"])),
        (
            "import nokenlab as nl\nx = nl.Far",
            ["named.py", "room/__init__.py", "room/far.py"],
        ),
        ("import other.nokenlab.core, nokenlabs.core\nnl = 1\nnl.lerp", []),
        ("%matplotlib inline\n!ls\nfrom nokenlab import alone", ["alone.py"]),
    ],
)
def test_imports_are_followed_into_functions_and_names(package, cell, code):
    assert package(cell)[0] == code


def test_data_files_beside_the_module_that_names_them_count(package):
    assert package("from nokenlab.room import lazy")[1] == ["../notebooks/asked.yaml", "room/words.yaml"]
    assert package("from nokenlab import alone")[1] == []


def test_of_the_questions_those_count_whose_notebook_is_named(package):
    assert package("asked = '02-two', 'withdrawn'")[1] == ["../notebooks/questions/02-two.yaml"]
    assert package("asked = '02', 'two', '03-three'")[1] == []


def test_another_public_name_changes_nothing_but_a_name_of_another_home_does(package):
    home = sources.PACKAGE / "__init__.py"
    before = package("import nokenlab as nl\nnl.lerp")
    home.write_text('_HOME = {"core": ["lerp"], "room.far": ["Far"], "alone": ["New"]}')
    assert package("import nokenlab as nl\nnl.lerp") == before
    home.write_text('_HOME = {"alone": ["lerp"]}')
    assert package("import nokenlab as nl\nnl.lerp")[0] == ["alone.py"]


def test_what_is_no_python_reaches_all(package):
    code, data = package("x = !ls")
    assert "alone.py" in code and len(code) == 7
    assert [name for name in data if "questions" in name] == [
        "../notebooks/questions/01-one.yaml",
        "../notebooks/questions/02-two.yaml",
    ]


def test_each_of_our_notebooks_has_its_own_questions_and_no_others():
    for path in numbered():
        asked = [name for name in sources.reached(path)[1] if "questions" in name]
        own = f"../notebooks/questions/{path.stem}.yaml"
        assert asked == ([own] if (sources.PACKAGE / own).is_file() else [])


def test_what_python_imports_for_a_notebook_was_foreseen():
    """Its imports, the names of `nl` it uses, and what makes a model fast, in a process of its own."""
    (path,) = [path for path in numbered() if path.stem == "04-lerp"]
    code = "\n".join(c["source"] for c in cells(path) if c["cell_type"] == "code")
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt | ast.expr)]
    lines = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    lines += sorted({x for n in nodes if re.fullmatch(r"nl\.\w+", x := ast.unparse(n))})
    lines += ["from nokenlab.fast import setup"] if "nl.load" in lines else []
    lines += [
        "import sys",
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('nokenlab')))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    found = {name.split("/nokenlab/")[-1] for name in done.stdout.split()}
    found.remove("__init__.py")  # the map of names, which is read and does not count
    assert len(found) > 5 and found <= set(sources.reached(path)[0])
