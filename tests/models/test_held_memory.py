"""Labs that were deleted leave nothing, and many rows take no more than few."""

import weakref

import pytest
from helpers.held_memory import after_each_batch, after_each_lab, answer
from helpers.tiny_models import tiny_model, tiny_tokenizer

import nokenlab as nl


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of 25 MB."""
    folder = tmp_path_factory.mktemp("model")
    tiny_model("llama", 100_000).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])
def test_five_labs_leave_what_one_leaves(folder, fast):
    networks = []

    def load():
        lab = nl.load(folder, fast=fast)
        networks.append(weakref.ref(lab.model))
        return lab

    used = after_each_lab(load, 5, 3)["in use"]
    assert not [network for network in networks if network()]
    assert used.iloc[-1] < used.iloc[0] + 20, used.tolist()  # MB; a lab has 25


def test_many_rows_are_flat(folder):
    lab = nl.load(folder)
    answer(lab, 20, 1)
    used = after_each_batch(lab, 200, 20)["in use"]
    assert used.iloc[-1] < used.iloc[0] + 20, used.tolist()
