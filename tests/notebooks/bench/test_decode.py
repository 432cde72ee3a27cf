"""The bench on a tiny model: what it prints and writes."""

import pandas as pd

import nokenlab as nl
from workbook.bench import decode


def run(monkeypatch, capsys, folder, *words) -> str:
    """What it prints."""
    monkeypatch.setattr(decode, "COPIED_BYTES", 2**20)  # half a gigabyte less
    monkeypatch.setattr("sys.argv", ["bench", "--model", str(folder), "--dtypes", "float32", *words])
    decode.main()
    return capsys.readouterr().out


def test_a_quick_look_says_first_what_it_does_and_writes_nothing(monkeypatch, capsys, folder, tmp_path):
    out = run(monkeypatch, capsys, folder, "--quick", "--results", str(tmp_path / "bench"))
    first = out.strip().splitlines()[0]
    assert first.startswith("1, 32 nokens, 20 new tokens after a prompt of 9") and "minutes" in first
    assert not (tmp_path / "bench").exists()


def test_long_texts_are_timed_and_written_apart(monkeypatch, capsys, folder, tmp_path):
    monkeypatch.setitem(
        decode.CASES, "long", decode.Case(40, 5, 6, [1, 3])
    )  # a tiny model's context is short
    run(monkeypatch, capsys, folder, "--case", "long", "--results", str(tmp_path))
    table = pd.read_csv(tmp_path / "long" / "bench.csv")
    assert list(table["nokens"]) == [1] * 4 + [3] * 4
    assert (table["tokens_per_second"] > 0).all()
    assert {path.name for path in (tmp_path / "long").iterdir()} == {"bench.csv", "bench.json", "bench.png"}


def test_a_case_has_another_noken_in_each_row(folder):
    lab, case = nl.load(folder, device="cpu"), decode.CASES["long"]
    rows = decode.nokens_in_prompt(lab, 3, case)
    assert rows.shape == (3, case.tokens, lab.width)
    differ = (rows != rows[:1]).any(-1).any(0)  # (tokens,)
    assert differ.nonzero().flatten().tolist() == [case.position]


def test_what_memory_does_not_hold_has_no_row(capsys, folder):
    def too_much(rows, new_tokens):
        raise decode.torch.OutOfMemoryError("no room")

    methods = {decode.ARTICLE: lambda rows, new_tokens: None, decode.PLAIN: too_much}
    table = decode.bench(nl.load(folder, device="cpu"), methods, decode.CASES["short"], [2])
    assert list(table["way"]) == [decode.ARTICLE]
    assert "do not fit into memory" in capsys.readouterr().out
