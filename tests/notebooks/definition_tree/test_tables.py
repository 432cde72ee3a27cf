"""Definition trees: where all the probability goes, and the same numbers by a straight road."""

import pytest
import torch
from helpers.tiny_models import TINY, save_tiny, tiny_lab

import nokenlab as nl
from nokenlab.prompt import fill
from workbook.definition_tree import counts as definition_tree_counts
from workbook.definition_tree import tables as definition_tree
from workbook.definitions.tables import first_sentence


@pytest.fixture(scope="module", params=sorted(TINY))
def small(request, tmp_path_factory):
    """Each architecture in turn, as a user's folder."""
    return nl.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


def prompt(lab, name="centroid"):
    return fill(lab, definition_tree.PROMPT, definition_tree.subject(lab, name))


def paths(table) -> dict[int, list[int]]:
    """The token ids from the prompt to each node."""
    found = {0: []}
    for row in table.iloc[1:].itertuples():
        found[row.node] = [*found[row.parent], row.id]
    return found


def adds_up(table) -> None:
    """All that is in a node goes on to its children or is cut; the same at each depth of the whole tree."""
    kept = table.groupby("parent")["cumulative"].sum().reindex(table["node"], fill_value=0).to_numpy()
    asked = table["entropy"].notna().to_numpy()
    out = kept + table[definition_tree.CUTS].sum(axis=1).to_numpy()
    assert out[asked] == pytest.approx(table["cumulative"][asked], abs=1e-12)
    depths = definition_tree_counts.by_depth(table.assign(subject="x"))
    total = depths[["on", "ended", *definition_tree.CUTS]].sum(axis=1)
    assert total.tolist() == pytest.approx([1.0] * len(total), abs=1e-9)


def test_all_probability_is_somewhere_and_the_cache_changes_none_of_it(small):
    """Each node's probability, against one pass over all the tokens that lead to it."""
    start = prompt(small)
    table = definition_tree.grow(small, start, k=3, threshold=0, depth=4)
    adds_up(table)
    deepest = table[table["depth"] == 4]
    assert len(deepest) > 9
    ways = paths(table)
    for row in deepest.iloc[:: max(len(deepest) // 6, 1)].itertuples():
        ids = torch.tensor(ways[row.node])
        texts = [torch.cat([start, small.embed_ids(ids[:n])[None]], dim=1) for n in range(4)]
        steps = torch.cat([small.logits(text) for text in texts]).double().softmax(-1)
        by_hand = steps.gather(1, ids[:, None].to(steps.device)).prod().item()
        assert row.cumulative == pytest.approx(by_hand, rel=1e-3)


def test_the_greedy_path_is_what_generate_says(any_lab):
    start = prompt(any_lab)
    table = definition_tree.grow(any_lab, start, k=2, threshold=0, depth=6).assign(subject="centroid")
    last = table[definition_tree_counts.greedy(table)].iloc[-1]
    said = any_lab.generate(start, 6)[0]
    assert first_sentence(last["text"]) == first_sentence(said)
    assert last["depth"] == 6 or last["ends"] in definition_tree.COMPLETE


def test_the_tree_is_the_same_in_batches_of_any_size(tiny):
    start = prompt(tiny)
    whole, *others = (
        definition_tree.grow(tiny, start, k=2, threshold=0, depth=5, batch_size=size) for size in (None, 1, 5)
    )
    assert len(whole) > 30
    one = dict(zip(map(tuple, paths(whole).values()), whole["cumulative"], strict=True))
    for other in others:
        two = dict(zip(map(tuple, paths(other).values()), other["cumulative"], strict=True))
        alike = one.keys() & two.keys()  # of a random model's near-equal tokens the last bit may choose
        assert len(alike) > 0.9 * len(one) and len(one) == len(two)
        assert [two[path] for path in alike] == pytest.approx([one[path] for path in alike], rel=1e-3)


def test_a_threshold_takes_off_just_what_is_under_it(lab):
    start = prompt(lab, "dog")
    every = definition_tree.grow(lab, start, k=3, threshold=0, depth=3)
    some = definition_tree.grow(lab, start, k=3, threshold=0.01, depth=3)
    assert 1 < len(some) < len(every)
    assert some["text"].tolist() == every[every["cumulative"] >= 0.01]["text"].tolist()
    assert (some["cut_threshold"].sum() > 0) and (every["cut_threshold"] == 0).all()
    childless = some[~some["node"].isin(some["parent"])]
    assert set(childless["ends"]) <= {
        definition_tree.UNLIKELY,
        definition_tree.DEEP,
        *definition_tree.COMPLETE,
    }


def test_where_there_is_no_room_the_likeliest_stay_and_the_rest_is_counted(lab):
    start = prompt(lab)
    every = definition_tree.grow(lab, start, k=4, threshold=0, depth=3)
    some = definition_tree.grow(lab, start, k=4, threshold=0, depth=3, widest=6)
    assert some.groupby("depth").size().tolist() == [1, 4, 6, 6]
    second = every[every["depth"] == 2]["cumulative"].nlargest(6)
    assert sorted(some[some["depth"] == 2]["cumulative"]) == pytest.approx(sorted(second))
    assert some["cut_room"].sum() > 0 and (every["cut_room"] == 0).all()
    adds_up(some)


def test_branches_end_with_the_text_or_at_a_full_stop(lab):
    small = tiny_lab("llama", lab.tokenizer)
    start = prompt(small)
    first = definition_tree.grow(small, start, k=3, threshold=0, depth=2)
    end, stop = first["id"][1:3].tolist()
    small.model.generation_config.eos_token_id = end
    small.token = lambda id, own=small.token: "a.b" if id == stop else own(id)
    table = definition_tree.grow(small, start, k=3, threshold=0, depth=3)
    assert table["ends"][1] == definition_tree.ENDED and table["text"][1] == ""
    assert table["ends"][2] == definition_tree.STOP
    assert not set(table["parent"]) & {1, 2} and 3 in set(table["parent"])
    complete = definition_tree_counts.branches(table.assign(subject="x")).query("complete")
    assert complete["cumulative"].iloc[:2].tolist() == table["cumulative"][[1, 2]].tolist()
    assert complete["ends"].iloc[:2].tolist() == [definition_tree.ENDED, definition_tree.STOP]
    adds_up(table)


def test_the_model_is_run_only_under_its_lock_and_without_gradients(tiny):
    held = []
    hook = tiny.model.register_forward_pre_hook(
        lambda *_: held.append((tiny.lock._is_owned(), torch.is_grad_enabled()))
    )
    definition_tree.grow(tiny, prompt(tiny), k=2, threshold=0, depth=3)
    hook.remove()
    assert len(held) == 3 and set(held) == {(True, False)}
    assert not tiny.lock._is_owned()


def test_subjects_are_where_they_say(lab):
    c = lab.space.centroid.cpu()
    assert torch.equal(definition_tree.subject(lab, "centroid"), c)
    assert torch.equal(definition_tree.subject(lab, "dog"), lab.embed(" dog")[0, -1].cpu())
    away = definition_tree.subject(lab, "noken 3", 2.5) - c
    assert away.norm().item() == pytest.approx(2.5, rel=1e-4)
    torch.testing.assert_close(away, nl.random_nokens(lab.width, [3], norm=2.5)[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "bad",
    [
        {"subjects": []},
        {"subjects": ["dog", "dog"]},
        {"subjects": [" "]},
        {"k": 0},
        {"depth": 0},
        {"widest": 0},
        {"threshold": 1.0},
        {"threshold": float("nan")},
        {"radius": -1.0},
    ],
)
def test_settings_that_grow_no_tree_are_refused_before_the_model_runs(bad):
    with pytest.raises(
        ValueError, match=f"^[^\n]*{'subjects' if 'subjects' in bad else next(iter(bad))}[^\n]*$"
    ):
        definition_tree.trees(None, **{"subjects": ["centroid"]} | bad)
