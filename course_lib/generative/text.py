"""A language of two dozen words for our faces: from prompts to numbers, and to what they claim.

A prompt is a list of phrases, such as "round face, long red hair, glasses". Every phrase is true or
false of a face whose attributes are known; so it can be measured whether a drawing obeys.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data import HAIR_COLORS, HAIR_STYLES

PAD, START, UNKNOWN = "<pad>", "<start>", "<unknown>"
LENGTH = 16  # tokens of a prompt, with the start
THIRD = 1 / 3


@dataclass(frozen=True)
class Fact:
    """A phrase's word and what it claims: an attribute from low to high, round the circle if not.

    Attributes:
        word: such as "round".
        attribute: of `data.faces`, such as "face_width".
        low, high: the range; with low above high it goes through 1 = 0, as hues do.
    """

    word: str
    attribute: str
    low: float
    high: float

    def holds(self, attributes: Mapping[str, Tensor]) -> Tensor:
        """Whether it is true of each face, (B,) bool.

        >>> FACTS["smile"][""].holds({"smile": torch.tensor([-0.5, 0.0, 0.9])})
        tensor([False, False,  True])
        """
        value = attributes[self.attribute].float()
        above, below = value >= self.low, value <= self.high
        return above & below if self.low <= self.high else above | below


def _facts(attribute: str, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Fact]:
    return {word: Fact(word, attribute, *ends) for word, ends in ranges.items()}


def _choices(attribute: str, words: Sequence[str]) -> dict[str, Fact]:
    return _facts(attribute, {word: (n, n) for n, word in enumerate(words)})


# By the last word of a phrase, what the words before it claim; under "" what it claims itself.
FACTS: dict[str, dict[str, Fact]] = {
    "face": _facts("face_width", {"narrow": (-1, -THIRD), "round": (THIRD, 1)}),
    "glasses": {"": Fact("glasses", "glasses", 1, 1)},
    "bald": {"": Fact("bald", "hair_style", 0, 0)},
    "hair": {
        word: fact for word, fact in _choices("hair_style", HAIR_STYLES).items() if word != "none"
    }
    | _choices("hair_color", HAIR_COLORS),
    "smile": {"": Fact("smile", "smile", THIRD, 1)},
    "frown": {"": Fact("frown", "smile", -1, -THIRD)},
    "left": {"": Fact("left", "yaw", -1, -THIRD)},
    "right": {"": Fact("right", "yaw", THIRD, 1)},
    "skin": _facts("skin_tone", {"pale": (0, THIRD), "dark": (2 * THIRD, 1)}),
    "background": _facts(
        "background", {"red": (5 / 6, 1 / 6), "green": (1 / 6, 1 / 2), "blue": (1 / 2, 5 / 6)}
    ),
}
VOCABULARY: tuple[str, ...] = (
    PAD,
    START,
    UNKNOWN,
    *dict.fromkeys(word for noun, facts in FACTS.items() for word in (noun, *facts) if word),
)


def words_of(prompt: str) -> list[str]:
    """Cut a prompt into words: small letters, and whatever else stands between them is dropped.

    >>> words_of("Round face, GLASSES")
    ['round', 'face', 'glasses']
    """
    return re.findall(r"[a-z]+", prompt.lower())


def tokenize(
    prompts: Sequence[str], vocabulary: Sequence[str] = VOCABULARY, length: int = LENGTH
) -> Tensor:
    """Turn prompts into rows of numbers of the same length.

    A row is the start token, then a token for each word, then padding. A word that is not in the
    vocabulary becomes the unknown token; words beyond the length are cut off.

    Args:
        prompts: B of them.
        vocabulary: the words; a word's token is its place. Padding, start and unknown come first.
        length: L, of each row, at least 1.

    Returns:
        (B, L) int64.

    Raises:
        ValueError: a single text instead of a list, or no length.

    >>> tokenize(["glasses"], (PAD, START, UNKNOWN, "glasses"), 4)
    tensor([[1, 3, 0, 0]])
    """
    if isinstance(prompts, str):
        raise ValueError(f"prompts: got the text {prompts!r}, wanted a list of texts")
    if length < 1:
        raise ValueError(f"length: got {length}, wanted at least 1")
    place = {word: n for n, word in enumerate(vocabulary)}
    tokens = torch.full((len(prompts), length), place[PAD])
    for row, prompt in zip(tokens, prompts, strict=True):
        words = [START, *words_of(prompt)][:length]
        row[: len(words)] = torch.tensor([place.get(word, place[UNKNOWN]) for word in words])
    return tokens


def text_condition(
    prompts: Sequence[str], vocabulary: Sequence[str], embedding: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Turn prompts into vectors that a network can attend to, and say which of them are padding.

    $c_{bl} = E_{\mathrm{token}(b, l)} + P_l$: which word, and in which place.

    Args:
        prompts: B of them.
        vocabulary: V words, see `tokenize`.
        embedding: (V, D), a vector for each word.
        positions: (L, D), a vector for each place.

    Returns:
        The context (B, L, D), and the padding (B, L) bool, True where there is no word. The start
        token is never padding, so that an empty prompt has something to look at.

    Raises:
        ValueError: shapes that do not fit, or as `tokenize`.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3.4; Radford et al.
    (2021), https://arxiv.org/abs/2103.00020, section 2.4 (the text encoder of Stable Diffusion)

    >>> words = (PAD, START, UNKNOWN, "glasses")
    >>> context, padding = text_condition(["glasses", ""], words, torch.eye(4), torch.zeros(3, 4))
    >>> context[0, 1], padding
    (tensor([0., 0., 0., 1.]), tensor([[False, False,  True],
            [False,  True,  True]]))
    """
    if embedding.ndim != 2 or len(embedding) != len(vocabulary):
        wanted = f"({len(vocabulary)}, D), a row for each word"
        raise ValueError(f"embedding: got shape {tuple(embedding.shape)}, wanted {wanted}")
    if positions.ndim != 2 or positions.shape[1] != embedding.shape[1]:
        wanted = f"(L, {embedding.shape[1]})"
        raise ValueError(f"positions: got shape {tuple(positions.shape)}, wanted {wanted}")
    tokens = tokenize(prompts, vocabulary, len(positions)).to(embedding.device)
    return embedding[tokens] + positions, tokens == list(vocabulary).index(PAD)


def facts_of(prompt: str) -> list[Fact]:
    """Return what a prompt claims.

    Raises:
        ValueError: a phrase that is not of our language; the message says which words fit.

    >>> [(fact.attribute, fact.word) for fact in facts_of("long red hair, glasses")]
    [('hair_style', 'long'), ('hair_color', 'red'), ('glasses', 'glasses')]
    """
    phrases = [words_of(phrase) for phrase in prompt.split(",")]
    return [fact for words in phrases if words for fact in _claims(words)]


def _claims(words: list[str]) -> list[Fact]:
    *adjectives, noun = words
    if noun not in FACTS:
        near = difflib.get_close_matches(noun, FACTS, cutoff=0.0)[:1]
        wanted = f"one of {', '.join(FACTS)}; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"prompt: a phrase ends with {noun!r}, wanted {wanted}")
    facts = FACTS[noun]
    for word in adjectives:
        if not word or word not in facts:
            wanted = ", ".join(name for name in facts if name) or "nothing"
            raise ValueError(f"prompt: got {' '.join(words)!r}, wanted before {noun!r}: {wanted}")
    return [facts[word] for word in adjectives] or ([facts[""]] if "" in facts else [])


def obeyed(prompts: Sequence[str], attributes: Mapping[str, Tensor]) -> dict[str, float]:
    """Return, word by word, in which share of the faces that were asked for it it is true.

    Args:
        prompts: B of them.
        attributes: of B faces, as from `read_attributes`; each (B,).

    Returns:
        By phrase, such as "red hair" or "glasses", and under "all" the share of all claims.

    Raises:
        ValueError: as many prompts as faces are wanted; and as `facts_of`.

    >>> obeyed(["glasses", "glasses", ""], {"glasses": torch.tensor([True, False, True])})
    {'glasses': 0.5, 'all': 0.5}
    """
    if len(prompts) != len(attributes["glasses"]):
        wanted = len(attributes["glasses"])
        raise ValueError(f"prompts: got {len(prompts)}, wanted {wanted}, one for each face")
    names = {fact: _name(noun, fact) for noun, facts in FACTS.items() for fact in facts.values()}
    told: dict[str, list[bool]] = {}
    for n, prompt in enumerate(prompts):
        for fact in facts_of(prompt):
            told.setdefault(names[fact], []).append(bool(fact.holds(attributes)[n]))
    every = [each for answers in told.values() for each in answers]
    return {name: sum(answers) / len(answers) for name, answers in (*told.items(), ("all", every))}


def _name(noun: str, fact: Fact) -> str:
    return noun if fact.word == noun else f"{fact.word} {noun}"


def describe(
    attributes: Mapping[str, Tensor], *, generator: torch.Generator, keep: float = 0.5
) -> list[str]:
    """Return a true prompt for each face: some of what can be said of it, in any order.

    Args:
        attributes: as `data.faces` gives them, each (B,).
        generator: draws what is said and in which order.
        keep: the chance that a phrase is said.

    Returns:
        B prompts; some may be empty.

    >>> attributes = {name: torch.zeros(1) for name in
    ...     ("face_width", "hair_style", "hair_color", "smile", "yaw", "skin_tone", "background")}
    >>> attributes["glasses"] = torch.ones(1)
    >>> describe(attributes, generator=torch.Generator().manual_seed(0), keep=1.0)
    ['glasses, bald, pale skin, red background']
    """
    true = {
        noun: {word: fact.holds(attributes).tolist() for word, fact in facts.items()}
        for noun, facts in FACTS.items()
    }
    count = len(attributes["glasses"])
    nouns = list(FACTS)
    said = torch.rand(count, len(nouns), generator=generator) < keep
    partly = torch.rand(count, 2, generator=generator) < 0.75  # of the hair: its style, its colour
    order = torch.rand(count, len(nouns), generator=generator).argsort(dim=1).tolist()
    prompts = []
    for n in range(count):
        phrases = (
            _phrase(nouns[m], true[nouns[m]], n, partly[n].tolist()) for m in order[n] if said[n, m]
        )
        prompts.append(", ".join(phrase for phrase in phrases if phrase))
    return prompts


def _phrase(noun: str, true: Mapping[str, list[bool]], n: int, partly: list[bool]) -> str:
    """What is true of face n under this noun, or "" if nothing is."""
    words = [word for word, holds in true.items() if holds[n]]
    if noun == "hair":  # nobody speaks of the colour of no hair
        style = [word for word in words if word in HAIR_STYLES]
        words = [word for word, said in zip(words, partly, strict=True) if said] if style else []
    if not words:
        return ""
    return " ".join([*(word for word in words if word), noun])
