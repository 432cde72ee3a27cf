"""A word with a use: its examples, whether an answer shows a behaviour, and what is compared with what."""

import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab.nokens import near_centroid
from nokenlab.prompt import fill
from nokenlab.readout import teacher_forcing
from workbook.word_with_a_use import tables


@pytest.fixture(scope="module")
def llama(lab):
    """With the default model's tokenizer, which has the examples' words."""
    return tiny_lab("llama", lab.tokenizer)


@pytest.fixture(scope="module")
def known():
    return tables.read_examples()


@pytest.fixture(scope="module")
def learned(llama, known):
    return tables.learn_words(llama, known, 3, 12, seed=1)


def test_forty_examples_of_each_behaviour_and_thirty_other_questions(known):
    assert len(set(known.asked)) == 40 and len(set(known.held_out)) == 30
    assert not set(known.asked) & set(known.held_out)
    for behaviour, answers in known.answers.items():
        assert len(answers) == 40 and all(answer[0] == " " and answer.endswith("\n") for answer in answers)
        assert len(set(known.words[behaviour])) == 10 and known.plain[behaviour]
        for other in known.answers:
            assert {tables.shows(other, answer) for answer in answers} == {other == behaviour}


@pytest.mark.parametrize(
    "behaviour, response, shown",
    [
        ("capitals", " A SHEEP GIVES US WOOL.", True),
        ("capitals", " Wool.", False),
        ("capitals", " 12", False),
        ("capitals", " NASA runs it", False),
        ("capitals", " THE NILE\nand more in small letters", True),
        ("question", " Wool. Do you knit?\nYes.", True),
        ("question", " Wool? Yes.", False),
        ("question", " What do sheep give us?", False),
        ("short", " Wool.", True),
        ("short", " The sea", True),
        ("short", " In the sea", False),
        ("short", "", False),
        ("short", "\n\nWool", True),
    ],
)
def test_whether_an_answer_shows_it(behaviour, response, shown):
    assert tables.shows(behaviour, response) is shown


def test_learning_goes_down_the_examples_loss(llama, known, learned):
    nokens, table = learned
    assert list(nokens) == [*known.answers, tables.SHUFFLED] == table["behaviour"][:4].tolist()
    first, last = (table[table["step"] == step].set_index("behaviour")["nll"] for step in (0, 11))
    assert (last < first).all()
    prompts = [tables.FRAME.format(question) for question in known.asked[:3]]
    templates = teacher_forcing.cached_templates(llama, prompts)
    losses = [
        teacher_forcing.score(llama, template, near_centroid(llama.space, 1, 1), [llama.ids(answer)])[
            0
        ].item()
        for template, answer in zip(templates, known.answers["short"][:3], strict=True)
    ]
    assert first["short"] == pytest.approx(sum(losses) / 3, rel=1e-4)


def test_a_word_is_learned_as_without_the_others(llama, known, learned):
    """Rows share passes, and not gradients."""
    alone = known._replace(answers={"short": known.answers["short"]})
    nokens, _ = tables.learn_words(llama, alone, 3, 12, seed=1)
    torch.testing.assert_close(nokens["short"], learned[0]["short"], rtol=1e-3, atol=1e-3)


def test_wrong_sizes(llama, known):
    for count, steps in ((0, 1), (41, 1), (3, 0)):
        with pytest.raises(ValueError, match="1 to 40 examples and at least 1 step"):
            tables.learn_words(llama, known, count, steps)


def test_tried_beside_four_controls(llama, known, learned):
    known = known._replace(held_out=known.held_out[:2])
    table = tables.try_words(llama, known, learned[0], max_new_tokens=3)
    assert len(table) == 3 * 2 * 5 * 2
    capitals = table[(table["behaviour"] == "capitals") & (table["frame"] == "learned in")]
    asked = [tables.FRAME.format(question) for question in known.held_out]
    prompts = {
        "learned": [fill(llama, prompt, learned[0]["capitals"]) for prompt in asked],
        "shuffled examples": [fill(llama, prompt, learned[0][tables.SHUFFLED]) for prompt in asked],
        "plain English": [prompt.replace("<noken>", "in capital letters") for prompt in asked],
        "none": [prompt.replace(" <noken>:", ":") for prompt in asked],
    }
    for of, x in prompts.items():
        expected = [text.strip().split("\n")[0] for text in llama.generate(x, 3)]
        assert capitals[capitals["of"] == of]["response"].tolist() == expected
    assert tables.shares(table)["learned"].between(0, 1).all()


def test_what_it_means(llama, known, learned):
    responses, meant = tables.meaning(llama, known, learned[0], max_new_tokens=2)
    assert len(responses) == 3 * 3 * len(tables.MEANING) and len(meant) == 10 * len(responses)
    row = meant[(meant["of"] == "learned") & (meant["word"] == "brief")].iloc[0]
    logits = llama.logits(fill(llama, row["prompt"], learned[0]["short"]))[0]
    nll = -logits.log_softmax(-1)[llama.ids(" brief")[0]].item()
    assert row["nll"] == pytest.approx(nll, rel=1e-4)
