"""Tiny random models of many architectures with a small tokenizer, saved as a user's folder would be."""

from functools import cache

import gguf
import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import nokenlab as nl
from nokenlab.models import gguf_weights

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,  # large weights, so that the next tokens are not all alike
}
GPT_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "initializer_range": 0.2}
OPT_SIZES = {"ffn_dim": 48, "word_embed_proj_dim": 16, "init_std": 0.2}
BLOOM_SIZES = {"hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.2}
TWO_KEYS = {"num_key_value_heads": 2, "head_dim": 8}

# architecture -> (configuration, its settings, the kind of tokenizer its family has)
TINY = {
    "bloom": (transformers.BloomConfig, BLOOM_SIZES, "bytes"),
    "codegen": (transformers.CodeGenConfig, GPT_SIZES | {"rotary_dim": 4}, "bytes"),
    "falcon": (transformers.FalconConfig, SIZES, "bytes"),
    "gemma": (transformers.GemmaConfig, SIZES | TWO_KEYS, "words, start"),
    "gemma2": (transformers.Gemma2Config, SIZES | TWO_KEYS | {"sliding_window": 8}, "words, start"),
    "gemma3_text": (transformers.Gemma3TextConfig, SIZES | TWO_KEYS | {"sliding_window": 8}, "words, start"),
    "gpt2": (transformers.GPT2Config, GPT_SIZES, "bytes"),
    "gpt_bigcode": (transformers.GPTBigCodeConfig, GPT_SIZES, "bytes"),
    "gpt_neox": (transformers.GPTNeoXConfig, SIZES, "bytes"),
    "gptj": (transformers.GPTJConfig, GPT_SIZES | {"rotary_dim": 4}, "bytes"),
    "llama": (transformers.LlamaConfig, SIZES | TWO_KEYS, "bytes, start"),
    "mistral": (transformers.MistralConfig, SIZES | TWO_KEYS | {"sliding_window": 8}, "words, start"),
    "mixtral": (transformers.MixtralConfig, SIZES | TWO_KEYS | {"num_local_experts": 4}, "words, start"),
    "opt": (transformers.OPTConfig, SIZES | OPT_SIZES, "bytes, start"),
    "phi": (transformers.PhiConfig, SIZES, "bytes"),
    "phi3": (transformers.Phi3Config, SIZES | {"num_key_value_heads": 2}, "words, start"),
    "qwen2": (transformers.Qwen2Config, SIZES | TWO_KEYS, "bytes"),
    "qwen3": (transformers.Qwen3Config, SIZES | TWO_KEYS, "bytes"),
    "starcoder2": (transformers.Starcoder2Config, SIZES | TWO_KEYS, "bytes"),
}
PADDING_ROWS = 30  # rows of the embedding table behind the last token, as Phi-2 and GPT-J have them

WORDS = """Red is a color that is often associated with White whippets are Black whippets are
Red is the first Hello world :) The best food is Once upon a time there was Whippet facts: Random number?
White Black Red Blue Green The the a an of to and in is are was that it with for as on by at from"""


@cache
def tiny_tokenizer(kind: str = "bytes"):
    """About 400 tokens. "bytes" as GPT-2 has them, "words" that start with ▁ as SentencePiece has them;
    with "start" a start-of-text token comes before each text."""
    special = ["<pad>", "<s>", "</s>"]
    if kind.startswith("bytes"):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        steps = [decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()]
        tokenizer.decoder = decoders.Sequence(steps)
        special += ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(WORDS.split() + [f" {word}" for word in WORDS.split()], trainer)
    if kind.endswith("start"):
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def tiny_model(kind: str, vocab_size: int, **changes):
    """A random model of an architecture; `changes` go into its configuration."""
    config_class, settings, _ = TINY[kind]
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}
    config = config_class(vocab_size=vocab_size, **settings | ids | changes)
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def tiny_lab(kind: str, tokenizer, **changes) -> nl.Lab:
    """A random model of an architecture, with the default model's tokenizer and padding rows behind it."""
    model = tiny_model(kind, len(tokenizer) + 64, **changes).requires_grad_(False)  # as `load` gives it
    return nl.Lab(model, tokenizer, f"tiny-{kind}")


def save_tiny(kind: str, folder):
    """A tiny model and its tokenizer in `folder`, to be loaded by `nl.load(folder)`; returns `folder`."""
    tokenizer = tiny_tokenizer(TINY[kind][2])
    tiny_model(kind, len(tokenizer) + PADDING_ROWS).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@torch.no_grad()
def save_tiny_packed(folder):
    """A tiny Llama and its tokenizer in `folder`, with its packed weights; returns `folder`.

    Its layers are of 4 bits and its vocabulary of 8, as the default model's.
    """
    sizes = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16, "tie_word_embeddings": True}
    model = tiny_model("llama", 640, **sizes)
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    for name, weight in model.named_parameters():
        _pack(writer, names.get_name(name, [".weight"]), weight, model.config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.save_pretrained(folder)
    gguf_weights.save(folder / "model.gguf", folder)
    tiny_tokenizer().save_pretrained(folder)  # without a start token, which all rows would share
    return folder


def _pack(writer, name: str, weight, config) -> None:
    """Add a weight to a GGUF file, and make it what can be read back."""
    if weight.dim() == 1:
        weight.uniform_(0.5, 1.5)
        writer.add_tensor(name, weight.numpy())
        return
    kind = gguf.GGMLQuantizationType.Q8_0 if name == "token_embd.weight" else gguf.GGMLQuantizationType.Q4_1
    packed = gguf.quantize(weight.numpy(), kind)
    weight.copy_(torch.from_numpy(gguf.dequantize(packed, kind)))
    if name.endswith(("attn_q.weight", "attn_k.weight")):
        packed = packed[
            np.argsort(gguf_weights.rotary_order(len(weight) // config.head_dim, config.head_dim))
        ]
    writer.add_tensor(name, packed, raw_dtype=kind)
