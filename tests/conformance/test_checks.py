"""The checks see a runtime that reads a vector otherwise than its token."""

import pytest
import torch
from helpers.tiny_models import tiny_lab, tiny_tokenizer

import nokenlab as nl
from nokenlab.conformance.checks import CHECKS, failures
from nokenlab.conformance.runtimes import Answer, InLab


@pytest.fixture(scope="module")
def small():
    return tiny_lab("gemma3_text", tiny_tokenizer("words, start"))


class EmbeddingsScaledTwice(InLab):
    """As a runtime that scales a Gemma's embeddings inside the model."""

    def embed(self, ids):
        return super().embed(ids) * self.lab.width**0.5


class PaddingIsRead(InLab):
    def logits(self, rows):
        if not rows[0].is_floating_point():
            return super().logits(rows)
        longest = max(map(len, rows))
        return super().logits([torch.cat([row[:1].expand(longest - len(row), -1), row]) for row in rows])


class RowsMix(InLab):
    """NaN in a row reaches all, as through the values of a cache that rows share."""

    def logits(self, rows):
        logits = super().logits(rows)
        return logits + 0 * logits.sum(0)


class CacheIsLate(InLab):
    """A step does not see the token before it."""

    def generate(self, rows, new, ends=()):
        answers = super().generate(rows, new, ends)
        return [Answer(ids, torch.cat([logits[:1], logits[:-1]])) for ids, logits in answers]


class Breaks(InLab):
    def generate(self, rows, new, ends=()):
        raise RuntimeError("out of slots\nmore")


@pytest.mark.parametrize(
    "kind, failed",
    [
        (InLab, set()),
        (EmbeddingsScaledTwice, {"ids and embeddings"}),
        (PaddingIsRead, {"batch and padding"}),
        (RowsMix, {"NaN in another row"}),
        (CacheIsLate, {"cache", "cache, batch and padding", "shared beginning", "sliding window"}),
    ],
)
def test_what_a_runtime_does_wrong_is_named(small, kind, failed):
    table = nl.conform(small, kind(small))
    assert list(table["check"]) == list(CHECKS)
    wrong = set(table.loc[table["verdict"] == "differs", "check"])
    assert failed <= wrong and (failed or not wrong)
    assert len(failures(table)) == len(wrong)


def test_a_runtime_that_fails_is_a_line(small):
    table = nl.conform(small, Breaks(small)).set_index("check")
    assert table.loc["cache", "verdict"] == "out of slots"
    assert table.loc["batch and padding", "verdict"] == "same"


def test_texts_are_compared_with_another_of_the_model(small):
    noisy = tiny_lab("gemma3_text", small.tokenizer)
    noisy.model.bfloat16()
    beside = {"itself": InLab(small), "bfloat16": InLab(noisy)}
    same, other = nl.conform(small, beside=beside).tail(2).itertuples()
    assert (same.check, same.texts, same.difference) == ("beside itself", 64, 0.0)
    assert other.texts < 64 and other.difference > 0.001
