"""A word with a use: its examples, whether an answer shows a behaviour, and what is compared with what."""

from collections import Counter

import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab.prompt import fill
from nokenlab.readout import teacher_forcing
from workbook.word_with_a_use import tables as experiment


@pytest.fixture(scope="module")
def small(lab):
    return tiny_lab("llama", lab.tokenizer)


@pytest.fixture(scope="module")
def known():
    return experiment.read_examples()


@pytest.fixture(scope="module")
def learned(small, known):
    return experiment.learn_words(small, known, 3, 12, seed=1, learning_rate=1.0, progress=False)


def test_forty_examples_of_each_behaviour_and_thirty_other_questions(known):
    assert len(set(known.asked)) == 40 and len(set(known.held_out)) == 30
    assert not set(known.asked) & set(known.held_out)
    for behaviour, answers in known.answers.items():
        assert len(answers) == 40 and all(experiment.shows(behaviour, answer) for answer in answers)
        assert all(answer[0] == " " and answer.endswith("\n") for answer in answers)
        assert len(set(known.words[behaviour])) == 10 and known.plain[behaviour]


def test_the_behaviours_are_told_apart(known):
    seen = Counter()
    for behaviour in known.answers:
        for other, answers in known.answers.items():
            seen[behaviour, other] = sum(experiment.shows(behaviour, answer) for answer in answers)
    assert all(count == 0 for (one, other), count in seen.items() if one != other)


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
    assert experiment.shows(behaviour, response) is shown


def test_learning_goes_down_the_examples_loss(small, known, learned):
    nokens, table = learned
    assert list(nokens) == [*known.answers, experiment.SHUFFLED]
    first, last = (table[table["step"] == step].set_index("behaviour")["nll"] for step in (0, 11))
    assert (last < first).all()
    frames = teacher_forcing.frames(small, [experiment.FRAME.format(known.asked[n]) for n in range(3)])
    start = experiment.near_centroid(small.space, 1, 1)
    losses = [
        teacher_forcing.run(small, frame, start, [small.ids(known.answers["short"][n])])[0].item()
        for n, frame in enumerate(frames)
    ]
    assert first["short"] == pytest.approx(sum(losses) / 3, rel=1e-4)


def test_a_word_is_learned_as_without_the_others(small, known, learned):
    """Rows share passes, and not gradients."""
    alone = known._replace(answers={"short": known.answers["short"]})
    nokens, _ = experiment.learn_words(small, alone, 3, 12, seed=1, learning_rate=1.0, progress=False)
    torch.testing.assert_close(nokens["short"], learned[0]["short"], rtol=1e-3, atol=1e-3)


def test_wrong_sizes(small, known):
    for count, steps in ((0, 1), (41, 1), (3, 0)):
        with pytest.raises(ValueError, match="1 to 40 examples and at least 1 step"):
            experiment.learn_words(small, known, count, steps)


def test_tried_beside_four_others(small, known, learned):
    some = known._replace(held_out=known.held_out[:2])
    table = experiment.tried(small, some, learned[0], max_new_tokens=3)
    assert len(table) == 3 * 2 * 5 * 2
    one = table[(table["behaviour"] == "capitals") & (table["frame"] == "learned in")]
    asked = [experiment.FRAME.format(question) for question in some.held_out]
    prompts = {
        "learned": [fill(small, prompt, learned[0]["capitals"]) for prompt in asked],
        "shuffled examples": [fill(small, prompt, learned[0][experiment.SHUFFLED]) for prompt in asked],
        "plain English": [prompt.replace("<noken>", "in capital letters") for prompt in asked],
        "none": [prompt.replace(" <noken>:", ":") for prompt in asked],
    }
    for of, own in prompts.items():
        said = [text.strip().split("\n")[0] for text in small.generate(own, 3)]
        assert one[one["of"] == of]["response"].tolist() == said
    assert experiment.shares(table)["learned"].between(0, 1).all()


def test_what_it_means(small, known, learned):
    said, meant = experiment.meaning(small, known, learned[0], max_new_tokens=2)
    assert len(said) == 3 * 3 * len(experiment.MEANING) and len(meant) == 10 * len(said)
    row = meant[(meant["of"] == "learned") & (meant["word"] == "brief")].iloc[0]
    logits = small.logits(fill(small, row["prompt"], learned[0]["short"]))[0]
    id = small.ids(" brief")[0]
    assert row["nll"] == pytest.approx(-logits.log_softmax(-1)[id].item(), rel=1e-4)
