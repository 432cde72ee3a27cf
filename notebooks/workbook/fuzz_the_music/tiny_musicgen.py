"""A tiny MusicGen of random weights, and a tokenizer for it: the same every time."""

import torch

from nokenlab.music import music_lab

WORDS = """a an the and of in with for on at to from very some no loud quiet slow fast calm happy sad dark
bright warm cold soft hard rock pop jazz folk blues dance techno house metal classical ambient piano guitar
violin drums bass flute trumpet strings synth beat beats melody tune song music sound choir voice rain
80s 90s track driving gentle distorted electric acoustic solo party lo-fi chill"""


def load(model: str, **options) -> music_lab.MusicLab:
    """A MusicGen by name, as `music_lab.load`; "default" is the tiny one.

    It shows that the path from a prompt to a sound works, and its sound is noise.
    """
    if model != "default":
        return music_lab.load(model, **options)
    if options.get("revision"):
        raise ValueError("the tiny MusicGen has no revisions; leave out revision=")
    with music_lab.quiet():
        return music_lab.MusicLab(*tiny())


def tiny() -> tuple:
    """Network, tokenizer, name and revision, the arguments of a MusicLab.

    600,000 random weights, always the same; 8,000 samples per second.
    """
    import transformers as t

    tokenizer = _tokenizer()
    text = t.T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    codec = t.EncodecConfig(
        sampling_rate=8000,
        upsampling_ratios=[5, 4, 4, 2],
        hidden_size=32,
        num_filters=8,
        num_lstm_layers=1,
        codebook_size=64,
        target_bandwidths=[1.2],
    )
    special = {"pad_token_id": 64, "bos_token_id": 64}
    sizes = {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        decoder = t.MusicgenDecoderConfig(vocab_size=64, **sizes, **special)
        config = t.MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
        torch.manual_seed(0)
        network = t.MusicgenForConditionalGeneration(config)
        _shake(network)
    network.generation_config.update(decoder_start_token_id=64, top_k=None, **special)
    return network, tokenizer, "tiny random MusicGen", "random weights of seed 0"


@torch.no_grad()
def _shake(network) -> None:
    """Larger random weights: with the initial ones all prompts sound alike, and nearly silent."""
    for name, weight in network.named_parameters():
        if name.startswith(("decoder.", "enc_to_dec_proj.")) and weight.dim() > 1:
            weight.normal_(0, 0.2)
    codec = network.audio_encoder
    for layer in codec.quantizer.layers:
        layer.codebook.embed.normal_()  # initially all zeros
    for name, weight in codec.decoder.named_parameters():
        if name.endswith("bias"):
            weight.zero_()
        elif name.endswith("original0"):  # the lengths of the filters
            weight.mul_(1.6)


def _tokenizer():
    """Whole words for WORDS, pieces of words and bytes for all else."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(kinds.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    special = ["<pad>", "</s>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(WORDS.split(), trainer)
    end = ("</s>", tokenizer.token_to_id("</s>"))  # behind each text, as T5 has it
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[end])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
