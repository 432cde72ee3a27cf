"""Definition trees: where all the probability goes, and the same numbers by a direct computation."""

import pytest
import torch
from helpers.tiny_models import TINY, save_tiny, tiny_lab

import nokenlab as nl
from nokenlab.prompt import fill
from workbook.definition_tree import counts, tables
from workbook.definition_tree.tables import CUTS, grow
from workbook.definitions.tables import first_sentence


@pytest.fixture(scope="module", params=sorted(TINY))
def small(request, tmp_path_factory):
    """Each architecture, as a user's folder."""
    return nl.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


def prompt(lab, name="centroid"):
    return fill(lab, tables.PROMPT, tables.subject(lab, name))


def paths(table) -> dict[int, list[int]]:
    """The token ids from the prompt to each node."""
    paths = {0: []}
    for row in table.iloc[1:].itertuples():
        paths[row.node] = [*paths[row.parent], row.id]
    return paths


def adds_up(table) -> None:
    """All that is in a node goes on to its children or is cut; the same at each depth of the tree."""
    children = table.groupby("parent")["cumulative"].sum().reindex(table["node"], fill_value=0).to_numpy()
    ran = table["entropy"].notna().to_numpy()
    out = children + table[CUTS].sum(axis=1).to_numpy()
    assert out[ran] == pytest.approx(table["cumulative"][ran], abs=1e-12)
    depths = counts.by_depth(table.assign(subject="x"))
    total = depths[["on", "ended", *CUTS]].sum(axis=1)
    assert total.tolist() == pytest.approx([1.0] * len(total), abs=1e-9)


def test_all_probability_is_somewhere_and_the_cache_changes_none_of_it(small):
    """Each node's probability, against one pass over all the tokens that lead to it."""
    start = prompt(small)
    table = grow(small, start, k=3, threshold=0, depth=4)
    adds_up(table)
    deepest = table[table["depth"] == 4]
    assert len(deepest) > 9
    path_of = paths(table)
    for row in deepest.iloc[:: max(len(deepest) // 6, 1)].itertuples():
        ids = torch.tensor(path_of[row.node])
        texts = [torch.cat([start, small.embed_ids(ids[:n])[None]], dim=1) for n in range(4)]
        steps = torch.cat([small.logits(text) for text in texts]).double().softmax(-1)
        by_hand = steps.gather(1, ids[:, None].to(steps.device)).prod().item()
        assert row.cumulative == pytest.approx(by_hand, rel=1e-3)


def test_the_greedy_path_is_what_generate_says(any_lab):
    start = prompt(any_lab)
    table = grow(any_lab, start, k=2, threshold=0, depth=6).assign(subject="centroid")
    last = table[counts.greedy(table)].iloc[-1]
    assert first_sentence(last["text"]) == first_sentence(any_lab.generate(start, 6)[0])
    assert last["depth"] == 6 or last["ends"] in tables.COMPLETE


def test_the_tree_is_the_same_in_batches_of_any_size(tiny):
    start = prompt(tiny)
    first, *others = (grow(tiny, start, k=2, threshold=0, depth=5, batch_size=size) for size in (None, 1, 5))
    assert len(first) > 30
    probability = dict(zip(map(tuple, paths(first).values()), first["cumulative"], strict=True))
    for other in others:
        again = dict(zip(map(tuple, paths(other).values()), other["cumulative"], strict=True))
        both = probability.keys() & again.keys()  # the last bit may choose between near-equal tokens
        assert len(both) > 0.9 * len(probability) and len(probability) == len(again)
        assert [again[path] for path in both] == pytest.approx([probability[p] for p in both], rel=1e-3)


def test_a_threshold_removes_only_what_is_under_it(lab):
    start = prompt(lab, "dog")
    full, cut = (grow(lab, start, k=3, threshold=threshold, depth=3) for threshold in (0, 0.01))
    assert 1 < len(cut) < len(full)
    assert cut["text"].tolist() == full[full["cumulative"] >= 0.01]["text"].tolist()
    assert (cut["cut_threshold"].sum() > 0) and (full["cut_threshold"] == 0).all()
    childless = cut[~cut["node"].isin(cut["parent"])]
    assert set(childless["ends"]) <= {tables.UNLIKELY, tables.DEEP, *tables.COMPLETE}


def test_without_room_the_likeliest_stay_and_the_rest_is_counted(lab):
    start = prompt(lab)
    full, cut = (grow(lab, start, k=4, threshold=0, depth=3, widest=widest) for widest in (1000, 6))
    assert cut.groupby("depth").size().tolist() == [1, 4, 6, 6]
    second = full[full["depth"] == 2]["cumulative"].nlargest(6)
    assert sorted(cut[cut["depth"] == 2]["cumulative"]) == pytest.approx(sorted(second))
    assert cut["cut_room"].sum() > 0 and (full["cut_room"] == 0).all()
    adds_up(cut)


def test_branches_end_with_the_text_or_at_a_full_stop(lab):
    small = tiny_lab("llama", lab.tokenizer)
    start = prompt(small)
    end, stop = grow(small, start, k=3, threshold=0, depth=2)["id"][1:3].tolist()
    small.model.generation_config.eos_token_id = end
    small.token = lambda id, token=small.token: "a.b" if id == stop else token(id)
    table = grow(small, start, k=3, threshold=0, depth=3)
    assert table["ends"][1] == tables.ENDED and table["text"][1] == ""
    assert table["ends"][2] == tables.STOP
    assert not set(table["parent"]) & {1, 2} and 3 in set(table["parent"])
    complete = counts.branches(table.assign(subject="x")).query("complete")
    assert complete["cumulative"].iloc[:2].tolist() == table["cumulative"][[1, 2]].tolist()
    assert complete["ends"].iloc[:2].tolist() == [tables.ENDED, tables.STOP]
    adds_up(table)


def test_the_model_is_run_only_under_its_lock_and_without_gradients(tiny):
    runs = []
    hook = tiny.model.register_forward_pre_hook(
        lambda *_: runs.append((tiny.lock._is_owned(), torch.is_grad_enabled()))
    )
    grow(tiny, prompt(tiny), k=2, threshold=0, depth=3)
    hook.remove()
    assert len(runs) == 3 and set(runs) == {(True, False)}
    assert not tiny.lock._is_owned()


def test_a_tree_that_the_context_has_no_room_for_is_refused(tiny):
    with pytest.raises(ValueError, match="tokens"):
        grow(tiny, prompt(tiny), depth=100_000)


def test_subjects_are_the_centroid_a_noken_and_a_word(lab):
    c = lab.space.centroid.cpu()
    assert torch.equal(tables.subject(lab, "centroid"), c)
    assert torch.equal(tables.subject(lab, "dog"), lab.embed(" dog")[0, -1].cpu())
    offset = tables.subject(lab, "noken 3", 2.5) - c
    assert offset.norm().item() == pytest.approx(2.5, rel=1e-4)
    torch.testing.assert_close(offset, nl.random_nokens(lab.width, [3], norm=2.5)[0], rtol=1e-3, atol=1e-5)
