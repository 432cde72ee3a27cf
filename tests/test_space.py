"""The embedding space: only real tokens, as the model sees them."""

import pytest
import torch
from helpers.tiny_models import tiny_lab, tiny_tokenizer

import nokenlab as nl


def test_only_real_tokens_count(lab):
    small = tiny_lab("llama", lab.tokenizer)
    table = small.model.get_input_embeddings().weight
    assert len(table) == len(lab.tokenizer) + 64
    assert len(small.space) == len(lab.tokenizer)
    torch.testing.assert_close(small.space.centroid, table[: len(lab.tokenizer)].mean(0))


def test_values_are_the_modules_output_not_its_weight(lab):
    small = tiny_lab("gpt2", lab.tokenizer)
    plain = small.space.norms
    small.model.get_input_embeddings().register_forward_hook(lambda module, args, out: out * 3)
    scaled = nl.Lab(small.model, small.tokenizer, "scaled").space
    torch.testing.assert_close(scaled.norms, plain * 3)


def test_an_embedding_that_is_not_finite_is_an_error():
    small = tiny_lab("llama", tiny_tokenizer())
    small.model.get_input_embeddings().weight[7, 3] = float("nan")
    with pytest.raises(ValueError, match="the embedding of the token 7 is NaN or infinite"):
        _ = small.space.median_norm
    with pytest.raises(ValueError, match="NaN or infinite, first what enters layer 1"):
        small.model.get_input_embeddings().weight.nan_to_num_()
        small.model.model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
        small.states("Red is")


def test_the_nearest_token_of_a_tokens_embedding_is_that_token(any_lab):
    ids = torch.tensor([50, 905, 19556, len(any_lab.space) - 1])
    neighbours = any_lab.space.nearest(any_lab.space.vectors[ids], k=1)
    assert neighbours["id"].tolist() == ids.tolist()
    assert neighbours["cosine"].tolist() == pytest.approx([1.0] * 4)
    assert neighbours["distance"].tolist() == pytest.approx([0.0] * 4, abs=1e-4)


def test_nearest_agrees_with_every_cosine_by_hand(lab):
    vector = nl.random_nokens(lab.width, 1)[0]
    neighbours = lab.space.nearest(vector, k=7)
    everyone = torch.nn.functional.cosine_similarity(lab.space.vectors, vector[None])
    assert neighbours["cosine"].tolist() == pytest.approx(everyone.topk(7).values.tolist())
    assert neighbours["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert list(neighbours.columns) == ["rank", "token", "id", "cosine", "distance"]


def test_nearest_does_not_care_for_length(lab):
    vector = nl.random_nokens(lab.width, 1)[0]
    assert lab.space.nearest(vector, 5)["id"].equals(lab.space.nearest(vector * 50, 5)["id"])


def test_bad_vectors(lab):
    with pytest.raises(ValueError, match="width 576"):
        lab.space.nearest(torch.ones(8))
    with pytest.raises(ValueError, match="NaN"):
        lab.space.nearest(torch.full((576,), float("nan")))


def test_principal_directions_are_a_basis_that_holds_all_the_variance(any_lab):
    variances, directions = any_lab.space.principal
    torch.testing.assert_close(directions @ directions.T, torch.eye(any_lab.width), atol=1e-4, rtol=0)
    assert (variances.diff() <= 1e-6).all()
    assert variances.sum().item() == pytest.approx((any_lab.space.distances**2).mean().item(), rel=1e-3)
    along = (any_lab.space.vectors.float() - any_lab.space.centroid) @ directions[0]
    assert along.square().mean().item() == pytest.approx(variances[0].item(), rel=1e-3)


def test_rows_are_where_the_ids_are(any_lab):
    space = any_lab.space
    ids = space.ids[[0, 7, -1]]
    assert space.ids[space.rows(ids)].tolist() == ids.tolist()
    with pytest.raises(ValueError, match="no token has the id"):
        space.rows(torch.tensor([10**7]))


def test_embeddings_are_not_held_twice(any_lab):
    weight = any_lab.model.get_input_embeddings().weight
    assert any_lab.space.vectors.data_ptr() == weight.data_ptr()
    assert not any_lab.space.vectors.requires_grad
