"""A GGUF file loaded as any model: a tiny Gemma 3, whose norms GGUF stores with 1 added."""

import copy
import json

import gguf
import pytest
import tokenizers
import torch
from helpers.tiny_models import tiny_model, tiny_tokenizer

import nokenlab as nl
from nokenlab.models import gguf_files


def save(path, without: str = ""):
    """Write a tiny Gemma 3 as a GGUF file, but for one of its tensors; returns the model."""
    tokens = tiny_tokenizer("words, start").convert_ids_to_tokens(range(412))
    layers = {"num_hidden_layers": 7, "sliding_window": 8, "tie_word_embeddings": True}  # the sixth sees all
    model = tiny_model("gemma3_text", len(tokens), **layers)
    config, writer = model.config, gguf.GGUFWriter(path, "gemma3")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    writer.add_sliding_window(config.sliding_window)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([3] * 4 + [1] * (len(tokens) - 4))  # the first four are control tokens
    for add, id in zip(("pad", "bos", "eos", "unk"), range(4), strict=True):
        getattr(writer, f"add_{add}_token_id")(id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    for name, weight in model.state_dict().items():
        if name not in ("lm_head.weight", without):
            stored = weight + 1 if weight.dim() == 1 else weight
            writer.add_tensor(names.get_name(name, [".weight"]), stored.numpy())
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return model


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "cache"))


@torch.no_grad()
def test_a_gguf_file_or_its_folder_is_the_model_that_was_written(tmp_path, capsys):
    model = save(tmp_path / "tiny.gguf")
    model.model.norm.weight += 0.5  # as if a reader had forgotten a shift: it would be seen
    ids = torch.arange(5, 25)[None]  # longer than the sliding window
    shifted = model(ids).logits
    model.model.norm.weight -= 0.5
    lab = nl.load(tmp_path / "tiny.gguf", device="cpu")
    logits = lab.model(ids).logits
    assert torch.allclose(logits, model(ids).logits, atol=1e-5)
    assert not torch.allclose(logits, shifted, atol=1e-2)
    assert lab.name == "tiny" and lab.tokenizer.bos_token == "<s>"
    assert "tiny.gguf: converting its weights" in capsys.readouterr().err
    assert nl.load(tmp_path, device="cpu").revision == lab.revision
    assert capsys.readouterr().err == ""  # converted once


def test_missing_weights_are_not_drawn_at_random(tmp_path):
    save(tmp_path / "tiny.gguf", without="model.layers.3.mlp.up_proj.weight")
    with pytest.raises(
        ValueError, match=r"cannot load the model 'tiny': 1 of its weights are not in its files"
    ):
        nl.load(tmp_path / "tiny.gguf")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


def test_other_files_and_several_are_refused_in_one_line(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"cannot load the model 'a': .*GGUF"):
        nl.load(tmp_path)
    (tmp_path / "b.gguf").touch()
    with pytest.raises(ValueError, match=r"has 2 GGUF files; give the path of one of them: a\.gguf, b\.gguf"):
        nl.load(tmp_path)


def test_a_tokenizer_that_lost_its_merges_is_refused():
    tokenizer = copy.deepcopy(tiny_tokenizer("bytes"))  # the original is shared by all tests
    words = sorted(token for token in tokenizer.get_vocab() if token.startswith("Ġ") and token[1:].islower())
    assert words
    gguf_files.check_words(tokenizer)
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["model"]["merges"] = []
    tokenizer._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    with pytest.raises(ValueError, match=r"converts its tokenizer wrongly: \d+ of \d+ words"):
        gguf_files.check_words(tokenizer)
