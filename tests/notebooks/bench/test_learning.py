"""The bench of learning on a tiny model: both ways do the same work, and what is written."""

import sys

import pandas as pd

import nokenlab as nl
from workbook.bench import learning


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["learning", *map(str, words)])
    monkeypatch.setattr(learning.harness, "in_new_processes", lambda run, counts: [(n, 1.0) for n in counts])
    learning.main()
    return capsys.readouterr().out


def test_both_ways_take_the_same_steps_and_tables_are_written(monkeypatch, capsys, folder, tmp_path):
    out = run(monkeypatch, capsys, "--model", folder, "--pairs", "3", "--steps", "4", "--results", tmp_path)
    folder = tmp_path / "learning"
    table = pd.read_csv(folder / "learning.csv").set_index("way")
    assert set(table.index) == {learning.PLAIN, learning.BATCH, learning.EARNEST}
    assert (table["seconds"] > 0).all() and (table[["pairs", "steps"]] == [3, 4]).all(axis=None)
    assert table.loc[learning.PLAIN, "times_plain"] == 1
    assert {path.name for path in folder.iterdir()} == {
        "learning.csv",
        "memory.csv",
        "learning.json",
    }
    assert float(out.split("differs by at most")[1].split()[0]) < 1e-4


def test_a_quick_look_writes_nothing(monkeypatch, capsys, folder, tmp_path):
    run(monkeypatch, capsys, "--model", folder, "--pairs", "2", "--quick", "--results", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_targets_are_texts_of_their_own(folder):
    lab = nl.load(folder, device="cpu")
    texts = learning.targets(lab, 64)
    assert len(set(texts)) == 64
    assert all(len(lab.ids(text)) >= learning.TOKENS for text in texts)


def test_the_plain_loop_learns(folder, monkeypatch):
    monkeypatch.setattr(learning, "NOWHERE", 0.05)
    lab = nl.load(folder, device="cpu")
    loop = learning.PlainLoop(lab, " often", lab.space.centroid.clone())
    first, *_, last = [loop.step() for _ in range(20)]
    assert last < first
    assert all(weight.grad is None for weight in lab.model.parameters())


def test_peak_is_of_this_process(folder):
    assert 0.05 < learning.peak(2, folder)[1] < 100
    assert learning.bound(nl.load(folder, device="cpu"), 2) > 0
