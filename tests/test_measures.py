"""Entropy and divergence at their known points."""

import pytest
import torch

import nokenlab as nl


def test_entropy_of_no_idea_and_of_certainty():
    assert nl.entropy(torch.zeros(2, 1024)).tolist() == pytest.approx([10.0, 10.0], abs=1e-4)
    sure = torch.full((1, 8), -torch.inf)
    sure[0, 3] = 0.0
    assert nl.entropy(sure).item() == 0.0


def test_kl_is_zero_for_the_same_and_counts_bits():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    assert nl.kl(logits, logits).tolist() == [0.0, 0.0, 0.0]
    narrow = torch.tensor([[0.0, 0.0, -100.0, -100.0]])  # two of four equally likely: one bit off
    assert nl.kl(narrow, torch.zeros(4)).item() == pytest.approx(1.0)


def test_leading_tokens_are_in_order(lab):
    table = nl.leading(lab, lab.logits(["The capital of France is", "Red"]), k=3)
    assert list(table.columns) == ["row", "rank", "token", "id", "probability"]
    assert len(table) == 6
    assert table.groupby("row")["probability"].apply(lambda p: p.is_monotonic_decreasing).all()
    assert [lab.token(id) for id in table["id"]] == table["token"].tolist()
