"""Checks of fast=True before weights are read, the GGUF file of a model, nokenlab without this folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import torch
from helpers.tiny_models import TINY, save_tiny
from nbformat.v4 import new_code_cell

import nokenlab as nl
from nokenlab.fast import setup
from nokenlab.models import packaged
from workbook.random_nokens import tables as random_nokens

ROOT = Path(__file__).parents[2]
# an editable install would find the folder in the checkout
NO_EDITABLE = "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]"


LOAD_FAST = """
try:
    nl.load(fast=True)
except ValueError as error:
    print(error)
"""


def config(kind):
    return TINY[kind][0](vocab_size=100, **TINY[kind][1])


def test_an_untested_architecture_is_refused_on_a_gpu_and_a_warning_on_a_cpu():
    with pytest.raises(ValueError, match=r"not tested with bloom, only with codegen, .*; leave it out"):
        setup.check(config("bloom"), "cuda:0")
    with pytest.warns(UserWarning, match="steps of bloom were not tested"):
        setup.check(config("bloom"), "cpu")
    with pytest.raises(ValueError, match="cuda and cpu, not mps"):
        setup.check(config("llama"), "mps")


def test_the_check_comes_before_weights_are_read(tmp_path):
    folder = save_tiny("bloom", tmp_path)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.warns(UserWarning, match="bloom"), pytest.raises(ValueError, match="cannot load the model"):
        nl.load(folder, device="cpu", fast=True)


@pytest.mark.parametrize(("dtype", "has"), [(torch.float32, True), (torch.bfloat16, False)])
def test_only_a_packed_model_in_float32_uses_its_packed_weights(dtype, has, lab, tiny_folder):
    folder = packaged.folder(packaged.DEFAULT)
    assert setup.packed_folder(SimpleNamespace(dtype=dtype, name_or_path=str(folder))) == (
        folder if has else None
    )
    assert setup.packed_folder(SimpleNamespace(dtype=dtype, name_or_path=str(tiny_folder))) is None


@pytest.mark.filterwarnings("error")
def test_tested_architectures_give_no_warning():
    setup.check(config("llama"), "cpu")
    setup.check(config("phi"), "cuda")


def test_without_the_folder_everything_works(tiny_folder, tmp_path):
    """Notebook 03 runs with nokenlab/fast deleted, and says what is said here with it."""
    without = shutil.ignore_patterns("fast", "__pycache__")
    shutil.copytree(ROOT / "nokenlab", tmp_path / "nokenlab", ignore=without)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")  # its questions too
    (tmp_path / "sitecustomize.py").write_text(NO_EDITABLE)
    notebook = tmp_path / "notebooks" / "03-random-nokens.ipynb"
    nb = nbformat.read(notebook, as_version=4)
    nb.cells.append(new_code_cell(LOAD_FAST))
    nbformat.write(nb, notebook)
    command = [sys.executable, "-m", "nokenlab", "run", str(notebook), "--results", "out"]
    for name, value in {"model": tiny_folder, "seeds": [0, 1], "max_new_tokens": 4, "many": 3}.items():
        command += ["-p", name, str(value)]
    path = os.pathsep.join([str(tmp_path), str(tmp_path / "notebooks")])
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": path})
    lab, folder = nl.load(tiny_folder), tmp_path / "out" / "03-random-nokens"
    table = pd.read_csv(folder / "responses.csv", keep_default_na=False)
    here = random_nokens.replacements(lab, table["prompt"][0], 0, [0, 1], 4)
    columns = ["scale", "nearest", "next_token", "response"]  # words; digits may differ, by other products
    assert len(table) == 7 and table[columns].equals(here[columns])
    assert json.loads((folder / "run.json").read_text())["lab"]["model"] == lab.name
    executed = nbformat.read(folder / notebook.name, as_version=4)
    assert (
        "fast=True needs the folder nokenlab/fast, which is not there" in executed.cells[-1].outputs[0].text
    )
