"""Blends of two prompts: their answers, plateaus, leading tokens, and what is refused."""

import pandas as pd
import pytest

from nokenlab.answers import blends

A, B = "White whippets are", "Black whippets are"
P = [0.0, 0.25, 0.5, 1.0]


def test_the_ends_are_the_prompts_themselves(any_lab):
    for name in ("lerp", "slerp"):
        table = blends.blend(any_lab, A, B, [0, 1], name, 6)
        assert table["response"].tolist() == any_lab.generate([A], 6) + any_lab.generate([B], 6)
        assert table["p"].tolist() == [0.0, 1.0]
        assert set(table["way"]) == {name}


def test_blend_agrees_with_logits_row_by_row(tiny):
    table = blends.blend(tiny, A, B, P, "slerp", 3)
    best = tiny.logits(blends.path(tiny, A, B, P, "slerp")).softmax(-1).max(-1)
    assert table["next_token"].tolist() == [tiny.token(id) for id in best.indices.tolist()]
    assert table["probability"].tolist() == pytest.approx(best.values.tolist(), rel=1e-4)
    assert (table["entropy"] >= 0).all()


def test_plateaus_join_equal_neighbours_only():
    table = pd.DataFrame(
        {
            "p": [0.5, 0.0, 0.25, 0.75, 1.0, 0.0, 1.0],  # in any order
            "way": ["lerp"] * 5 + ["slerp"] * 2,
            "response": ["y", "x", "x", "x", "x", "x", "x"],
        }
    )
    runs = blends.plateaus(table)
    assert list(runs.columns) == ["way", "plateau", "p_from", "p_to", "count", "response"]
    assert runs.values.tolist() == [
        ["lerp", 0, 0.0, 0.25, 2, "x"],
        ["lerp", 1, 0.5, 0.5, 1, "y"],
        ["lerp", 2, 0.75, 1.0, 2, "x"],
        ["slerp", 0, 0.0, 1.0, 2, "x"],
    ]


def test_leading_tokens_right_after_the_prompt(tiny):
    table = blends.leading_along(tiny, A, B, P, k=3)
    assert len(table) == 3 * len(P) and set(table["after"]) == {""}
    probabilities = tiny.logits(blends.path(tiny, A, B, P)).softmax(-1)
    for row, (_, group) in enumerate(table.groupby("p")):
        expected = probabilities[row, group["id"].tolist()].tolist()
        assert group["probability"].tolist() == pytest.approx(expected, rel=1e-4)
    peaks = table.groupby("id")["probability"].max()
    assert peaks.min() >= probabilities.amax(0).topk(4).values[-1] - 1e-6


def test_the_fork_is_where_the_answers_part(lab):
    table = blends.leading_along(lab, A, B, [0, 0.5, 1], walk=11)
    leaders = table.loc[table.groupby("p")["probability"].idxmax()]
    assert leaders["id"].nunique() > 1  # they part here on the default model
    answers = blends.blend(lab, A, B, [0, 0.5, 1], max_new_tokens=12)["response"]
    for answer, after, token in zip(answers, leaders["after"], leaders["token"], strict=True):
        assert answer.startswith(after + token)


def test_batches_of_a_fork_go_in_step(tiny):
    p = blends.grid(7)
    at_once = blends.leading_along(tiny, A, B, p, walk=5)
    pd.testing.assert_frame_equal(
        at_once, blends.leading_along(tiny, A, B, p, walk=5, batch_size=3), rtol=1e-3
    )


def test_answers_that_never_part_are_walked_to_the_end(tiny):
    p = [0.0, 1e-7]
    table = blends.leading_along(tiny, A, B, p, walk=4)
    assert set(table["after"]) == set(tiny.generate(A, 4))


def test_unequal_token_counts_show_both_tokenizations(lab):
    with pytest.raises(ValueError, match="same number of tokens") as error:
        blends.blend(lab, "Whippets are", B, [0.5])
    for prompt in ("Whippets are", B):
        assert " | ".join(map(repr, lab.tokens(prompt)["token"])) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda lab: blends.blend(lab, A, B, []), "p is empty"),
        (lambda lab: blends.blend(lab, A, B, [0.1, float("nan")]), "NaN"),
        (lambda lab: blends.blend(lab, "", B, [0.1]), "prompt is empty"),
        (lambda lab: blends.blend(lab, A, A, [0.1]), "nothing to blend"),
        (lambda lab: blends.blend(lab, "The <noken> is", B, [0.1]), "unfilled <noken>"),
        (lambda lab: blends.blend(lab, A, B, [0.1], "cubic"), "lerp, slerp"),
        (lambda lab: blends.blend(lab, A, B, [0.1], max_new_tokens=0), "at least 1"),
        (lambda lab: blends.grid(1), "at least 2"),
    ],
)
def test_bad_input_is_named(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


def test_a_grid_has_both_ends_and_readable_steps():
    assert blends.grid(11) == [i / 10 for i in range(11)]
    assert blends.grid(2) == [0.0, 1.0]


def test_equal_responses_have_one_letter():
    assert blends.letters(["x", "y", "x", ""]) == {"x": "A", "y": "B", "": "C"}
    many = blends.letters(map(str, range(54)))
    assert len(set(many.values())) == 54
    assert [many[str(i)] for i in (25, 26, 27, 52)] == ["Z", "A1", "B1", "A2"]
