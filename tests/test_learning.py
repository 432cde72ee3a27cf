"""Learned nokens: what a row hangs on, stop and go on, constraints, and what is refused."""

import math
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import TINY, tiny_model, tiny_tokenizer
from torch.nn.functional import cosine_similarity

import nokenlab as nl
from nokenlab.constraints import at_norm, free, near, on_tokens, pinned

PROMPT = "Red is a <noken> that"
TARGETS = [" often", " is associated with", " Blue was", " the best food"]


def small(kind, **changes):
    tokenizer = tiny_tokenizer(TINY[kind][2])
    return nl.Lab(tiny_model(kind, len(tokenizer) + 30, **changes), tokenizer, f"tiny-{kind}")


@pytest.fixture(scope="module", params=["gpt2", "llama", "phi"])
def lab(request):
    lab = small(request.param)
    return lab


def learn(lab, prompt=PROMPT, targets=TARGETS, **settings):
    return nl.learn(lab, prompt, targets, **{"steps": 12, "progress": False} | settings)


def sayable(lab):
    """Two texts of one token that some noken makes a model of random weights say."""
    vectors = nl.random_nokens(lab.width, range(100, 160), norm=5.0)
    texts = dict.fromkeys(lab.generate(nl.fill(lab, PROMPT, vectors), 1))
    ids = {text: lab.ids(text).tolist() for text in texts if text}
    return [text for text, tokens in ids.items() if len(tokens) == 1 and lab.text(tokens) == text][-2:]


def test_a_word_is_learned_said_and_then_left_alone(lab):
    targets = sayable(lab)
    learned = learn(lab, targets=targets, steps=150, learning_rate=1.0)
    table, history = learned.table, learned.history
    assert table["exact"].all()
    assert table["text"].tolist() == table["target"].tolist() == targets
    assert lab.generate(nl.fill(lab, PROMPT, learned.vectors), 1) == targets
    for row, lines in history.groupby("row"):
        assert lines["step"].tolist() == list(range(table.loc[row, "steps"] + 1))
        assert lines["exact"].tolist() == [False] * (len(lines) - 1) + [True]
        assert lines["nll"].iloc[-1] == table.loc[row, "nll"] < lines["nll"].iloc[0]


def test_the_first_line_is_the_nll_of_the_start(lab):
    starts = nl.random_nokens(lab.width, [1, 2], norm=5.0)
    first = learn(lab, targets=[" often"], starts=starts, steps=0)
    assert torch.equal(first.vectors, starts)
    logits = lab.logits(nl.fill(lab, PROMPT, starts))
    wanted = -logits.log_softmax(-1)[:, lab.ids(" often")[0]]
    assert first.table["nll"].tolist() == pytest.approx(wanted.tolist(), rel=1e-4)
    assert first.table["start"].tolist() == [0, 1]


def test_a_row_learns_the_same_alone_and_in_any_batch(lab):
    """To 1 in 1,000 after 12 steps: sums in another order differ by 1 in a million, and Adam enlarges it."""
    starts = nl.random_nokens(lab.width, [1, 2, 3, 4], norm=5.0)
    together = learn(lab, starts=starts)
    assert together.vectors.shape == (16, lab.width)
    in_threes = learn(lab, starts=starts, batch_size=3)
    assert torch.allclose(together.vectors, in_threes.vectors, atol=1e-3 * 5)
    for row in (0, 6, 15):
        target, start = divmod(row, 4)
        alone = learn(lab, targets=[TARGETS[target]], starts=starts[start, None])
        assert (alone.vectors[0] - together.vectors[row]).norm() < 1e-3 * 5
        assert alone.table["steps"][0] == together.table["steps"][row]
    assert together.table["target"].tolist() == [target for target in TARGETS for _ in range(4)]


def test_the_same_seed_gives_the_same_vectors_and_another_others(lab):
    before = torch.random.get_rng_state()
    first, again, other = learn(lab), learn(lab), learn(lab, seed=1)
    assert torch.equal(first.vectors, again.vectors)
    assert first.history.equals(again.history)
    assert not torch.equal(first.vectors, other.vectors)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_stopped_and_gone_on_is_one_run(lab):
    whole, halves = learn(lab, steps=9, batch_size=3), learn(lab, steps=4, batch_size=3)
    assert halves.go_on(5, progress=False) is halves
    assert torch.equal(whole.vectors, halves.vectors)
    assert whole.history.equals(halves.history)
    assert whole.table.equals(halves.table)


def test_no_weight_is_touched(lab):
    before = {name: weight.clone() for name, weight in lab.model.state_dict().items()}
    learn(lab)
    assert all(torch.equal(weight, before[name]) for name, weight in lab.model.state_dict().items())
    assert all(weight.grad is None for weight in lab.model.parameters())


def test_several_prompts_and_several_nokens(lab):
    prompts = ["The <noken> is", "White <noken> are"]
    both = learn(lab, prompts, targets=[" often"], steps=0).table["nll"][0]
    each = [learn(lab, prompt, targets=[" often"], steps=0).table["nll"][0] for prompt in prompts]
    assert both == pytest.approx(sum(each) / 2, rel=1e-5)
    three = learn(lab, "Red <noken> of <noken><noken>", targets=[" is was"], steps=30)
    assert three.vectors.shape == (1, 3, lab.width)
    assert three.table["nearest"][0].count("|") == 2
    assert three.history["nll"].iloc[-1] < three.history["nll"].iloc[0]


def test_exact_means_in_every_prompt(lab):
    """The second prompt holds no noken's word for long: a row goes on until both are right."""
    prompts, target = ["The <noken> is", "Red is a <noken> that"], sayable(lab)[0]
    learner = nl.Learner(lab, prompts, [target], learning_rate=1.0)
    for _ in range(60):
        exact = learner.step()["exact"][0]
        each = [lab.generate(nl.fill(lab, prompt, learner.vectors), 1) for prompt in prompts]
        assert exact == (each == [[target]] * 2)
        if exact:
            break


@pytest.mark.parametrize("name", ["free", "norm 5", "near Red", "on tokens", "pinned to Blue"])
def test_constraints_hold_at_every_step(lab, name):
    made = [free(), at_norm(5.0), near("Red", 2.0), on_tokens(), pinned("Blue")]
    constraint = next(constraint for constraint in made if constraint.name == name)
    learner = nl.Learner(lab, PROMPT, TARGETS[:2], constraint=constraint)
    red = lab.embed(" Red")[0, 0]
    for _ in range(8):
        lines, vectors = learner.step(), learner.vectors
        nearest = lab.space.nearest(vectors, k=1)
        if name == "norm 5":
            assert vectors.norm(dim=-1).tolist() == pytest.approx([5.0] * 2, rel=1e-5)
        if name == "near Red":
            assert (vectors - red).norm(dim=-1).max() < 2.0 * (1 + 1e-5)
        if name == "on tokens":
            assert nearest["distance"].max() < 1e-4 * lab.space.median_norm
        if name == "pinned to Blue":
            assert nearest["token"].tolist() == [" Blue"] * 2
        last_lines = lines.set_index("row")
        assert last_lines["nearest"].tolist() == nearest["token"].iloc[last_lines.index].tolist()
        assert last_lines["cosine"].tolist() == pytest.approx(
            nearest["cosine"].iloc[last_lines.index].tolist(), abs=1e-5
        )
    assert learner.table["constraint"].tolist() == [name] * 2


def test_a_pinned_vector_is_drawn_in_by_no_more_than_is_needed(lab):
    hold, token = pinned("Blue").bind(lab), lab.embed(" Blue")[0, 0]
    inside = token + 0.01 * nl.random_nokens(lab.width, [3])[0]
    assert torch.equal(hold(inside), inside)
    outside = nl.random_nokens(lab.width, range(20), norm=5.0)
    held = hold(outside)
    assert set(lab.space.nearest(held, k=1)["token"]) == {" Blue"}
    moved = (held - outside) / (token - outside)  # the share of the way, the same in every number
    share = moved.median(dim=-1).values
    less = outside + (share - 0.02)[:, None] * (token - outside)
    assert (lab.space.nearest(less, k=1)["token"] != " Blue").all()


def test_pez_moves_the_vector_behind_by_the_gradient_at_the_token(lab):
    start = nl.random_nokens(lab.width, [4], norm=5.0)
    learner = nl.Learner(lab, PROMPT, [" often"], starts=start, constraint=on_tokens())
    token = learner.vectors
    assert not torch.equal(token, start)
    gradient = nl.Learner(lab, PROMPT, [" often"], starts=token)
    looked = gradient.step(), learner.step()
    assert looked[0].equals(looked[1])
    begun, signs = learner._free.clone(), gradient._free.grad.sign()
    assert torch.equal(learner._free.grad, gradient._free.grad)
    learner.step()
    assert torch.equal((learner._free - begun).sign(), -signs)  # Adam's first step goes by the sign


def test_ctrl_c_keeps_what_was_learned_and_go_on_goes_on(lab, monkeypatch, capsys):
    whole = learn(lab, steps=6, batch_size=2)
    step, calls = nl.Learner.step, []

    def stopped(learner):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(learner)

    monkeypatch.setattr(nl.Learner, "step", stopped)
    interrupted = learn(lab, steps=6, batch_size=2)
    assert len(calls) == 4
    assert "what was learned is kept" in capsys.readouterr().err
    assert interrupted.vectors.shape == (4, lab.width)
    assert interrupted.table["steps"].tolist() == [2, 2, 0, 0]
    assert interrupted.table["nll"].isna().tolist() == [False, False, True, True]
    interrupted.learners[0].step(), interrupted.learners[1].step()
    interrupted.go_on(6, progress=False)
    assert torch.equal(interrupted.learners[1].vectors, whole.learners[1].vectors)


def test_ctrl_c_within_a_step_leaves_a_whole_step(lab, monkeypatch):
    whole = learn(lab, targets=TARGETS[:2], steps=4)
    learner = nl.Learner(lab, PROMPT, TARGETS[:2])
    learner.step(), learner.step()
    with monkeypatch.context() as patch:
        patch.setattr(learner, "_described", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learner.step()
    kept = learner.vectors
    assert learner.steps == 1
    for _ in range(3):
        learner.step()
    assert not torch.equal(kept, learner.vectors)
    assert torch.equal(learner.vectors, whole.vectors)
    assert learner.history["step"].max() == 4


def test_memory_that_ends_halves_the_batch(lab, monkeypatch):
    wanted = learn(lab, batch_size=2)
    step = nl.Learner.step

    def small_memory(learner):
        if len(learner.pairs) > 2:
            raise torch.OutOfMemoryError
        return step(learner)

    monkeypatch.setattr(nl.Learner, "step", small_memory)
    assert torch.equal(learn(lab, batch_size=4).vectors, wanted.vectors)


def test_a_panel_can_watch_it(lab):
    targets = sayable(lab)
    learner = nl.Learner(lab, PROMPT, targets, learning_rate=1.0)
    assert (learner.steps, learner.done, len(learner.history)) == (-1, False, 0)
    for _ in range(150):
        lines = learner.step()
        assert lines.columns.tolist() == ["row", "step", "nll", "exact", "norm", "nearest", "cosine"]
        if learner.done:
            break
    assert learner.done
    assert learner.texts(1) == targets


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"prompt": "no place"}, "needs a <noken>"),
        ({"prompt": []}, "there is no prompt"),
        ({"prompt": ["a <noken>", "a <noken><noken>"]}, "as many <noken>; they have 1, 2"),
        ({"targets": []}, "there are no targets"),
        ({"targets": [" a", ""]}, "target 1 is empty"),
        ({"targets": [" a <noken>"]}, "goes into the prompt"),
        (
            {"targets": [" Red" * 200]},
            "the length of target 0 is 200, but tiny-.* takes 128 tokens",
        ),
        ({"starts": torch.full((1, 32), math.nan)}, "NaN or infinity"),
        ({"starts": torch.zeros(2, 31)}, r"starts must be \(rows, 32\).*got \(2, 31\)"),
        ({"starts": torch.zeros(0, 32)}, r"starts must be \(rows, 32\)"),
        (
            {"prompt": "a <noken><noken>", "starts": torch.zeros(1, 32)},
            r"has 2 <noken>: starts must be \(rows, 2, 32\)",
        ),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
        ({"steps": -1}, "steps must be a whole number, at least 0"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"constraint": pinned("of the")}, "is 2 tokens.*needs a word of one"),
        ({"constraint": near("zebra", 1.0)}, "needs a word of one"),
    ],
)
def test_what_cannot_be_learned_is_one_line(lab, wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        learn(lab, **wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [lambda: at_norm(0.0), lambda: near("Red", -1.0), lambda: at_norm(math.nan)])
def test_constraints_of_no_size_are_refused(make):
    with pytest.raises(ValueError, match="must be a number above 0"):
        make()


def test_a_word_with_a_twin_cannot_be_pinned():
    lab = small("gpt2")
    with torch.no_grad():
        table = lab.model.get_input_embeddings().weight
        table[lab.ids(" Red")] = 2 * table[lab.ids(" Blue")]
    with pytest.raises(ValueError, match="nothing is nearest to 'Blue', ' Red' lies in the same direction"):
        learn(lab, constraint=pinned("Blue"))


def test_gradients_that_overflow_are_said_at_once():
    lab = small("llama", initializer_range=1.0)
    with torch.no_grad():
        lab.model.get_output_embeddings().weight.mul_(3000)
    lab.model.to(torch.float16)
    with pytest.raises(ValueError, match=r'not finite in torch\.float16.*"float32" or "bfloat16"'):
        learn(lab)


def test_numbers_of_16_bits_are_learned_in_32():
    lab = small("llama")
    lab.model.to(torch.bfloat16)
    learned = learn(lab, targets=[" Blue"], steps=150, learning_rate=1.0)
    assert learned.vectors.dtype == torch.float32
    assert learned.history["nll"].iloc[-1] < learned.history["nll"].iloc[0]


def test_what_makes_no_text_is_refused():
    music = SimpleNamespace(name="tiny-musicgen")
    with pytest.raises(ValueError, match="tiny-musicgen makes no text"):
        learn(music)


def test_a_noken_of_ones_own_stands_in_prompts_and_in_no_target(lab):
    with_word = lab.with_nokens(blorp=nl.random_nokens(lab.width, 1)[0])
    assert learn(with_word, "The <blorp> is <noken>", [" often"], steps=1).vectors.shape == (1, lab.width)
    with pytest.raises(ValueError, match="target 0 has a noken of your own"):
        learn(with_word, targets=[" a <blorp>"])


def test_cosines_are_those_of_torch(lab):
    vectors = nl.random_nokens(lab.width, range(5)).view(5, 1, lab.width)
    rows, cosine = lab.space.nearest_rows(vectors)
    assert rows.shape == cosine.shape == (5, 1)
    wanted = cosine_similarity(vectors, lab.space.vectors[rows], dim=-1)
    torch.testing.assert_close(cosine, wanted)
