"""Exercise 2 of unit 13: prompts to vectors, with a mask for the padding."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.text import PAD, START, UNKNOWN, text_condition, words_of

TYPICAL = "three prompts of different lengths"
EMPTY = "an empty prompt beside one of a word"
LONG = "a prompt that is longer than there are places"
STRANGE = "a word that is not in the vocabulary"
WRITTEN = "capitals, and commas without spaces"
WORDS = ("round", "face", "glasses", "smile", "long", "red", "hair", "frown")

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    order = torch.randperm(len(WORDS), generator=generator).tolist()
    words = [PAD, START, UNKNOWN, *(WORDS[n] for n in order)]

    def case(name: str, prompts: list[str], length: int) -> Case:
        embedding = torch.randn(len(words), 5, generator=generator)
        positions = 0.5 * torch.randn(length, 5, generator=generator)
        return Case(name, (prompts, words, embedding, positions))

    return [
        case(TYPICAL, ["round face, glasses", "smile", "long red hair, frown, glasses"], 8),
        case(EMPTY, ["", "glasses"], 4),
        case(LONG, ["round face, long red hair, smile", "frown"], 4),
        case(STRANGE, ["purple hair, smile", "glasses"], 6),
        case(WRITTEN, ["Round face,GLASSES", "Smile"], 6),
    ]


def _vectors(ask: Ask, case: Case) -> Finding | None:
    """Where there are words: which word, in which place."""
    (came, _), (wanted, padding) = ask(*case.inputs), ask.wanted(*case.inputs)
    off = ((came - wanted).abs().amax(dim=-1) > 1e-4) & ~padding  # (B, L)
    if not bool(off.any()):
        return None
    b, place = off.nonzero()[0].tolist()
    return _known(ask, case) or Finding(
        "a vector is not that of its word plus that of its place.",
        came=f"off in prompt {b}, {case.inputs[0][b]!r}, place {place}",
        wanted="the start token in place 0, the first word in place 1, and so on",
        hint="See hint 1.",
    )


def _padding(ask: Ask, case: Case) -> Finding | None:
    (_, came), (_, wanted) = ask(*case.inputs), ask.wanted(*case.inputs)
    if torch.equal(came, wanted):
        return None
    b = int((came != wanted).any(dim=1).nonzero()[0])
    return _known(ask, case) or Finding(
        "places with a word and places without are mixed up.",
        came=f"{came[b].int().tolist()} for {case.inputs[0][b]!r}",
        wanted=f"{wanted[b].int().tolist()}, 1 where there is no word",
        hint="See hint 2.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


Rows = Callable[[list[str], int], list[str]]


def _first(words: list[str], length: int) -> list[str]:
    return [START, *words][:length]


def _variant(
    rows: Rows = _first,
    cut: Callable[[str], list[str]] = words_of,
    places: Callable[[Tensor], Tensor] = lambda positions: positions,
    hidden: Callable[[Tensor], Tensor] = lambda tokens: tokens == 0,
    left: bool = False,
    other: int = 2,
    join: Callable[[Tensor, Tensor], Tensor] = torch.add,
) -> Callable[..., Answer]:
    """The answer with one thing done otherwise."""

    def function(
        prompts: Sequence[str], vocabulary: Sequence[str], embedding: Tensor, positions: Tensor
    ) -> Answer:
        place, length = {word: n for n, word in enumerate(vocabulary)}, len(positions)
        tokens = torch.zeros(len(prompts), length, dtype=torch.int64)
        for row, prompt in zip(tokens, prompts, strict=True):
            found = [place.get(word, other) for word in rows(cut(prompt), length)]
            found = [token for token in found if token >= 0][:length]
            start = length - len(found) if left else 0
            row[start : start + len(found)] = torch.tensor(found, dtype=torch.int64)
        return join(embedding[tokens], places(positions)), hidden(tokens)

    return function


def _last(words: list[str], length: int) -> list[str]:
    return [START, *words[len(words) - length + 1 :]] if len(words) >= length else [START, *words]


def _rolled(positions: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(positions[:1]), positions[:-1]])


def _longest(tokens: Tensor) -> Tensor:
    return (tokens == 0).all(dim=0).expand(tokens.shape).clone()


def _pads_without_place(
    prompts: Sequence[str], vocabulary: Sequence[str], embedding: Tensor, positions: Tensor
) -> Answer:
    context, padding = text_condition(prompts, vocabulary, embedding, positions)
    return context.masked_fill(padding[..., None], 0.0), padding


def _detached(
    prompts: Sequence[str], vocabulary: Sequence[str], embedding: Tensor, positions: Tensor
) -> Answer:
    return text_condition(prompts, vocabulary, embedding.detach(), positions)


_no_start = _variant(lambda words, length: words[:length])
_start_twice = _variant(lambda words, length: [START, *words, START][:length])

_MISTAKES = {
    "the rows have no start token.": _no_start,
    "there is a start token behind the last word, too.": _start_twice,
    "of a long prompt the last words are kept; the first should be.": _variant(_last),
    "the vectors do not know their places.": _variant(join=lambda word, place: word),
    "word and place are multiplied; they are added.": _variant(join=torch.mul),
    "the places are counted from the first word; the start token has place 0.": (
        _variant(places=_rolled)
    ),
    "the mask is the wrong way round: True is where there is no word.": (
        _variant(hidden=lambda tokens: tokens != 0)
    ),
    "the start token is marked as padding; an empty prompt would have nothing left.": (
        _variant(hidden=lambda tokens: tokens <= 1)
    ),
    "an unknown word is marked as padding, but it is a word.": (
        _variant(hidden=lambda tokens: (tokens == 0) | (tokens == 2))
    ),
    "all prompts are marked like the longest; each has a length of its own.": (
        _variant(hidden=_longest)
    ),
    "nothing is marked as padding.": _variant(hidden=lambda tokens: tokens < 0),
    "the padding stands before the words; it follows them.": _variant(left=True),
    "an unknown word is left out, so that the words behind it move up.": _variant(other=-1),
    "an unknown word becomes padding; there is a token for it.": _variant(other=0),
    "capitals make other words.": (_variant(cut=lambda prompt: prompt.replace(",", " ").split())),
    "a comma is part of the word before it.": _variant(cut=lambda prompt: prompt.lower().split()),
    "the padding has no vectors; it has a word's and a place's like all else.": (
        _pads_without_place
    ),
}

TEXT_CONDITION = Check(
    name="latent_diffusion.text_condition",
    reference=text_condition,
    cases=_cases,
    properties=(
        Property("a word's vector and a place's", 1, _vectors, (TYPICAL, EMPTY)),
        Property("the padding is marked", 1, _padding, (TYPICAL, EMPTY, STRANGE)),
        Property("long prompts and strange words", 1, _vectors, (LONG, STRANGE), "See hint 3."),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, EMPTY, WRITTEN)),
        gradients_flow(1, (2, 3), cases=(TYPICAL,), hint="Copy no numbers: look the rows up."),
    ),
    mutants={
        "no start": _no_start,
        "start twice": _start_twice,
        "last words kept": _variant(_last),
        "no places": _variant(join=lambda word, place: word),
        "multiplied": _variant(join=torch.mul),
        "places from the first word": _variant(places=_rolled),
        "mask inverted": _variant(hidden=lambda tokens: tokens != 0),
        "start is padding": _variant(hidden=lambda tokens: tokens <= 1),
        "unknown is padding": _variant(hidden=lambda tokens: (tokens == 0) | (tokens == 2)),
        "mask of the longest": _variant(hidden=_longest),
        "no mask": _variant(hidden=lambda tokens: tokens < 0),
        "padding first": _variant(left=True),
        "unknown left out": _variant(other=-1),
        "unknown to padding": _variant(other=0),
        "capitals": _variant(cut=lambda prompt: prompt.replace(",", " ").split()),
        "commas": _variant(cut=lambda prompt: prompt.lower().split()),
        "padding silent": _pads_without_place,
        "embedding detached": _detached,
    },
)
