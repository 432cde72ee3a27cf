"""All the hunts one after another, each in a folder of its own."""

import contextlib
import os
import tempfile
from pathlib import Path
from unittest import mock

from hunt import api, commands, judge, learning, models
from nokenlab.runs import many_runs, notebook_run


@contextlib.contextmanager
def place():
    """A folder that is thrown away, with what the commands' cases name; nothing can be run there."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        commands.folder(Path())
        would = {"side_effect": AssertionError("it would run")}
        with (
            mock.patch.object(many_runs, "run_many", **would),
            mock.patch.object(notebook_run, "execute", **would),
        ):
            yield Path(folder)


def of_commands() -> list[judge.Verdict]:
    """What came of the commands' bad inputs."""
    with place():
        return [judge.command(case) for case in commands.cases()]


def of_python() -> list[judge.Verdict]:
    """What came of bad inputs of the Python functions, and of what is left half-way."""
    lab = api.small_lab()
    tried = (judge.call(case, lab) for case in [*api.cases(), *learning.cases()])
    return [*tried, *api.left_half_way(lab)]


def of_models() -> list[judge.Verdict]:
    """What came of folders that are no model."""
    with tempfile.TemporaryDirectory() as folder:
        return [judge.call(case) for case in models.cases(Path(folder))]


def main() -> int:
    """Print the table; 1 where something was refused badly."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    with contextlib.redirect_stderr(open(os.devnull, "w")):  # transformers' warnings
        verdicts = [*of_commands(), *of_python(), *of_models()]
    print(judge.table(verdicts))
    return int(any(v.came != judge.WELL for v in verdicts))
