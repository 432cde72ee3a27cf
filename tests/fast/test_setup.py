"""What fast=True says of a model before it reads weights, and what is left without the room."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.tiny_models import TINY, save_tiny

import nokenlab as nl
from nokenlab.fast import setup

ROOT = Path(__file__).parents[2]
# an editable install would find the room in the checkout
NO_EDITABLE = "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]"


def config(kind):
    return TINY[kind][0](vocab_size=100, **TINY[kind][1])


def test_an_architecture_that_was_not_tested_is_refused_on_a_gpu_and_told_on_a_cpu():
    with pytest.raises(ValueError, match=r"not tested with bloom, only with codegen, .*; leave it out"):
        setup.check(config("bloom"), "cuda:0")
    with pytest.warns(UserWarning, match="steps of bloom were not tested"):
        setup.check(config("bloom"), "cpu")
    with pytest.raises(ValueError, match="cuda and cpu, not mps"):
        setup.check(config("llama"), "mps")


def test_it_is_told_before_weights_are_read(tmp_path):
    folder = save_tiny("bloom", tmp_path)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.warns(UserWarning, match="bloom"), pytest.raises(ValueError, match="cannot load the model"):
        nl.load(folder, device="cpu", fast=True)


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_what_was_tested():
    setup.check(config("llama"), "cpu")
    setup.check(config("phi"), "cuda")


def test_without_the_room_the_program_is_whole_and_slower(tmp_path):
    """Notebook 03 runs with nokenlab/fast deleted, and says what it says with it."""
    shutil.copytree(
        ROOT / "nokenlab", tmp_path / "nokenlab", ignore=shutil.ignore_patterns("fast", "__pycache__")
    )
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    (tmp_path / "sitecustomize.py").write_text(NO_EDITABLE)
    small = ["-p", "seeds", "[0, 1]", "-p", "max_new_tokens", "4", "-p", "many", "3"]
    texts = []
    for place in (ROOT, tmp_path):
        command = [
            sys.executable,
            "-m",
            "nokenlab",
            "run",
            "03",
            *small,
            "--results",
            str(tmp_path / place.name),
        ]
        subprocess.run(command, cwd=place, check=True, env=os.environ | {"PYTHONPATH": str(place)})
        folder = tmp_path / place.name / "03-random-nokens"
        table = pd.read_csv(folder / "responses.csv")
        texts.append(table[["scale", "nearest", "next_token", "response"]])
        assert json.loads((folder / "run.json").read_text())["lab"]["model"]
    assert len(texts[0]) == 7 and texts[0].equals(texts[1])  # other products: digits may differ, words do not
    code = "import nokenlab as nl; nl.load(fast=True)"
    alone = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True)
    assert "fast=True needs the folder nokenlab/fast" in done.stderr
