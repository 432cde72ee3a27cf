"""Text to ids and back, with tokenizers of every kind: fronts, start-of-text tokens, words of one's own."""

import pytest
import torch
import transformers
from helpers.tiny_models import tiny_model, tiny_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import nokenlab as nl
from nokenlab.embedder import Embedder
from nokenlab.prompt import word_vector

SPACE_IN_FRONT = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
FRONTS = {  # how a tokenizer treats the front of a text: the kind of its vocabulary, and the parts that do it
    "always": ("words, start", {"pre_tokenizer": pre_tokenizers.Metaspace(prepend_scheme="always")}),
    "first": (
        "words, start",
        {"pre_tokenizer": pre_tokenizers.Metaspace(prepend_scheme="first", split=False)},
    ),
    "legacy": ("words, start", {"normalizer": normalizers.Sequence(SPACE_IN_FRONT), "pre_tokenizer": None}),
    "strips": ("words", {"normalizer": normalizers.Strip()}),
    "bytes with a space": (
        "bytes, start",
        {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True)},
    ),
    "bytes": ("bytes, start", {}),
}


def embedder(tokenizer, **changes) -> Embedder:
    if isinstance(tokenizer, Tokenizer):
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **changes)
    return nl.Lab(tiny_model("gpt2", len(tokenizer)), tokenizer, "tiny")


@pytest.fixture(params=FRONTS)
def front(request):
    kind, changes = FRONTS[request.param]
    tokenizer = Tokenizer.from_str(tiny_tokenizer(kind).backend_tokenizer.to_str())
    for name, part in changes.items():
        setattr(tokenizer, name, part)
    return embedder(tokenizer, bos_token="<s>", eos_token="</s>")


@pytest.mark.parametrize(
    "prompt, word",
    [
        ("The <noken>, red", " Red"),
        ("The <noken>s are", " Red"),
        ("The (<noken>) is", "a"),
        ("<noken>, red", "Red"),
        ("A <noken> of <noken>\n(a", " Red"),
    ],
)
def test_behind_a_place_stand_the_tokens_of_the_text(front, prompt, word):
    """Compared with the same text that has a one-token word there."""
    text = front.embed(prompt.replace(f"{' ' * word.startswith(' ')}<noken>", word))
    ids = front.ids_behind(word) if prompt.index("<noken>") else front.ids(word)
    (vector,) = front.embed_ids(ids)
    vectors = vector.expand(1, prompt.count("<noken>"), -1)
    torch.testing.assert_close(nl.fill(front, prompt, vectors), text, rtol=0, atol=0)
    blorp = front.with_nokens(blorp=vector)
    torch.testing.assert_close(blorp.embed(prompt.replace("<noken>", "<blorp>")), text, rtol=0, atol=0)


def test_tokenizers_of_bytes_are_as_they_were(lab):
    for text in (", red", "s are", ") is", " is", "\n is", "'s", "🙂"):
        assert lab.ids_behind(text).tolist() == lab.ids(text).tolist()


def test_a_word_has_its_space_and_a_target_goes_on_behind_the_prompt(front):
    assert torch.equal(word_vector(front, "Red"), front.embed("The Red")[0, 1])
    learner = nl.Learner(front, "The <noken> is", [" Red", "s are"])
    assert [front.text(ids)[-4:] for ids in learner.ids] == [" Red", " are"]
    assert len(learner.ids[0]) == 1 and front.token(learner.ids[1][0].item()) == "s"


@pytest.mark.parametrize("front", ["always", "first", "legacy", "bytes"], indirect=True)
def test_a_text_that_begins_with_the_start_of_text_token_gets_no_second(front):
    front.tokenizer.chat_template = "{{ bos_token }}{{ messages[0].content }} is"
    chat = front.tokenizer.apply_chat_template([{"role": "user", "content": "Red"}], tokenize=False)
    for text in ("<s>Red is", chat):
        ids = front.tokenizer(text, add_special_tokens=False).input_ids  # some drop the space behind <s>
        assert ids[0] == 1 and front.ids(text).tolist() == ids[1:] == front.tokens(text)["id"].tolist()
        assert front.embed(text).shape[1] == len(ids) - 1
        batch, mask = front.batch([text, "Red is a color"])  # padded on the left
        assert torch.equal(batch[0][mask[0] == 1], front.embed_ids(torch.tensor(ids)))
    word, prompt = word_vector(front, "Red"), "<s>The <noken> is"
    assert torch.equal(nl.fill(front, prompt, word), front.embed("<s>The Red is"))
    named = front.with_nokens(blorp=word)
    assert torch.equal(named.embed("<s>The <blorp> is"), front.embed("<s>The Red is"))
    assert torch.equal(nl.fill(front, "<s><noken> is", word), nl.fill(front, "<noken> is", word))


def test_words_of_ones_own_come_after_all_tokens_and_are_spelled():
    tokenizer = Tokenizer.from_str(tiny_tokenizer("words").backend_tokenizer.to_str())
    small = embedder(tokenizer)
    rows = len(small.tokenizer)
    small.tokenizer.add_tokens(["<extra>"])  # its id is beyond the model's table
    named = small.with_nokens(blorp=torch.ones(32), zug=torch.zeros(32))
    ids = named.ids("The <blorp><zug> is")
    assert named.tokens("The <blorp> is<zug>")["token"].tolist() == [" The", "<blorp>", " is", "<zug>"]
    assert named.text(ids) == named.text(ids.tolist()) == " The<blorp><zug> is"
    assert named.ids(named.text(ids).strip()).tolist() == ids.tolist()
    assert named.ids("<extra>").tolist() == [rows] and named.token(rows) == "<extra>"
    for lab in (small, named):
        with pytest.raises(ValueError, match=f"ids of tiny are 0 to {rows - 1}"):
            lab.embed("The <extra>")
    with pytest.raises(ValueError, match="0 to"):
        named.embed_ids(ids.max() + 1)


def test_a_text_without_tokens_and_one_that_cannot_be_read_name_the_tokenizer():
    strips = Tokenizer.from_str(tiny_tokenizer("words, start").backend_tokenizer.to_str())
    strips.normalizer = normalizers.Strip()
    small = embedder(strips, bos_token="<s>")
    for text in (" ", "<s>"):
        assert len(small.ids(text)) == len(small.tokens(text)) == 0
        with pytest.raises(ValueError, match="the prompt has no tokens: the tokenizer of tiny drops"):
            small.generate(text)
    words = Tokenizer(models.WordLevel({"red": 0, "is": 1}))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    small = embedder(words)
    assert nl.fill(small, "red <noken> is", torch.ones(32)).shape[1] == 3
    for call in (small.ids, small.embed, small.tokens, small.generate):
        with pytest.raises(ValueError, match=r"the tokenizer of tiny cannot read 'blue is': .*\[UNK\]"):
            call("blue is")
