"""The bench on a tiny model: what it says, writes, and counts beforehand."""

import pandas as pd
import pytest
from helpers.tiny_models import save_tiny

from workbook.bench import cases, decode


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny("llama", tmp_path_factory.mktemp("llama"))


def run(monkeypatch, capsys, folder, *words):
    """What it prints, and the bars' last state of work: done and in all."""
    bars = []

    class Bar(decode.tqdm):
        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            bars.append(self)

    monkeypatch.setattr(decode, "tqdm", Bar)
    monkeypatch.setattr(decode, "BLOCK", 2**20)  # half a gigabyte less
    monkeypatch.setattr("sys.argv", ["bench", "--model", str(folder), "--dtypes", "float32", *words])
    decode.main()
    (bar,) = bars
    return capsys.readouterr().out, (bar.n, bar.total)


def test_a_quick_look_says_first_what_it_does_and_writes_nothing(monkeypatch, capsys, folder, tmp_path):
    out, (done, total) = run(monkeypatch, capsys, folder, "--quick", "--results", str(tmp_path / "bench"))
    first = out.strip().splitlines()[0]
    assert first.startswith("1, 32 nokens, 20 new tokens after a prompt of 9") and "minutes" in first
    assert done == total > 0
    assert not (tmp_path / "bench").exists()


def test_long_texts_are_timed_and_written_apart(monkeypatch, capsys, folder, tmp_path):
    monkeypatch.setitem(decode.CASES, "long", cases.Case(40, 5, 6, (1, 3)))  # a tiny model's context is short
    _, (done, total) = run(monkeypatch, capsys, folder, "--case", "long", "--results", str(tmp_path))
    table = pd.read_csv(tmp_path / "long" / "bench.csv")
    assert list(table["nokens"]) == [1] * 4 + [3] * 4
    assert (table["tokens_per_second"] > 0).all() and done == total
    assert {path.name for path in (tmp_path / "long").iterdir()} == {"bench.csv", "bench.json", "bench.png"}


def test_a_case_has_a_noken_of_its_own_in_each_row(folder):
    lab, case = decode.nl.load(folder, device="cpu"), cases.CASES["long"]
    rows = cases.nokens_in_prompt(lab, 3, case)
    assert rows.shape == (3, case.tokens, lab.width)
    differ = (rows != rows[:1]).any(-1).any(0)  # (tokens,)
    assert differ.nonzero().flatten().tolist() == [case.place]


def test_what_memory_does_not_hold_has_no_row(monkeypatch, folder):
    lab, lines = decode.nl.load(folder, device="cpu"), []

    def too_much(rows, new):
        raise decode.torch.OutOfMemoryError("no room")

    ways = {decode.ARTICLE: lambda rows, new: None, decode.PLAIN: too_much}
    case = cases.CASES["short"]
    table = decode.bench(lab, ways, case, [2], lambda work, line: lines.append(line))
    assert list(table["way"]) == [decode.ARTICLE]
    assert "memory does not hold" in lines[1]
