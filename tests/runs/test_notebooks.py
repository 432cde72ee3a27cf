"""Notebook files: found by name, read as they are."""

import pytest
from helpers.small_notebooks import notebook

from nokenlab.errors import BadInput
from nokenlab.runs import notebooks
from nokenlab.runs.notebooks import cells, find, numbered, title


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two notebooks in notebooks/, and none beside the package."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in ("10-ten", "02-two", "draft"):
        notebook(tmp_path / "notebooks", name, "x = 1")
    return tmp_path


def test_numbered_notebooks_come_in_order(place):
    assert [path.stem for path in numbered()] == ["02-two", "10-ten"]


def test_those_beside_the_package_come_first(place, monkeypatch):
    (place / "nowhere" / "notebooks").mkdir(parents=True)
    ours = notebook(place / "nowhere" / "notebooks", "01-ours")
    assert numbered() == [ours]


@pytest.mark.parametrize("name", ["02-two", "02-two.ipynb", "02", "2", "notebooks/02-two.ipynb"])
def test_a_notebook_has_many_names(place, name):
    assert find(name).resolve() == place / "notebooks" / "02-two.ipynb"


def test_a_path_is_taken_before_a_name(place):
    assert find("notebooks/draft.ipynb").stem == "draft"
    here = notebook(place, "02-two")
    assert find("02-two.ipynb").resolve() == here


def test_an_unknown_name_is_answered_with_the_known_ones(place):
    with pytest.raises(
        BadInput, match=r"no notebook '02-tow'; did you mean '02-two'\? there are: 02-two, 10"
    ):
        find("02-tow")


def test_title(tmp_path):
    assert title(notebook(tmp_path, "plain", "# code, no title", parameters=None)) == "The story of plain"
    bare = tmp_path / "bare.ipynb"
    bare.write_text('{"cells": [{"cell_type": "code", "source": ["# no\\n", "title"]}]}')
    assert title(bare) == "bare"
    assert cells(bare) == [{"cell_type": "code", "source": "# no\ntitle"}]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', "\udcff"])
def test_a_file_that_is_no_notebook(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match="is not a notebook"):
        cells(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        cells(tmp_path / "none.ipynb")
