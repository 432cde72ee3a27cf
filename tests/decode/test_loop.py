"""The decode loop against Hugging Face `generate`, and against itself in other batches."""

import copy

import pytest
import torch
from helpers.tiny_models import tiny_lab, tiny_tokenizer
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MaxTimeCriteria,
    MinNewTokensLengthLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

import nokenlab as nl
from nokenlab.decode.choice import draw, largest
from nokenlab.decode.forward import shared_prefix
from nokenlab.models import packaged

PROMPTS = [
    "Red is a color that is often associated with",
    "White whippets are",
    "The",
    "Once upon a time there was",
]


def new_tokens(lab) -> int:
    """Few of the default model, which takes a hundred times as long as a tiny one."""
    return 20 if lab.name.startswith("tiny") else 6


def ids_of(lab, prompts, **options) -> list[list[int]]:
    """The new ids of each row, end-of-sequence included."""
    rows = {}
    for step in lab.sample(prompts, new_tokens(lab), **options):
        for row, id in zip(step.rows.tolist(), step.ids.tolist(), strict=True):
            rows.setdefault(row, []).append(id)
    return [rows[row] for row in sorted(rows)]


def hf_ids(lab, prompt, model=None, **options) -> list[int]:
    x = lab.embed(prompt) if isinstance(prompt, str) else prompt
    mask = torch.ones(x.shape[:2], dtype=torch.long)
    options |= {"max_new_tokens": new_tokens(lab), "do_sample": False, "pad_token_id": 0}
    out = (model or lab.model).generate(inputs_embeds=x, attention_mask=mask, **options)
    return out[0].tolist()


def test_greedy_is_hugging_faces_alone_in_a_batch_and_behind_padding(any_lab):
    theirs = [hf_ids(any_lab, prompt) for prompt in PROMPTS]
    assert [ids_of(any_lab, prompt)[0] for prompt in PROMPTS] == theirs
    assert ids_of(any_lab, PROMPTS) == theirs  # four lengths: three rows are padded


def test_greedy_of_nokens_is_hugging_faces(any_lab):
    rows = nl.replace(any_lab.embed(PROMPTS[0]), 0, nl.random_nokens(any_lab.width, range(4)))
    assert ids_of(any_lab, rows) == [hf_ids(any_lab, row[None]) for row in rows]


def test_greedy_is_that_of_the_model_as_transformers_loads_it(lab):
    untouched = AutoModelForCausalLM.from_pretrained(packaged.folder(packaged.DEFAULT), dtype=torch.float32)
    rows = nl.replace(lab.embed(PROMPTS[0]), 0, nl.random_nokens(lab.width, range(4), norm=3.2))
    assert ids_of(lab, rows) == [hf_ids(lab, row[None], untouched) for row in rows]


def test_a_shared_beginning_is_run_once_and_changes_nothing(any_lab):
    x = any_lab.embed(PROMPTS[0])
    rows = nl.replace(x, 5, nl.random_nokens(any_lab.width, range(3)))
    assert shared_prefix(rows, torch.ones(rows.shape[:2])) == 5
    assert ids_of(any_lab, rows) == [hf_ids(any_lab, row[None]) for row in rows]
    same = x.expand(3, -1, -1)
    assert shared_prefix(same, torch.ones(same.shape[:2])) == x.shape[1] - 1
    assert ids_of(any_lab, same) == [hf_ids(any_lab, x)] * 3
    assert shared_prefix(nl.replace(x, 0, rows[:, 5]), torch.ones(rows.shape[:2])) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_first_of_the_likeliest_tokens_is_taken(dtype):
    scores = torch.randint(-5, 5, (64, 999), generator=torch.Generator().manual_seed(0)).to(dtype)
    first = [row.index(max(row)) for row in scores.tolist()]
    assert largest(scores)[1].tolist() == first
    scores[:, 7] = float("nan")
    assert largest(scores)[0].isnan().all()


def test_a_step_of_a_bfloat16_model_has_logits_in_float32(lab):
    small = tiny_lab("llama", lab.tokenizer)
    small.model.bfloat16()
    warm = [TemperatureLogitsWarper(0.5)]
    for plain, warmed in zip(
        small.sample(PROMPTS, 4), small.sample(PROMPTS, 4, processors=warm), strict=True
    ):
        assert plain.logits.dtype == plain.scores.dtype == warmed.scores.dtype == torch.float32
        assert plain.ids.tolist() == plain.logits.argmax(-1).tolist() == warmed.ids.tolist()
        torch.testing.assert_close(warmed.scores, 2 * plain.logits)


def test_rows_that_end_leave_and_the_others_go_on(lab):
    small = tiny_lab("llama", lab.tokenizer)
    plain = ids_of(small, PROMPTS)
    ends = plain[1][3]  # call the fourth token of one row the end
    small.model.generation_config.eos_token_id = ends
    wanted = [row[: row.index(ends) + 1] if ends in row else row for row in plain]
    assert len(wanted[1]) <= 4 and len({len(row) for row in wanted}) > 1
    assert ids_of(small, PROMPTS) == wanted
    assert [hf_ids(small, p) for p in PROMPTS] == wanted
    texts = small.generate(PROMPTS)
    assert texts[1] == small.tokenizer.decode(wanted[1][:-1], skip_special_tokens=True)


def test_processors_work_as_in_generate(any_lab):
    processors = [
        RepetitionPenaltyLogitsProcessor(1.5),
        MinNewTokensLengthLogitsProcessor(0, 5, any_lab.eos_ids[0]),
    ]
    ours = ids_of(any_lab, PROMPTS[0], processors=processors)
    assert ours == [hf_ids(any_lab, PROMPTS[0], logits_processor=LogitsProcessorList(processors))]


def test_the_articles_sampler_is_greedy(lab):
    narrow = [TopKLogitsWarper(1), TemperatureLogitsWarper(0.01)]
    assert ids_of(lab, PROMPTS[1], seeds=[3], processors=narrow) == ids_of(lab, PROMPTS[1])


def test_a_sampled_row_depends_on_its_seed_alone(tiny):
    processors = [TopKLogitsWarper(20)]  # a random model's 49,000 near-equal tokens hang on the last bit
    alone = ids_of(tiny, PROMPTS[0], seeds=[11], processors=processors)
    three = ids_of(tiny, [PROMPTS[1], PROMPTS[0], PROMPTS[0]], seeds=[4, 11, 12], processors=processors)
    assert three[1] == alone[0]
    assert three[1] != three[2]
    counted = ids_of(tiny, [PROMPTS[0]] * 2, seeds=11, processors=processors)  # 11 means 11, 12
    assert counted == [three[1], three[2]]


def test_draws_follow_the_distribution_and_never_the_impossible():
    probabilities = torch.tensor([0.5, 0.0, 0.2, 0.3, 0.0])
    uniforms = torch.linspace(0, 1 - 2**-24, 10_000)
    drawn = draw(probabilities.log().expand(10_000, -1), uniforms)
    counts = torch.bincount(drawn, minlength=5) / 10_000
    torch.testing.assert_close(counts, probabilities, atol=1e-3, rtol=0)


def test_feeding_the_tokens_own_embeddings_changes_nothing(any_lab):
    assert ids_of(any_lab, PROMPTS[1], feed=lambda step: step.embeddings) == ids_of(any_lab, PROMPTS[1])


def test_what_feed_returns_goes_in_next(tiny):
    noken = nl.random_nokens(tiny.width, 9, norm=5.0)
    fed = list(tiny.sample(PROMPTS[1], 2, feed=lambda step: noken))
    torch.testing.assert_close(fed[0].embeddings, noken)
    by_hand = tiny.logits(torch.cat([tiny.embed(PROMPTS[1]), noken[None]], dim=1))
    torch.testing.assert_close(fed[1].logits, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"seeds": 1}, {"processors": [TemperatureLogitsWarper(2.0)]}])
def test_logits_that_are_not_finite_are_an_error_with_row_and_step(options):
    """A noken so large that numbers overflow, in the second of three rows; and when it is fed later."""
    tiny = tiny_lab("gpt2", tiny_tokenizer())
    huge = torch.full((tiny.width,), 3e38)
    rows = nl.replace(tiny.embed("Red is"), 0, torch.stack([huge * 0, huge, huge * 0]))
    for batch_size in (None, 1):
        with pytest.raises(ValueError, match=r"^row 1, step 0: the logits are NaN or infinite"):
            tiny.generate(rows, 2, batch_size=batch_size, **options)
    with pytest.raises(ValueError, match=r"^row 1, step 0: "):
        tiny.logits(rows)
    for step in (steps := tiny.sample("Red is", 4, **options)):
        if step.index == 1:
            step.embeddings = huge[None]
            with pytest.raises(ValueError, match=r"^row 0, step 2: the logits are"):
                next(steps)


def keep_none(ids, scores):
    return scores if ids.shape[1] < 1 else torch.full_like(scores, float("-inf"))


@pytest.mark.parametrize(
    "processor, message",
    [
        (lambda ids, scores: None, r"step 0: the processor <lambda> must return scores .*, got None"),
        (MaxTimeCriteria(9.0), "step 0: the processor MaxTimeCriteria must return scores"),
        (keep_none, "row 0, step 1: the processor keep_none leaves no token to choose"),
    ],
)
@pytest.mark.parametrize("seeds", [None, [5]])
def test_a_wrong_processor_is_named_with_its_step(tiny, processor, message, seeds):
    with pytest.raises(ValueError, match=message):
        tiny.generate("The", 3, seeds=seeds, processors=[TemperatureLogitsWarper(2.0), processor])


@pytest.mark.parametrize("options", [{}, {"seeds": 3, "processors": [TopKLogitsWarper(20)]}])
def test_a_run_goes_on_from_a_state_as_if_it_had_never_stopped(tiny, options):
    """Padded rows, one of which has ended; a later step of the first run changes nothing."""
    ends = list(tiny.sample(PROMPTS, 3, **options))[2].ids[1].item()
    view = nl.Lab(copy.copy(tiny.model), tiny.tokenizer, tiny.name)
    view.model.generation_config = copy.copy(tiny.model.generation_config)
    view.model.generation_config.eos_token_id = ends
    all_steps, states = [], []
    for step in view.sample(PROMPTS, 9, **options):
        all_steps.append(step)
        states += [step.state()] if step.index < 5 else []
    for state in states[::2]:
        later = list(view.sample(state=state, max_new_tokens=9 - state.ids.shape[1], **options))
        for ours, theirs in zip(later, all_steps[-len(later) :], strict=True):
            assert ours.index == theirs.index and ours.rows.tolist() == theirs.rows.tolist()
            assert ours.ids.tolist() == theirs.ids.tolist()
            torch.testing.assert_close(ours.logits, theirs.logits, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="the run has left step 4"):
        all_steps[4].state()


def test_a_text_and_vectors_come_after_a_state(tiny):
    """After what the run would have fed next: the chosen token, or k nokens set in its place."""
    phrase = nl.random_nokens(tiny.width, range(3), norm=5.0)[None]  # (1, 3, width)
    for set_nokens in (False, True):
        step = next(run := tiny.sample(PROMPTS[1], 4))
        step.embeddings = phrase if set_nokens else step.embeddings
        state = step.state()
        fed = step.embeddings.reshape(1, -1, tiny.width)
        for behind in (" is a color", phrase):
            x = tiny.embed(behind, behind=True) if isinstance(behind, str) else behind
            by_hand = torch.cat([tiny.embed(PROMPTS[1]), fed, x], dim=1)
            ours = next(tiny.sample(behind, 1, state=state))
            torch.testing.assert_close(ours.logits, tiny.logits(by_hand), rtol=1e-3, atol=1e-3)
            assert ours.index == 1
        assert tiny.generate(behind, 4, state=state) == tiny.generate(by_hand, 4)
        run.close()


def test_k_vectors_fed_at_once_are_those_fed_in_turn(tiny):
    phrase = nl.random_nokens(tiny.width, range(12), norm=5.0).view(4, 3, -1)
    at_once = tiny.sample(PROMPTS, 3, feed=lambda step: phrase[step.rows] if step.index == 0 else None)
    in_turn = list(tiny.sample(PROMPTS, 5, feed=lambda step: [*phrase.unbind(1), None, None][step.index]))
    for ours, theirs in zip(at_once, (in_turn[0], *in_turn[3:]), strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits, rtol=1e-3, atol=1e-3)


def test_hidden_states_make_the_logits(any_lab):
    head = any_lab.model.get_output_embeddings()
    for step in any_lab.sample(PROMPTS, 3, hidden=True, feed=lambda step: step.hidden):
        assert step.hidden.shape == (4, any_lab.width)
        assert torch.equal(step.embeddings, step.hidden)
        with torch.no_grad():
            torch.testing.assert_close(head(step.hidden), step.logits, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="called with hidden=True"):
        any_lab.generate(PROMPTS[0], 2, feed=lambda step: step.hidden)


def test_a_row_ends_at_the_first_stop_text_which_may_span_tokens(tiny):
    texts = tiny.generate(PROMPTS, 12)
    stop = [texts[0][4:7], texts[2][3:5]]  # characters, wherever tokens begin
    wanted = [text[: min((text.find(end) for end in stop if end in text), default=None)] for text in texts]
    assert tiny.generate(PROMPTS, 12, stop=stop) == wanted
    *_, step = tiny.sample(PROMPTS, 12, stop=stop)
    assert not {0, 2} & set(step.rows.tolist())  # they have left


def test_of_a_step_the_embeddings_alone_can_be_set(tiny):
    noken = nl.random_nokens(tiny.width, 9, norm=5.0)
    for step in tiny.sample(PROMPTS[1], 2):
        if step.index == 0:
            with pytest.raises(AttributeError, match=r"ids of a step cannot be set; set its embeddings"):
                step.ids = step.ids + 1
            step.embeddings = noken
    by_hand = tiny.logits(torch.cat([tiny.embed(PROMPTS[1]), noken[None]], dim=1))
    torch.testing.assert_close(step.logits, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad, message", [(torch.ones(1, 3), "running rows, width"), (float("nan"), "NaN")])
def test_feed_is_checked(tiny, bad, message):
    def feed(step):
        return bad if isinstance(bad, torch.Tensor) else torch.full_like(step.embeddings, bad)

    with pytest.raises(ValueError, match=message):
        list(tiny.sample("The", 2, feed=feed))
