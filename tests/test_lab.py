"""What a Lab makes of texts, and what it refuses."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import transformers
from helpers.tiny_models import save_tiny, tiny_tokenizer
from transformers import TopKLogitsWarper

import nokenlab as nl
from nokenlab.models import memory
from nokenlab.prompt import fill, word_vector


def test_tokens_spell_the_text(lab):
    table = lab.tokens("Hello world :)")
    assert list(table.columns) == ["position", "token", "id", "norm"]
    assert table["token"].tolist() == ["Hello", " world", " :)"]
    assert table["norm"].tolist() == pytest.approx(lab.embed("Hello world :)")[0].norm(dim=-1).tolist())


def test_half_characters_are_shown_as_bytes(lab):
    tokens = lab.tokens("👋")["token"]
    assert "".join(tokens) == "".join(f"\\x{byte:02x}" for byte in "👋".encode())


def test_a_noken_with_a_name_is_a_word_of_every_text(tiny):
    blorp, zug = nl.random_nokens(tiny.width, [0, 1], norm=tiny.space.median_norm)
    known = tiny.with_nokens(blorp=blorp).with_nokens(zug=zug)
    table = known.tokens("The <blorp> is a<zug>")
    assert table["token"].tolist() == ["The", "<blorp>", " is", " a", "<zug>"]
    assert table["norm"].tolist()[1::3] == pytest.approx([blorp.norm().item(), zug.norm().item()])
    torch.testing.assert_close(known.embed("The <blorp> is"), fill(tiny, "The <noken> is", blorp))
    assert known.generate("The <blorp> is", 5) == tiny.generate(fill(tiny, "The <noken> is", blorp), 5)
    torch.testing.assert_close(word_vector(known, "<zug>"), zug)
    torch.testing.assert_close(known.embed("White whippets"), tiny.embed("White whippets"), rtol=0, atol=0)
    assert len(tiny.ids("The <blorp> is")) > 3 and not tiny.nokens  # the lab it was made from knows nothing


@pytest.mark.parametrize(
    "name, vector, message",
    [
        ("noken", torch.zeros(1), "choose another word"),
        ("two words", torch.zeros(1), "choose another word"),
        ("blorp", torch.zeros(3), "one vector"),
        ("blorp", torch.full((576,), torch.nan), "NaN"),
    ],
)
def test_what_is_no_word_or_no_embedding_gets_no_name(lab, name, vector, message):
    with pytest.raises(ValueError, match=message):
        lab.with_nokens(**{name: vector})


def test_generate_is_the_same_in_any_batch_size(tiny):
    rows = nl.replace(tiny.embed("White whippets are"), 0, nl.random_nokens(tiny.width, range(7)))
    whole = tiny.generate(rows, 8)
    assert len(whole) == 7
    assert tiny.generate(rows, 8, batch_size=3) == whole
    options = {"seeds": 5, "processors": [TopKLogitsWarper(20)]}
    assert tiny.generate(rows, 8, batch_size=3, **options) == tiny.generate(rows, 8, **options)
    torch.testing.assert_close(tiny.logits(rows, batch_size=2), tiny.logits(rows), rtol=1e-4, atol=1e-4)


def test_fewer_rows_run_at_once_where_there_is_less_memory(lab, monkeypatch):
    assert lab.rows_at_once == 128
    for gigabytes, rows in ((1.2, 64), (0.8, 32), (0.5, 1)):
        monkeypatch.setattr(memory, "free_and_total", lambda device, free=gigabytes * 1e9: (free, free))
        assert nl.Lab(lab.model, lab.tokenizer, lab.name).rows_at_once == rows


def test_when_memory_ends_half_as_many_run_and_nothing_is_lost(tiny, monkeypatch):
    rows = nl.replace(tiny.embed("White whippets are"), 0, nl.random_nokens(tiny.width, range(7)))
    wanted, whole, tried = tiny.generate(rows, 8), tiny.sample, []

    def short_of_memory(prompts, *args, **options):
        tried.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("no room")
        return whole(prompts, *args, **options)

    monkeypatch.setattr(tiny, "sample", short_of_memory)
    assert tiny.generate(rows, 8, batch_size=5) == wanted
    assert tried == [4, 2, 2, 2, 1]
    monkeypatch.setattr(tiny, "sample", lambda *a, **o: (_ for _ in ()).throw(torch.OutOfMemoryError("no")))
    with pytest.raises(torch.OutOfMemoryError):
        tiny.generate(rows, 8)


def test_prompts_may_be_text_embeddings_or_lists(tiny):
    texts = ["The best food is", "Red"]
    wanted = [tiny.generate(text, 5)[0] for text in texts]
    assert tiny.generate(texts, 5) == wanted
    assert tiny.generate([tiny.embed(text) for text in texts], 5) == wanted


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda lab: lab.embed(""), "prompt is empty"),
        (lambda lab: lab.generate([]), "no prompts"),
        (lambda lab: lab.generate("word " * 200), "takes 128 tokens, .* of them the prompt.s; shorten"),
        (lambda lab: lab.generate("a", 0), "at least 1"),
        (lambda lab: lab.generate(torch.ones(1, 2, 7)), "embeddings must be"),
        (lambda lab: lab.generate(torch.ones(1, 0, 32)), "embeddings must be"),
        (lambda lab: lab.generate(torch.full((1, 2, 32), float("nan"))), "NaN"),
        (lambda lab: lab.generate(["a", "b"], seeds=[1]), "2 rows, 1 seeds"),
        (lambda lab: lab.states(["a", "b"]), "states must be of one prompt, got 2"),
        (lambda lab: lab.states("word " * 200), "takes 128 tokens, .* of them the prompt.s; shorten"),
    ],
)
def test_bad_input_is_named(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


def test_provenance_names_what_a_result_depends_on(lab):
    facts = lab.provenance()
    assert facts["model"] == "SmolLM2-135M-Instruct"
    assert "sha256" in facts["revision"]
    assert facts["threads"] == torch.get_num_threads()
    assert set(facts) == {"model", "revision", "device", "dtype", "threads", "rows_at_once"}


def test_provenance_tells_apart_what_a_word_of_your_own_stands_for(tiny):
    first, second = nl.random_nokens(tiny.width, range(2))
    records = [tiny.with_nokens(blorp=vector).provenance() for vector in (first, second, first)]
    assert records[0] == records[2] != records[1] and records[0]["nokens"].startswith("<blorp> ")
    assert {name: records[0][name] for name in tiny.provenance()} == tiny.provenance()


def test_a_chat_frame_is_put_on_once_with_one_start_token(tmp_path):
    folder = save_tiny("llama", tmp_path)
    tokenizer = tiny_tokenizer("bytes, start")
    frame = "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}>"
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, bos_token="<s>", eos_token="</s>", chat_template=frame
    ).save_pretrained(folder)
    small = nl.load(folder)
    assert "".join(small.tokens("Red is", chat=True)["token"]) == "[Red is]>"
    assert "".join(small.tokens("Red is")["token"]) == "Red is"
    assert small.embed("Red is", chat=True).shape == (1, len(small.ids("Red is", chat=True)), small.width)
    (step,) = small.sample(small.embed("Red is", chat=True), 1)
    wanted = small.tokenizer("[Red is]>", return_tensors="pt").input_ids
    assert wanted[0].tolist().count(1) == 1
    assert step.logits.argmax() == small.model(wanted).logits[0, -1].argmax()


def test_without_a_chat_frame_chat_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no chat template"):
        nl.load(save_tiny("gpt2", tmp_path)).embed("Red", chat=True)


def test_threads_take_turns_at_the_model(tiny, monkeypatch):
    texts = ["The best food is", "Red is a color", "Hello world", "Once upon a time"]
    wanted = [tiny.generate(text, 8)[0] for text in texts]
    inside, forward = [], tiny.model.forward

    @functools.wraps(forward)
    def watched(*args, **options):
        inside.append(threading.get_ident())
        time.sleep(0.002)  # so that another thread would come in
        try:
            return forward(*args, **options)
        finally:
            assert set(inside) == {threading.get_ident()}, "two threads were in the model at once"
            inside.clear()

    monkeypatch.setattr(tiny.model, "forward", watched)
    with ThreadPoolExecutor(len(texts)) as pool:
        assert [answer for (answer,) in pool.map(lambda text: tiny.generate(text, 8), texts)] == wanted


def test_a_feed_may_ask_the_model_itself(tiny):
    def feed(step):
        tiny.logits("Red")

    assert tiny.generate("Red is", 3, feed=feed) == tiny.generate("Red is", 3)
