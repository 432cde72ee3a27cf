"""A prompt with `<noken>` in it: what is filled is the text, what is not filled is refused."""

import pytest
import torch

import nokenlab as nl
from nokenlab.prompt import NOKEN, Template


@pytest.mark.parametrize(
    "prompt, words",
    [
        ("The <noken> is", [" dog"]),
        ("The<noken>", [" dog"]),
        ("<noken> is", ["Red"]),
        (" <noken>\nis", ["Red"]),
        ("A '<noken>'", ["cat"]),
        ("The <noken><noken> of <noken>,", [" dog", " cat", " dog"]),
    ],
)
def test_a_prompt_filled_with_tokens_is_that_text(lab, prompt, words):
    template, text = Template(lab, prompt), prompt.replace(f" {NOKEN}", NOKEN)
    for word in words:
        text = text.replace(NOKEN, word, 1)
    vectors = torch.cat([lab.embed(word) for word in words], dim=1)  # (1, count, width)
    assert (template.count, template.tokens) == (len(words), len(lab.ids(text)))
    assert torch.equal(template.fill(vectors), lab.embed(text))
    assert torch.equal(template.before, lab.embed(text)[0, : template.position])
    assert torch.equal(nl.fill(lab, prompt, vectors.repeat(3, 1, 1)), lab.embed(text).repeat(3, 1, 1))


def test_one_noken_takes_a_vector_or_rows(lab):
    rows = torch.randn(2, lab.width)
    filled = nl.fill(lab, "the <noken>", rows)
    assert filled.shape == (2, 2, lab.width) and torch.equal(filled[:, 1], rows.to(filled))
    assert torch.equal(nl.fill(lab, "the <noken>", rows[0]), filled[:1])
    assert torch.equal(nl.fill(lab, "the <noken>", rows[:, None]), filled)


def test_a_prompt_without_noken_has_its_tokens(lab):
    template = Template(lab, "Red is the")
    assert (template.count, template.tokens) == (0, len(lab.ids("Red is the")))


@pytest.mark.parametrize(
    "prompt, vectors, message",
    [
        ("no noken", torch.zeros(32), "needs a <noken>"),
        ("", torch.zeros(32), "the prompt is empty"),
        ("a <noken>", torch.zeros(31), r"has 1 <noken>: vectors must be \(rows, 32\), got \(31,\)"),
        ("a <noken>", torch.zeros(0, 32), r"must be \(rows, 32\)"),
        ("a <noken>", torch.zeros(2, 2, 32), r"must be \(rows, 32\), got \(2, 2, 32\)"),
        (
            "a <noken> <noken>",
            torch.zeros(2, 32),
            r"has 2 <noken>: vectors must be \(rows, 2, 32\), got \(2, 32\)",
        ),
        ("a <noken>", torch.full((32,), torch.nan), "NaN"),
    ],
)
def test_what_cannot_be_filled(tiny, prompt, vectors, message):
    with pytest.raises(ValueError, match=message):
        nl.fill(tiny, prompt, vectors)


def test_an_unfilled_noken_is_refused_and_ones_own_word_is_not(lab):
    for call in (lab.embed, lab.generate, lab.logits, lab.states, lambda text: next(lab.sample(text))):
        with pytest.raises(ValueError, match=r"unfilled <noken>; fill it: nl.fill\(lab, prompt, vectors\)"):
            call("The <noken> is")
    with pytest.raises(ValueError, match="unfilled <noken>"):
        lab.generate(["Red is", "The <noken> is"])
    with_word = lab.with_nokens(blorp=torch.randn(lab.width))
    assert with_word.generate("The <blorp> is", 1)
    assert "".join(lab.tokens("<noken>")["token"]) == NOKEN  # its letters, as the tokenizer has them
