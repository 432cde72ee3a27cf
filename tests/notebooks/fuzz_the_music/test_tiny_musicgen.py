"""The tiny MusicGen: the same weights every time, and a tokenizer that knows words of music."""

import torch

from workbook.fuzz_the_music import tiny_musicgen


def test_it_is_always_the_same_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second = tiny_musicgen.tiny()[0], tiny_musicgen.tiny()[0]
    assert torch.equal(torch.get_rng_state(), before)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_its_tokenizer_has_whole_words_of_music_and_takes_any_other():
    tokenizer = tiny_musicgen.tiny()[1]
    ids = tokenizer("slow piano music").input_ids
    assert len(ids) == 4 and ids[-1] == tokenizer.eos_token_id
    other = tokenizer("Übermut 犬").input_ids
    assert tokenizer.decode(other[:-1]).strip() == "Übermut 犬"
    assert tokenizer.unk_token_id not in other
