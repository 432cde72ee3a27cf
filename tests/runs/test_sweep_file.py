import json
from dataclasses import replace

import pytest
from helpers.small_notebooks import notebook

import nokenlab
from nokenlab.errors import BadInput
from nokenlab.models import packaged
from nokenlab.runs import freshness, notebooks
from nokenlab.runs.sweep_file import load_sweep


@pytest.fixture
def write(tmp_path):
    """Write a sweep file beside the notebook `small`; returns its path."""
    notebook(tmp_path, "small", "x = 1")

    def write(text, name="s.yaml"):
        path = tmp_path / name
        path.write_text(text if "notebook:" in text else f"notebook: small.ipynb\n{text}")
        return path

    return write


def given(path):
    return [run.given for run in load_sweep(path).runs]


def test_grid_is_each_with_each_in_the_order_of_the_file(write):
    path = write("parameters: {seeds: [7]}\ngrid: {word: [a, b], scale: [1, 2e-1]}")
    assert given(path) == [
        {"seeds": [7], "word": word, "scale": scale} for word in "ab" for scale in (1.0, 0.2)
    ]
    assert load_sweep(path).axes == ("word", "scale")


def test_zip_walks_together_and_list_is_written_out(write):
    assert given(write("zip: {word: [a, b], scale: [1, 2]}")) == [
        {"word": "a", "scale": 1.0},
        {"word": "b", "scale": 2.0},
    ]
    path = write("list:\n- {word: a}\n- {word: b, scale: 3}\ngrid: {seeds: [[1], [2]]}")
    assert given(path) == [
        {"word": "a", "seeds": [1]},
        {"word": "a", "seeds": [2]},
        {"word": "b", "scale": 3.0, "seeds": [1]},
        {"word": "b", "scale": 3.0, "seeds": [2]},
    ]


def test_no_axes_is_one_run_with_all_parameters(write):
    (run,) = load_sweep(write("")).runs
    assert run.given == {} and run.parameters == {"word": "a | b", "seeds": [1, 2], "scale": 1.0}


@pytest.mark.parametrize(
    "text, message",
    [
        ("grid: {word: [a, b]", "s.yaml: line 2: expected"),
        ("grid:\n  word: [a]\n  word: [b]", 's.yaml: line 4: found duplicate key "word"'),
        ("a: \x00", "s.yaml: not YAML"),
        ("- notebook: x", "s.yaml: there must be lines such as"),
        ("gird: {word: [a]}", "s.yaml: no key 'gird'; did you mean 'grid'?"),
        ("notebook: [x]", "s.yaml: notebook must be a name"),
        ("notebook: none", "s.yaml: no notebook 'none'"),
        ("grid: [word]", "s.yaml: grid must have lines such as"),
        ("list: {word: a}", "s.yaml: list must be a list of runs"),
        ("grid: {word: a}", "s.yaml: word must be a list of values, got 'a'"),
        ("grid: {word: []}", "s.yaml: word must be a list of values"),
        (
            "zip: {word: [a, b], scale: [1]}",
            "s.yaml: the lists of zip have different lengths: word 2, scale 1",
        ),
        ("parameters: {word: a}\ngrid: {word: [b]}", "s.yaml: 'word' is in more than one of"),
        ("grid: {wrd: [a]}", "s.yaml: run 1: no parameter 'wrd'; did you mean 'word'?"),
        ("grid: {word: [a, false]}", "s.yaml: run 2: word must be str, got False"),
        ("grid: {scale: [1, .nan]}", "s.yaml: run 2: scale must be float"),
        ("grid: {scale: [1, 2, 1.0]}", "s.yaml: runs 1 and 3 are the same"),
        ("list: [{word: b}, {word: b, scale: 1}]", "s.yaml: runs 1 and 2 are the same"),
        ("time_limit: 0", "s.yaml: time_limit must be a number above 0, got 0"),
        ("threads: 1.5", "s.yaml: threads must be a whole number above 0, got 1.5"),
        ("rows: halves", "s.yaml: rows must be a list of names"),
        ("threads: true", "s.yaml: threads must be a whole number"),
        (
            f"grid: {{seeds: {[[i] for i in range(400)]}, scale: {list(range(400))}}}",
            "s.yaml: 160000 runs are",
        ),
    ],
)
def test_bad_sweeps_are_one_line(write, text, message):
    with pytest.raises(BadInput) as caught:
        load_sweep(write(text))
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        load_sweep(tmp_path / "none.yaml")


def test_who_a_run_is_and_what_made_it_are_two_things(write, monkeypatch):
    path = write("")
    book = path.with_name("small.ipynb")

    def seen():
        (run,) = load_sweep(path).runs
        return run.identity, freshness.digest(run.made_by)

    first, makers = seen()
    nb = json.loads(book.read_text())
    nb["cells"][-1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}
    book.write_text(json.dumps(nb))
    assert seen() == (first, makers)
    write("parameters: {scale: 2}")
    other, same = seen()
    assert other != first and same == makers
    write("threads: 2")
    runs = [seen()]
    nb["cells"][-1]["source"] = "x = 2"
    book.write_text(json.dumps(nb))
    write("")
    runs.append(seen())
    monkeypatch.setattr(nokenlab, "__version__", "99")
    runs.append(seen())
    assert {who for who, _ in runs} == {first}
    assert len({makers, *(made for _, made in runs)}) == 4


def test_the_revision_of_the_model_made_a_run(tmp_path, monkeypatch):
    notebook(tmp_path, "model", "x = 1", parameters='model: str = "default"')
    (tmp_path / "s.yaml").write_text("notebook: model.ipynb")
    first = load_sweep(tmp_path / "s.yaml").runs[0]
    monkeypatch.setitem(packaged.MODELS, "default", replace(packaged.DEFAULT, revision="other"))
    second = load_sweep(tmp_path / "s.yaml").runs[0]
    assert first.identity == second.identity
    assert second.made_by == first.made_by | {"model revision": "other"} != first.made_by


def test_the_shipped_sweeps_are_good():
    files = sorted((notebooks.ROOT / "notebooks" / "sweeps").glob("*.yaml"))
    assert len(files) >= 3
    assert sum(len(load_sweep(file).runs) for file in files) > 2 * len(files)
