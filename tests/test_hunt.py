"""The hunt for bad inputs that are refused badly: `python tests/hunt` prints the table of them all."""

import subprocess
import sys

import pytest
from hunt import commands, everything, judge

from nokenlab.runs.parameters import read


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def badly(verdicts):
    return [f"{v.case.name}: {v.came}: {v.line}" for v in verdicts if v.came != judge.WELL]


def test_bad_inputs_of_the_commands_are_refused_well():
    verdicts = everything.of_commands()
    assert badly(verdicts) == []
    assert len(verdicts) > 100 and {v.case.name.split()[0] for v in verdicts} >= {
        *("run", "sweep", "export", "fetch", "list", "site", "findings")
    }


def test_bad_inputs_of_python_and_models_are_refused_well():
    assert badly([*everything.of_python(), *everything.of_models()]) == []


def test_every_parameter_of_every_notebook_is_hunted():
    names = {case.name for case in commands.of_parameters()}
    for path in commands.NOTEBOOKS:
        for name in read(path):
            assert any(n.startswith(f"run {path.stem[:2]} -p {name} ") for n in names), (path.stem, name)


def test_the_judge_sees_what_is_bad(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert judge.command(judge.Case("version", ["list"], "")).came.startswith("exit code 0, on stdout")
    assert judge.command(judge.Case("99", ["run", "99"], "no notebook")).came == judge.WELL
    assert "does not say" in judge.command(judge.Case("99", ["run", "99"], "yes")).came

    def raises(error):
        raise error

    came = [
        judge.call(judge.Case("x", lambda e=e: raises(e), "b")).came for e in (ValueError("b"), KeyError("b"))
    ]
    assert came == [judge.WELL, "raised KeyError"]
    assert judge.call(judge.Case("x", lambda: raises(ValueError("b" * 201)), "b")).came == "201 letters"
    assert judge.call(judge.Case("x", lambda: 3, "b")).came == "taken: '3'"


@pytest.mark.parametrize(
    "words, says", [("run 03 -p seeds [-1]", "each of seeds"), ("sweep none.yaml", "cannot be")]
)
def test_as_a_person_meets_it(words, says, tmp_path):
    """In a process of its own: the whole line, and nothing else."""
    command = [sys.executable, "-m", "nokenlab", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and list(tmp_path.iterdir()) == []
    assert done.stderr.startswith("nokenlab: ") and says in done.stderr and done.stderr.count("\n") == 1
