"""A decode step with a cache of fixed length against the plain one; on a GPU it is a captured graph."""

import gc
import os
import weakref
from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import save_tiny
from transformers import TemperatureLogitsWarper

import nokenlab as nl
from nokenlab.decode.forward import prefill
from nokenlab.decode.hidden_states import layers
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.decode.loop import sample
from nokenlab.decode.padding import batch
from nokenlab.fast import captured_step
from nokenlab.fast.captured_step import FEW, KEPT, StepPool
from nokenlab.models import families

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
TEXTS = ["Red is a color that", "White whippets are", "The"]


@pytest.fixture(scope="module", params=sorted(families.TESTED_FAST))
def small(request, tmp_path_factory):
    """Each architecture that may be captured, with a window wider than the texts."""
    folder = save_tiny(request.param, tmp_path_factory.mktemp(request.param))
    lab = nl.load(folder, device=DEVICE, dtype="float32")
    if getattr(lab.model.config, "sliding_window", None):
        lab.model.config.sliding_window = 128
    return lab


@torch.no_grad()
def test_a_fixed_cache_gives_the_plain_logits_row_by_row(small):
    x, mask = batch([small.embed(text) for text in TEXTS], torch.empty(0, small.width, device=DEVICE))
    steps, pool = [], StepPool(small.model, trace=True)
    for kind in ("plain", "fixed", "fixed"):  # the second fixed one is the first, used again
        decoder = PlainDecoder(small.model)
        if kind == "fixed":
            decoder = pool.take(3, mask.shape[1] + 6)
        rows, found = torch.arange(3, device=DEVICE), [decoder.prefill(x, mask, 0).clone()]
        for index in range(6):
            if index == 3:
                rows = rows[[0, 2]]  # a row leaves
            noken = nl.random_nokens(small.width, [10 * index + row for row in rows.tolist()], norm=3.0)
            found.append(decoder.advance(rows, noken.to(DEVICE)).clone())
        decoder.release()
        steps.append(torch.cat(found))
    scale = steps[0].std()
    for other in steps[1:]:
        torch.testing.assert_close(other / scale, steps[0] / scale, rtol=1e-3, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("shared", [0, 1, 2])
def test_a_prompt_fills_a_fixed_cache_with_the_plain_keys(small, shared, monkeypatch):
    for short, worth in ((captured_step.SHORT, 0), (0, 0), (0, captured_step.WORTH)):
        monkeypatch.setattr(captured_step, "SHORT", short)  # captured on a GPU, and as it is
        monkeypatch.setattr(captured_step, "WORTH", worth)  # what is shared run once, and with the rest
        step = None
        for seed in range(3):  # the first captures, the others run it with other numbers
            x, mask = prompts(small, shared, seed)
            step = step or captured_step.CapturedStep(small.model, len(x), x.shape[1] + 1)
            wanted, past = prefill(small.model, x, mask, shared)
            found = step.prefill(x, mask, shared)
            torch.testing.assert_close(found / wanted.std(), wanted / wanted.std(), rtol=1e-3, atol=1e-3)
            for mine, theirs in zip(step.cache.layers, past.layers, strict=True):
                for got, asked in ((mine.keys, theirs.keys), (mine.values, theirs.values)):
                    got, real = got[:, :, : x.shape[1]].transpose(1, 2), mask.bool()
                    torch.testing.assert_close(got[real], asked.transpose(1, 2)[real], rtol=1e-3, atol=1e-3)


def prompts(small, shared, seed):
    """Three rows and their mask: of different lengths, or with nokens behind what they share."""
    if shared:
        nokens = nl.random_nokens(small.width, range(seed, seed + 3), norm=3.0).to(DEVICE)
        x = nl.replace(small.embed(TEXTS[0]), shared, nokens)
        return x, torch.ones(x.shape[:2], dtype=torch.long, device=DEVICE)
    x, mask = batch([small.embed(text) for text in TEXTS], torch.empty(0, small.width, device=DEVICE))
    return (1 - 0.3 * seed) * x, mask


@torch.no_grad()
@pytest.mark.parametrize("shared", [0, 2])
def test_a_mask_that_is_added_gives_the_plain_logits(small, shared):
    x, mask = prompts(small, shared, 0)
    wanted, _ = prefill(small.model, x, mask, shared)
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    step = captured_step.CapturedStep(small.model, 3, x.shape[1] + 1)
    step.prepare(0)
    found, _ = prefill(small.model, x, captured_step.added_mask(mask, x.dtype), shared, positions, step.cache)
    torch.testing.assert_close(found / wanted.std(), wanted / wanted.std(), rtol=1e-3, atol=1e-3)


def test_open_samplings_do_not_share_a_step(small, monkeypatch):
    monkeypatch.setattr(small, "decoders", StepPool(small.model, trace=True))
    prompts = [small.embed(text)[:, :3] for text in TEXTS[:2]]  # of one shape
    alone = [[step.ids.item() for step in small.sample(prompt, 8)] for prompt in prompts]
    together = list(zip(*(small.sample(prompt, 8) for prompt in prompts), strict=False))  # in turn
    assert len(together) > 1
    for row, wanted in enumerate(alone):
        assert [pair[row].ids.item() for pair in together] == wanted[: len(together)]


def test_a_fixed_step_goes_on_as_a_plain_one(small, monkeypatch):
    """From a state, and where k vectors are fed at once, after a row has left."""
    phrase = nl.random_nokens(small.width, range(6), norm=3.0).view(3, 2, -1).to(DEVICE)
    monkeypatch.setattr(type(small), "eos_ids", [next(small.sample(TEXTS, 1)).ids[0].item()])
    logits, states = [], []
    for decoders in (PlainDecoders(small.model), StepPool(small.model, trace=True)):
        monkeypatch.setattr(small, "decoders", decoders)
        for step in small.sample(TEXTS, 5, feed=lambda step: phrase[step.rows] if step.index == 2 else None):
            states += [step.state()] if step.index == 1 else []
        logits.append(step.logits)
    for state in states:
        *_, step = small.sample(
            state=state, max_new_tokens=3, feed=lambda step: phrase[step.rows] if step.index == 2 else None
        )
        logits.append(step.logits)
    for other in logits[1:]:
        torch.testing.assert_close(other / logits[0].std(), logits[0] / logits[0].std(), rtol=1e-3, atol=1e-3)


def test_rows_leave_a_fixed_step_when_they_leave_a_plain_one(small):
    x = nl.replace(small.embed(TEXTS[0]), 1, nl.random_nokens(small.width, range(6), norm=3.0).to(DEVICE))
    any_token = {"seeds": range(6), "processors": [TemperatureLogitsWarper(1e6)]}
    _, second = small.sample(x, 2, **any_token)
    ends, found = [second.ids[0].item()], []  # of the first row
    for decoders in (PlainDecoders(small.model), StepPool(small.model, trace=True)):
        steps = sample(decoders, *batch([x], x[0, :0]), max_new_tokens=6, eos_ids=ends, **any_token)
        found.append([(step.rows.tolist(), step.ids.tolist()) for step in steps])
    assert found[0] == found[1]
    assert [0 in rows for rows, _ in found[0]] == [True, True, False, False, False, False]


def test_only_few_rows_of_tested_architectures_get_a_fixed_step(small):
    on_gpu = small.device.type == "cuda"
    assert StepPool(small.model).fits(1, 100) == on_gpu
    pool = StepPool(small.model, trace=True)
    assert pool.fits(FEW, 100)
    assert pool.fits(FEW + 1, 100) == on_gpu
    window = getattr(small.model.config, "sliding_window", None)
    assert window is None or not pool.fits(1, window + 1)


def test_hooks_run_at_every_step(tmp_path):
    """The hook of a layer, and of a part of a layer, changes what is said as it does without `fast`."""
    lab = nl.load(save_tiny("llama", tmp_path), device=DEVICE, dtype="float32", fast=True)
    unhooked = [step.logits for step in lab.sample(TEXTS, 4)]
    parts = (layers(lab.model)[0], layers(lab.model)[1].mlp)
    hooks = [part.register_forward_hook(lambda module, inputs, output: 2 * output) for part in parts]
    hooked = [step.logits for step in lab.sample(TEXTS, 4)]
    lab.decoders = PlainDecoders(lab.model)
    for ours, plain, other in zip(hooked, lab.sample(TEXTS, 4), unhooked, strict=True):
        torch.testing.assert_close(ours, plain.logits)
        assert (ours - other).abs().max() > 0.1
    for hook in hooks:
        hook.remove()
    assert type(StepPool(lab.model, trace=True).take(1, 8)) is captured_step.CapturedStep


def test_the_steps_used_last_are_kept_until_memory_ends():
    pools = [StepPool(SimpleNamespace(device=torch.device("cpu"))) for _ in range(2)]
    steps = [SimpleNamespace(rows=rows, length=32, last=torch.zeros(1)) for rows in range(KEPT["cpu"] + 2)]
    for step in steps:
        pools[0].put_back(step)
    assert list(pools[0].spare.values()) == steps[2:]
    pools[1].forget()  # memory is one for all models
    assert not pools[0].spare


@pytest.mark.skipif(DEVICE != "cpu", reason="traced on a CPU only")
@torch.no_grad()  # as the decode loop makes steps
def test_a_trace_holds_no_tensor_of_the_model_and_is_in_no_registry(tmp_path):
    """What torch takes for a constant, or puts into its registry, is never freed."""
    lab = nl.load(save_tiny("llama", tmp_path), device=DEVICE, dtype="float32", fast=True)
    captured_step.CapturedStep(lab.model, 3, 8)  # what is scripted once for all is there now
    before = torch.jit._state._python_cu.get_functions()
    module = captured_step.CapturedStep(lab.model, 2, 8).forward
    graph = module.__closure__[0].cell_contents.graph
    held = [node.t("value") for node in graph.nodes() if node.kind() == "prim::Constant" and is_tensor(node)]
    assert all(tensor.numel() == 1 for tensor in held)
    assert len(torch.jit._state._python_cu.get_functions()) == len(before)


def is_tensor(node) -> bool:
    return node.hasAttribute("value") and node.kindOf("value") == "t"


def test_a_lab_that_is_let_go_of_frees_its_memory(tmp_path):
    for fast in (False, True):
        lab = nl.load(save_tiny("llama", tmp_path), device=DEVICE, dtype="float32", fast=fast)
        lab.generate(TEXTS, 3)
        assert lab.space.median_norm > 0
        assert bool(lab.decoders.spare) == (fast or DEVICE == "cuda")
        model, weight = weakref.ref(lab.model), weakref.ref(lab.model.get_input_embeddings().weight)
        del lab
        gc.collect()
        assert model() is None and weight() is None


def test_numbers_that_overflow_leave_nothing_behind(small, monkeypatch):
    monkeypatch.setattr(small, "decoders", StepPool(small.model, trace=True))
    x = small.embed(TEXTS[0])
    wanted = [step.logits for step in small.sample(x, 4)]
    signs = torch.tensor([1.0, -1.0], device=DEVICE).repeat(small.width // 2)
    with suppress(ValueError):  # where they become NaN
        list(small.sample(torch.full_like(x, 3e38) * signs, 8))
    found = [step.logits for step in small.sample(x, 4)]
    torch.testing.assert_close(torch.cat(found), torch.cat(wanted), rtol=1e-3, atol=1e-3)
