"""The forge without a browser: it learns as `nl.learn` does, is stopped, goes on, keeps, and is replayed."""

import re
import time

import pandas as pd
import pytest
import torch
from helpers.panels import EVIL, is_escaped, page_state, settled
from helpers.sweeps import wait_for

import nokenlab as nl
from nokenlab.answers import blends, planes
from nokenlab.panels.latest import Job
from nokenlab.panels.noken_forge import EVERY, MORE
from nokenlab.prompt import word_vector

PROMPT, TARGET = "The <noken> is a", " very quick dog"


def new_forge(lab, prompt: str = PROMPT, target: str = TARGET, steps: int = 6, **task):
    panel = nl.NokenForge(lab, prompt, target, steps=steps, **task)
    assert panel.widget
    return panel


@pytest.fixture(scope="module")
def forge(tiny):
    """A forge that several tests use."""
    return new_forge(tiny)


def text_with(lab, vector) -> str:
    return lab.generate(nl.fill(lab, PROMPT, vector), len(lab.ids(TARGET)) + MORE)[0]


def start(panel, **task) -> None:
    """Press Start with parts of the task changed, and wait."""
    panel.face._handle_custom_msg({"learn": panel.face.task | task}, [])
    settled(panel)


def test_it_first_stands_at_its_start(tiny):
    norm = tiny.space.median_norm
    for from_, vector in {
        "centroid": tiny.space.centroid,
        "random": nl.random_nokens(tiny.width, [3], norm=norm)[0],
        "cat": word_vector(tiny, "cat"),
    }.items():
        panel = new_forge(tiny, start=from_, seed=3)
        torch.testing.assert_close(panel.noken, vector)
        assert panel.face.points == panel.points and len(panel.points) == 1
        assert panel.points[0]["step"] == 0 and panel.points[0]["text"] == text_with(tiny, vector)


def test_it_learns_as_learn_does_and_its_texts_are_the_models(tiny):
    panel = new_forge(tiny)
    start(panel)
    for steps in (EVERY, 6):
        starts = tiny.space.centroid[None]
        learned = nl.learn(tiny, PROMPT, [TARGET], starts=starts, steps=steps, progress=False)
        assert panel.points[steps]["text"] == text_with(tiny, learned.vectors[0])
    for key in ("step", "nll", "norm", "cosine"):
        numbers = [point[key] for point in panel.points]
        assert numbers == pytest.approx(learned.history[key].tolist(), abs=1e-3)
    torch.testing.assert_close(panel.noken, learned.vectors[0])
    assert panel.points[-1]["step"] == 6 and panel.points[-1]["nll"] < panel.points[0]["nll"]
    assert panel.face.points == panel.points and panel.face.progress == [0, 0]


def test_going_on_is_as_if_it_had_never_stopped(tiny):
    at_once, parts = new_forge(tiny), new_forge(tiny, steps=2)
    at_once.learn()
    parts.learn()
    parts.face._handle_custom_msg({"go_on": 4}, [])
    assert settled(parts).points[-1] == at_once.points[-1]
    torch.testing.assert_close(parts.noken, at_once.noken, rtol=0, atol=0)


def test_what_is_exact_ends_by_itself(tiny):
    text = text_with(tiny, tiny.space.centroid)
    panel = new_forge(tiny, target=tiny.text(tiny.ids(text)[:2].tolist()))
    start(panel)
    assert len(panel.points) == 1 and panel.points[0]["exact"] and "exactly" in panel.note["text"]


def test_stop_ends_it_at_its_next_step(tiny):
    panel = new_forge(tiny)
    panel.face.observe(
        lambda change: len(change["new"]) == 3 and panel.face._handle_custom_msg({}, []), "points"
    )
    start(panel, steps=500)
    assert len(panel.points) == 3 and "stopped after 2 steps" in panel.note["text"]
    assert panel.points[-1]["text"] == text_with(tiny, panel.noken)
    assert panel.latest.counts["cancelled"] == 1 and panel.face.progress == [0, 0]


def test_a_second_start_cancels_the_first(tiny):
    panel, other = new_forge(tiny), new_forge(tiny, target=" cat")
    panel.face.observe(
        lambda change: (
            change["new"] == [2, 500]
            and panel.face._handle_custom_msg({"learn": panel.face.task | {"target": " cat"}}, [])
        ),
        "progress",
    )
    start(panel, steps=500)
    start(other)
    assert panel.latest.counts["cancelled"] == 1 and panel.face.run["target"] == " cat"
    assert panel.points == other.points


def test_ctrl_c_in_a_cell_ends_it_and_keeps_what_is_learned(tiny, monkeypatch):
    panel, result = new_forge(tiny), Job.result

    def interrupted(job, timeout=None):
        while len(panel.points) < 3:
            time.sleep(0.001)
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        panel.learn(500)
    monkeypatch.setattr(Job, "result", result)
    assert "stopped after" in settled(panel).note["text"] and 3 <= len(panel.points) < 500
    panel.learn(1)  # goes on
    assert [point["step"] for point in panel.points] == list(range(len(panel.points)))


def test_constraints_hold(tiny):
    panel = new_forge(tiny)
    dog = word_vector(tiny, "dog")
    start(panel, constraint="at token norm")
    assert panel.noken.norm().item() == pytest.approx(tiny.space.median_norm, rel=1e-4)
    start(panel, constraint="near a word", distance=0.5)
    assert (panel.noken - dog).norm().item() < 0.5 + 1e-4
    start(panel, constraint="pinned", word="dog")
    assert {point["nearest"] for point in panel.points} == {"␣dog"}
    start(panel, constraint="on tokens")
    assert panel.points[-1]["cosine"] == pytest.approx(1, abs=1e-3)
    assert not panel.note["wrong"]


@pytest.mark.parametrize(
    "task, message",
    [
        ({"target": ""}, "target is empty"),
        ({"target": " dog" * 201}, "201 tokens"),
        ({"target": " dog" * 150}, "length of target 0 is 150"),
        ({"prompt": "The dog is"}, "must have one <noken>"),
        ({"prompt": "The <noken> <noken>"}, "must have one <noken>"),
        ({"prompt": "word " * 300 + "<noken>"}, "shorten it"),
        ({"start": " "}, "the start is empty"),
        ({"start": "random", "seed": None}, "seeds must be whole numbers, got [None]"),
        ({"start": "random", "seed": 2**63}, "a seed must be a whole number from 0 to 2**63 - 1"),
        ({"constraint": "held"}, "is not one of free, at token norm"),
        ({"constraint": "pinned", "word": ""}, "the word is empty"),
        ({"constraint": "pinned", "word": f"{EVIL} dog"}, "dog' is"),
        ({"constraint": "near a word", "distance": None}, "a distance above 0"),
        ({"steps": 0}, "1 to 1,000"),
        ({"steps": 2.5}, "1 to 1,000"),
    ],
)
def test_a_bad_task_is_one_line_and_leaves_what_was_learned(forge, task, message):
    panel, before = forge, forge.points
    start(panel, **task)
    assert message in panel.note["text"] and panel.note["wrong"]
    assert panel.points is before and panel.face.points == before and panel.face.progress == [0, 0]


def test_bad_input_raises_in_a_cell_too(tiny, forge):
    with pytest.raises(ValueError, match="must have one <noken>"):
        nl.NokenForge(tiny, "The dog is", TARGET)
    with pytest.raises(ValueError, match="1 to 1,000"):
        forge.learn(0)
    with pytest.raises(ValueError, match="choose another word"):
        forge.keep("two words")
    with pytest.raises(ValueError, match="nothing is kept yet"):
        forge.save("nokens.safetensors")


def test_what_is_kept_can_be_saved_and_is_a_word_for_other_panels(tiny, tmp_path):
    panel = new_forge(tiny)
    for name in ("", "blorp", "blorp", "two words"):
        panel.face._handle_custom_msg({"go_on": 1}, [])
        settled(panel).face._handle_custom_msg({"keep": name}, [])
        settled(panel)
    assert "choose another word" in panel.note["text"]
    assert panel.kept["name"].tolist() == list(panel.nokens) == ["noken1", "blorp"]
    assert panel.kept["step"].tolist() == [1, 2] and len(panel.face.kept) == 2
    assert panel.kept["text"].tolist() == [text_with(tiny, vector) for vector in panel.nokens.values()]
    panel.face._handle_custom_msg({"save": str(tmp_path / "some.safetensors")}, [])
    assert "2 saved" in settled(panel).note["text"]
    saved = nl.load_nokens(tmp_path / "some.safetensors", tiny)
    torch.testing.assert_close(saved.vectors, torch.stack(list(panel.nokens.values())))
    assert saved.prompt == PROMPT and saved.table["text"].tolist() == panel.kept["text"].tolist()

    known, blorp = tiny.with_nokens(**panel.nokens), panel.nokens["blorp"]
    prompts = "The dog is a", "The <blorp> is a"
    sweep = blends.blend(known, *prompts, [0.0, 0.5, 1.0], max_new_tokens=4)
    slider = nl.LerpSlider(known, *prompts, sweep, pd.DataFrame({"p": [], "way": [], "after": []}), 4)
    (last,) = tiny.generate(nl.fill(tiny, PROMPT, blorp), 4)
    assert slider.views["lerp"]["response"][-1] == last
    assert slider.views["lerp"]["before"] == "The ▢ is a"
    plane = planes.plane_through(known, ["dog", "<blorp>", "music"])
    torch.testing.assert_close(planes.corner_vectors(plane)[1], blorp, rtol=1e-4, atol=1e-4)


def test_what_is_pressed_right_behind_each_other_is_all_done(tiny, tmp_path):
    panel, path = new_forge(tiny), tmp_path / "some.safetensors"
    for press in ({"keep": "first"}, {"save": str(path)}, {"go_on": 200}, {"keep": "second"}):
        panel.face._handle_custom_msg(press, [])
    wait_for(lambda: "second" in panel.nokens)  # while it is being learned
    panel.face._handle_custom_msg({"delete": "first"}, [])
    wait_for(lambda: "first" not in panel.nokens)
    panel.face._handle_custom_msg({"undo": True}, [])
    wait_for(lambda: list(panel.nokens) == ["first", "second"])
    panel.face._handle_custom_msg({"delete": "first"}, [])
    panel.face._handle_custom_msg({"stop": True}, [])
    assert [row["name"] for row in settled(panel).face.kept] == ["second"]
    assert len(nl.load_nokens(path, tiny).vectors) == 1 and panel.latest.counts["failed"] == 0
    panel.face._handle_custom_msg({"learn": panel.face.task | {"target": " cat", "steps": 500}}, [])
    panel.face._handle_custom_msg({"stop": True}, [])
    assert settled(panel).face.run["target"] == " cat" and len(panel.points) < 500


def test_a_page_replays_what_was_learned(tiny):
    panel = nl.NokenForge(tiny, f"{EVIL} <noken> \u2028 is", TARGET, steps=4)
    panel.learn()
    assert page_state(panel)["points"] == panel.points and len(panel.points) == 5
    assert is_escaped(re.search(r'<div class="nk-still">.*?</table>', panel.twin(), re.DOTALL)[0])
