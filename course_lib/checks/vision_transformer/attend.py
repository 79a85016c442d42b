"""Exercise 2 of unit 03: scaled dot-product attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, uniform
from course_lib.foundations.vision_transformer import attention

TYPICAL = "two pictures, three heads, five tokens of four numbers"
OTHERS = "three queries look at six other tokens"
LOUD = "queries and keys a hundred times as large"
ALIKE = "keys that are all the same"

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(batch: int, heads: int, count: int, size: int) -> Tensor:
        return torch.randn(batch, heads, count, size, generator=generator)

    loud = [100 * draw(2, 2, 5, 4) for _ in range(2)]
    same = uniform(-1.0, 1.0, 2, 2, 1, 4, generator=generator).expand(2, 2, 5, 4).clone()
    return [
        Case(TYPICAL, tuple(draw(2, 3, 5, 4) for _ in range(3))),
        Case(OTHERS, (draw(2, 2, 3, 4), draw(2, 2, 6, 4), draw(2, 2, 6, 4))),
        Case(LOUD, (*loud, draw(2, 2, 5, 4))),
        Case(ALIKE, (draw(2, 2, 5, 4), same, draw(2, 2, 5, 4))),
    ]


def _shares(ask: Ask, case: Case) -> Finding | None:
    """Weights are shares: none negative, and what a query takes adds to one."""
    _, weights = ask(*case.inputs)
    total = weights.sum(dim=-1)
    worst = total.flatten()[(total - 1).abs().argmax()]
    if float(weights.min()) < 0:
        return Finding(
            "a share is never negative.", came=f"{float(weights.min()):.3g}", wanted="at least 0"
        )
    if abs(float(worst) - 1) > 1e-4:
        return _known(ask, case) or Finding(
            "what a query takes from all tokens together must add to one.",
            came=f"a row that adds to {float(worst):.4g}",
            wanted="1, for each query",
            hint="Over which axis lie the keys?",
        )
    return _mean_of_equals(ask, case)


def _mean_of_equals(ask: Ask, case: Case) -> Finding | None:
    """Keys that are all the same are worth the same: the result is the mean of the values."""
    if case.name != ALIKE:
        return None
    result, _ = ask(*case.inputs)
    wanted = case.inputs[2].mean(dim=2, keepdim=True)
    off = float((result - wanted).abs().max())
    if off <= 1e-4:
        return None
    return _known(ask, case) or Finding(
        "where all keys are the same no token is preferred: each result is the mean of all values.",
        came=f"off by up to {off:.3g}",
        wanted="the mean of the values",
        hint="Which of the three is averaged with the weights?",
    )


def _order_of_tokens(ask: Ask, case: Case) -> Finding | None:
    """Keys and values in another order, in step: the same result."""
    q, k, v = case.inputs
    turned, _ = ask(q, k.flip(2), v.flip(2))
    wanted = ask.wanted(q, k, v)[0]
    off = float((turned - wanted).abs().max())
    if off <= 1e-4:
        return None
    return _known(ask, case) or Finding(
        "keys and values in another order give another result.",
        came=f"off by up to {off:.3g}",
        wanted="the same: attention sees a set",
        hint="A sum over tokens does not know their order.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _variant(
    scale: Callable[[int], float] = lambda d: math.sqrt(d),
    share: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
) -> Callable[[Tensor, Tensor, Tensor], Answer]:
    """A wrong answer: another scale, another way from scores to shares."""

    def function(q: Tensor, k: Tensor, v: Tensor) -> Answer:
        weights = share(q @ k.mT / scale(q.shape[-1]))
        return weights @ v, weights

    return function


def _over_heads(scores: Tensor) -> Tensor:
    return scores.softmax(dim=1)


def _unsafe(scores: Tensor) -> Tensor:
    return scores.exp() / scores.exp().sum(dim=-1, keepdim=True)


def _scaled_by_tokens(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _variant(scale=lambda _: math.sqrt(k.shape[2]))(q, k, v)


def _heads_mixed(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    _, weights = attention(q, k, v)
    weights = weights.mean(dim=1, keepdim=True).expand_as(weights).clone()
    return weights @ v, weights


def _keys_averaged(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    _, weights = attention(q, k, v)
    return weights @ k, weights


def _scores_returned(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return attention(q, k, v)[0], q @ k.mT / math.sqrt(q.shape[-1])


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    later = torch.ones(q.shape[2], k.shape[2]).triu(1).bool()
    return _variant(share=lambda s: s.masked_fill(later, -torch.inf).softmax(dim=-1))(q, k, v)


def _rounded(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    result, weights = attention(q, k, v)
    return result, weights * (weights > 0.05)


def _detached(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    weights = attention(q, k, v)[1].detach()
    return weights @ v, weights


def _in_place(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    q /= math.sqrt(q.shape[-1])
    weights = (q @ k.mT).softmax(dim=-1)
    return weights @ v, weights


_not_scaled = _variant(scale=lambda _: 1.0)
_by_d = _variant(scale=lambda d: float(d))
_times_root = _variant(scale=lambda d: 1 / math.sqrt(d))
_over_queries = _variant(share=lambda scores: scores.softmax(dim=2))
_sigmoid = _variant(share=torch.sigmoid)

_MISTAKES = {
    "the scores are not scaled.": _not_scaled,
    "the scores are divided by d, not by its root.": _by_d,
    "the scores are multiplied by the root of d; they are divided by it.": _times_root,
    "the scale is the number of tokens; it is the size of a query.": _scaled_by_tokens,
    "the softmax runs over the queries; each query shares itself out among the keys.": (
        _over_queries
    ),
    "the softmax runs over the heads; each head is there for itself.": _variant(share=_over_heads),
    "each score has a sigmoid of its own: the shares of a query do not compete.": _sigmoid,
    "the heads share their weights; each head is there for itself.": _heads_mixed,
    "the keys are averaged, not the values.": _keys_averaged,
    "the second result are the scores, before the softmax.": _scores_returned,
    "tokens see only those before them; in a picture all see all.": _causal,
}

ATTENTION = Check(
    name="vision_transformer.attention",
    reference=attention,
    cases=_cases,
    properties=(
        Property("weights are shares", 1, _shares, (TYPICAL, ALIKE)),
        Property("the order of the tokens does not matter", 1, _order_of_tokens, (OTHERS,)),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, OTHERS), "See hint 2."),
        Property("large scores stay finite", 1, _agrees, (LOUD,), "See hint 3."),
        gradients_flow(1, (0, 1, 2), cases=(TYPICAL,), hint="The weights carry gradients too."),
    ),
    mutants={
        "no scaling": _not_scaled,
        "scaled by d": _by_d,
        "times root d": _times_root,
        "scaled by the tokens": _scaled_by_tokens,
        "softmax over queries": _over_queries,
        "softmax over heads": _variant(share=_over_heads),
        "sigmoid": _sigmoid,
        "unsafe softmax": _variant(share=_unsafe),
        "heads mixed": _heads_mixed,
        "keys averaged": _keys_averaged,
        "scores returned": _scores_returned,
        "causal": _causal,
        "small weights dropped": _rounded,
        "weights detached": _detached,
        "in place": _in_place,
    },
)
