"""Prompts: what is said is true, what is read is what was said."""

import pytest
import torch

from course_lib.data import faces, sample_attributes
from course_lib.generative.attributes import read_attributes
from course_lib.generative.text import (
    FACTS,
    LENGTH,
    VOCABULARY,
    describe,
    facts_of,
    obeyed,
    text_condition,
    tokenize,
    words_of,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_description_is_true_of_its_face():
    attributes = sample_attributes(400, generator=seeded())
    prompts = describe(attributes, generator=seeded(1), keep=0.7)
    assert set(obeyed(prompts, attributes).values()) == {1.0}
    assert len(obeyed(prompts, attributes)) == 1 + 21  # every phrase was said of somebody


def test_a_description_of_another_face_is_seldom_true():
    attributes = sample_attributes(400, generator=seeded())
    prompts = describe(attributes, generator=seeded(1))
    assert obeyed(prompts[1:] + prompts[:1], attributes)["all"] < 0.45


def test_all_that_is_said_fits_and_is_known():
    prompts = describe(sample_attributes(500, generator=seeded()), generator=seeded(), keep=1.0)
    tokens = tokenize(prompts)
    assert max(len(words_of(prompt)) for prompt in prompts) < LENGTH
    assert not (tokens == VOCABULARY.index("<unknown>")).any()
    assert set(tokens.flatten().tolist()) == set(range(len(VOCABULARY))) - {2}


def test_phrases_come_in_any_order_and_not_always():
    attributes = sample_attributes(1, generator=seeded(), glasses=True)
    attributes = {name: value.expand(300) for name, value in attributes.items()}
    prompts = describe(attributes, generator=seeded())
    said = sum("glasses" in prompt for prompt in prompts) / 300
    assert 0.4 < said < 0.6
    assert len(set(prompts)) > 50


def test_the_reader_confirms_what_is_said_of_real_faces():
    """The floor of all prompt accuracies: how the reader of attributes judges true prompts."""
    images, attributes = faces(300, generator=seeded(3))
    prompts = describe(attributes, generator=seeded(4))
    assert obeyed(prompts, read_attributes(images))["all"] > 0.93


@pytest.mark.parametrize(
    ("hue", "word"), [(0.0, "red"), (0.95, "red"), (1 / 3, "green"), (0.6, "blue"), (1.0, "red")]
)
def test_hues_go_round(hue, word):
    attributes = {"background": torch.tensor([hue])}
    true = [name for name, fact in FACTS["background"].items() if fact.holds(attributes)]
    assert true == [word]


def test_the_same_word_before_two_nouns_means_two_things():
    hair, background = facts_of("red hair, red background")
    assert (hair.attribute, background.attribute) == ("hair_color", "background")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("purple hair", "wanted before 'hair': short, long"),
        ("a hat", "did you mean"),
        ("big glasses", "wanted before 'glasses': nothing"),
    ],
)
def test_what_is_not_our_language_is_explained(prompt, message):
    with pytest.raises(ValueError, match=message):
        facts_of(prompt)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="prompts: got the text"):
        tokenize("smile")
    with pytest.raises(ValueError, match="embedding: got shape"):
        text_condition(["smile"], VOCABULARY, torch.zeros(3, 4), torch.zeros(5, 4))
    with pytest.raises(ValueError, match="positions: got shape"):
        text_condition(["smile"], VOCABULARY, torch.zeros(27, 4), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="one for each face"):
        obeyed(["smile"], {"glasses": torch.zeros(2)})
