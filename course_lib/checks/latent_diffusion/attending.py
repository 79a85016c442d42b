"""Exercise 3 of unit 13: places ask, words answer."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.latent_diffusion import cross_attention

TYPICAL = "two pictures of six places, prompts of five and three words"
ONE_HEAD = "one head, no padding"
ALONE = "prompts of a single word"
LOUD = "places and words thirty times as large"

Parameters = Mapping[str, Tensor]
Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int, size: float = 1.0) -> Tensor:
        return size * torch.randn(*shape, generator=generator)

    def parameters(C: int, D: int, A: int) -> dict[str, Tensor]:
        rows = {"q": (A, C), "k": (A, D), "v": (A, D), "out": (C, A)}
        made = {f"{n}.weight": draw(*s, size=1.4 * s[1] ** -0.5) for n, s in rows.items()}
        return made | {"out.bias": draw(C)}

    def padded(*lengths: int, places: int) -> Tensor:
        return torch.arange(places) >= torch.tensor(lengths)[:, None]

    some, alone = padded(5, 3, places=7), padded(1, 1, 1, places=4)
    loud = draw(2, 6, 8, size=30), draw(2, 5, 6, size=30), padded(5, 2, places=5)
    return [
        Case(TYPICAL, (draw(2, 6, 8), draw(2, 7, 6), some, parameters(8, 6, 12), 3)),
        Case(
            ONE_HEAD, (draw(2, 4, 6), draw(2, 3, 5), padded(3, 3, places=3), parameters(6, 5, 4), 1)
        ),
        Case(ALONE, (draw(3, 5, 4), draw(3, 4, 6), alone, parameters(4, 6, 8), 2)),
        Case(LOUD, (*loud, parameters(8, 6, 4), 2)),
    ]


def _shares(ask: Ask, case: Case) -> Finding | None:
    """What a place takes from the words adds to one, and nothing comes from padding."""
    _, weights = ask(*case.inputs)
    padding = case.inputs[2][:, None, None].expand_as(weights)
    taken = float(weights[padding].abs().max()) if bool(padding.any()) else 0.0
    if taken > 1e-6:
        return _known(ask, case) or Finding(
            "some weight lies on padding, where there is no word.",
            came=f"a weight of {taken:.3g}",
            wanted="0",
            hint="See hint 2.",
        )
    total = weights.sum(dim=-1)
    worst = float(total.flatten()[(total - 1).abs().argmax()])
    if abs(worst - 1) <= 1e-4 and float(weights.min()) >= 0:
        return None
    return _known(ask, case) or Finding(
        "what a place takes from its words must be shares that add to one.",
        came=f"shares that add to {worst:.4g}",
        wanted="1, for each place and head",
        hint="See hint 2.",
    )


def _one_word(ask: Ask, case: Case) -> Finding | None:
    """With one word there is nothing to choose: every place gets the same."""
    came, _ = ask(*case.inputs)
    _, context, _, parameters, _ = case.inputs
    word = context[:, :1] @ parameters["v.weight"].mT @ parameters["out.weight"].mT
    wanted = (word + parameters["out.bias"]).expand_as(came)
    off = float((came - wanted).abs().max())
    if off <= 1e-4:
        return None
    return _known(ask, case) or Finding(
        "with a single word every place should get that word's value, through `out`.",
        came=f"off by up to {off:.3g}",
        wanted="the same for every place: there is nothing to choose from",
        hint="See hint 1.",
    )


def _padding_is_nothing(ask: Ask, case: Case) -> Finding | None:
    """Other numbers in the padding, the same result."""
    x, context, padding, parameters, heads = case.inputs
    came, _ = ask(*case.inputs)
    other = torch.where(padding[..., None], 3 * context.roll(1, 1) + 2, context)
    again, _ = ask(x, other, padding, parameters, heads)
    wanted, _ = ask.wanted(x, other, padding, parameters, heads)
    off = float((came - again).abs().max())
    if off <= 1e-4 and float((again - wanted).abs().max()) <= 1e-2:
        return None
    return _known(ask, case) or Finding(
        "what stands in the padding changes the result."
        if off > 1e-4
        else "the padding makes no difference, but the words are not read rightly.",
        came=f"off by up to {max(off, float((again - wanted).abs().max())):.3g}",
        wanted="the words' answer, whatever stands in the padding",
        hint="See hint 2.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-4)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _split_across(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


def _split_by_view(x: Tensor, heads: int) -> Tensor:
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def _hide(scores: Tensor, padding: Tensor) -> Tensor:
    return scores.masked_fill(padding[:, None, None], -torch.inf).softmax(dim=-1)


def _variant(
    share: Callable[[Tensor, Tensor], Tensor] = _hide,
    scale: Callable[[int, int], float] = lambda A, heads: (A / heads) ** 0.5,
    split: Callable[[Tensor, int], Tensor] = _split,
    join: Callable[[Tensor], Tensor] = lambda x: x.transpose(1, 2),
    names: str = "qkv",
    bias: bool = True,
    one_head: bool = False,
    residual: bool = False,
) -> Callable[..., Answer]:
    """Cross-attention with one thing done otherwise."""

    def function(
        x: Tensor, context: Tensor, padding: Tensor, parameters: Parameters, heads: int
    ) -> Answer:
        count = 1 if one_head else heads
        given = (x, context, context)
        q, k, v = (
            split(part @ parameters[f"{name}.weight"].mT, count)
            for part, name in zip(given, names, strict=True)
        )
        A = len(parameters["q.weight"])
        weights = share(q @ k.mT / scale(A, count), padding)
        joined = join(weights @ v).reshape(*x.shape[:2], A)
        result = joined @ parameters["out.weight"].mT + bias * parameters["out.bias"]
        return result + residual * x, weights

    return function


def _zero_scores(scores: Tensor, padding: Tensor) -> Tensor:
    return scores.masked_fill(padding[:, None, None], 0.0).softmax(dim=-1)


def _after(scores: Tensor, padding: Tensor) -> Tensor:
    return scores.softmax(dim=-1) * ~padding[:, None, None]


def _inverted(scores: Tensor, padding: Tensor) -> Tensor:
    """True taken for a word; where no padding is left, everything counts."""
    hidden = ~padding & padding.any(dim=1, keepdim=True)
    return _hide(scores, hidden)


def _first_padding(scores: Tensor, padding: Tensor) -> Tensor:
    return _hide(scores, padding[:1].expand_as(padding))


def _over_places(scores: Tensor, padding: Tensor) -> Tensor:
    return scores.softmax(dim=2) * ~padding[:, None, None]


def _over_heads(scores: Tensor, padding: Tensor) -> Tensor:
    return scores.softmax(dim=1) * ~padding[:, None, None]


def _unsafe(scores: Tensor, padding: Tensor) -> Tensor:
    grown = scores.exp() * ~padding[:, None, None]
    return grown / grown.sum(dim=-1, keepdim=True)


def _heads_mixed(scores: Tensor, padding: Tensor) -> Tensor:
    weights = _hide(scores, padding)
    return weights.mean(dim=1, keepdim=True).expand_as(weights).clone()


def _detached(
    x: Tensor, context: Tensor, padding: Tensor, parameters: Parameters, heads: int
) -> Answer:
    return cross_attention(x.detach(), context, padding, parameters, heads)


_MISTAKES = {
    "the padding takes part: a place looks at words that are not there.": (
        _variant(lambda scores, padding: scores.softmax(dim=-1))
    ),
    "the padding's scores are set to 0, and e to the power of 0 is 1.": _variant(_zero_scores),
    "the padding is taken out after the softmax, so that the rest does not add to one.": (
        _variant(_after)
    ),
    "the mask is read the wrong way round: True is where there is *no* word.": _variant(_inverted),
    "the padding of the first prompt is used for all.": _variant(_first_padding),
    "the softmax runs over the places; each place shares itself out among the words.": (
        _variant(_over_places)
    ),
    "the softmax runs over the heads.": _variant(_over_heads),
    "the heads share their weights; each is there for itself.": _variant(_heads_mixed),
    "the scores are not scaled.": _variant(scale=lambda A, heads: 1.0),
    "the scores are divided by d, not by its root.": _variant(scale=lambda A, heads: A / heads),
    "the scale is that of all heads together; it is a single head's.": (
        _variant(scale=lambda A, heads: math.sqrt(A))
    ),
    "the heads are cut wrongly: a head takes a run of neighbouring numbers.": (
        _variant(split=_split_across)
    ),
    "the heads are cut by a reshape alone, which mixes places.": _variant(split=_split_by_view),
    "the heads are put together without changing axes back.": _variant(join=lambda x: x),
    "there is only one head, whatever `heads` says.": _variant(one_head=True),
    "the words' keys and values have changed places.": _variant(names="qvk"),
    "`out.bias` is missing.": _variant(bias=False),
    "what came in is added; asked is the attention alone.": _variant(residual=True),
}

CROSS_ATTENTION = Check(
    name="latent_diffusion.cross_attention",
    reference=cross_attention,
    cases=_cases,
    properties=(
        Property("weights are shares of words", 1, _shares, (TYPICAL, ONE_HEAD)),
        Property("one word, one answer", 1, _one_word, (ALONE,)),
        Property("padding is nothing", 1, _padding_is_nothing, (TYPICAL,)),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, ONE_HEAD, ALONE)),
        Property("large scores stay finite", 1, _agrees, (LOUD,), "See hint 3."),
        gradients_flow(1, (0, 1), cases=(TYPICAL,), hint="Both pictures and words learn."),
    ),
    mutants={
        "no mask": _variant(lambda scores, padding: scores.softmax(dim=-1)),
        "scores of zero": _variant(_zero_scores),
        "masked after": _variant(_after),
        "mask inverted": _variant(_inverted),
        "padding of the first": _variant(_first_padding),
        "over places": _variant(_over_places),
        "over heads": _variant(_over_heads),
        "unsafe softmax": _variant(_unsafe),
        "heads mixed": _variant(_heads_mixed),
        "no scale": _variant(scale=lambda A, heads: 1.0),
        "scaled by d": _variant(scale=lambda A, heads: A / heads),
        "scale of all heads": _variant(scale=lambda A, heads: math.sqrt(A)),
        "heads across": _variant(split=_split_across),
        "heads by reshape": _variant(split=_split_by_view),
        "heads not joined": _variant(join=lambda x: x),
        "one head": _variant(one_head=True),
        "keys and values": _variant(names="qvk"),
        "no bias": _variant(bias=False),
        "residual": _variant(residual=True),
        "places detached": _detached,
    },
)
