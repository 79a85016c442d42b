"""Exercise 4 of unit 03: a token that is no patch, places, and the scores of the classes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.foundations.vision_transformer import EPSILON, class_token_forward, mix_once

TYPICAL = "three pictures of four patches, three classes"
NO_PLACES = "positions that are all zero"
ALONE = "one picture of one patch"

Parameters = Mapping[str, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int, size: float = 1.0) -> Tensor:
        return size * torch.randn(*shape, generator=generator)

    def case(name: str, B: int, N: int, P: int, D: int, K: int) -> Case:
        places = 0.5 * float(name != NO_PLACES)
        parameters = {  # small tokens: the class token then looks at all of them
            "embed.weight": draw(D, P, size=0.8 * P**-0.5), "embed.bias": draw(D, size=0.3),
            "class_token": draw(D, size=0.5), "positions": draw(N + 1, D, size=places),
            "norm.weight": 1 + draw(D, size=0.3), "norm.bias": draw(D, size=0.3),
            "head.weight": draw(K, D), "head.bias": draw(K, size=0.5),
        }  # fmt: skip
        return Case(name, (draw(B, N, P), parameters))

    return [
        case(TYPICAL, 3, 4, 5, 6, 3),
        case(NO_PLACES, 2, 5, 4, 6, 4),
        case(ALONE, 1, 1, 2, 4, 2),
    ]


def _blind_to_order(ask: Ask, case: Case) -> Finding | None:
    """Without positions the patches are a set: in another order they score the same."""
    patches, parameters = case.inputs
    came, turned = ask(*case.inputs), ask(patches.flip(1), parameters)
    off = float((came - turned).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "without positions, patches in another order score differently.",
        came=f"a change of {off:.3g}",
        wanted="no change: the class token sees a set",
        hint="From which token are the scores read?",
    )


def _sees_places(ask: Ask, case: Case) -> Finding | None:
    """With positions, patches in another order score as the reference says."""
    patches, parameters = case.inputs
    turned = (patches.flip(1), parameters)
    came, wanted = ask(*turned), ask.wanted(*turned)
    off = float((came - wanted).abs().max())
    if off <= 1e-3:
        return None
    same = float((came - ask(*case.inputs)).abs().max()) <= 1e-4
    message = "patches in another order score the same: no place is known to the tokens."
    other = "patches in another order do not score as they should."
    return _known(ask, case) or Finding(
        message if same else other,
        came=f"off by up to {off:.3g}",
        wanted="scores that know the places",
        hint="How many positions are there, and which token does the first one belong to?",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-3)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3)


def _both_sums(first: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([first, tokens], dim=1) + positions


def _at_the_end(first: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([tokens, first], dim=1) + positions


def _patches_only(first: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([first, tokens + positions[1:]], dim=1)


def _shifted(first: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([first + positions[-1:], tokens + positions[:-1]], dim=1)


def _variant(
    gather: Callable[[Tensor, Tensor, Tensor], Tensor] = _both_sums,
    read: Callable[[Tensor], Tensor] = lambda z: z[:, 0],
    mix: Callable[[Tensor], Tensor] = mix_once,
    late: bool = False,
    normed: bool = True,
    bias: bool = True,
    soft: bool = False,
) -> Callable[[Tensor, Parameters], Tensor]:
    """The forward pass with one thing done otherwise."""

    def function(patches: Tensor, parameters: Parameters) -> Tensor:
        add = parameters["embed.bias"] if bias else None
        tokens = linear(patches, parameters["embed.weight"], add)
        first = parameters["class_token"].expand(len(patches), 1, -1)
        positions = parameters["positions"]
        if late:
            z = mix(torch.cat([first, tokens], dim=1)) + positions
        else:
            z = mix(gather(first, tokens, positions))
        z = read(z)
        weight, shift = parameters["norm.weight"], parameters["norm.bias"]
        z = layer_norm(z, weight.shape, weight, shift, EPSILON) if normed else z
        scores = linear(z, parameters["head.weight"], parameters["head.bias"])
        return scores.softmax(dim=-1) if soft else scores

    return function


def _detached(patches: Tensor, parameters: Parameters) -> Tensor:
    return class_token_forward(patches.detach(), parameters)


def _in_place(patches: Tensor, parameters: Parameters) -> Tensor:
    scores = class_token_forward(patches, parameters)
    patches.sub_(patches.mean())
    return scores


_no_positions = _variant(lambda first, tokens, _: torch.cat([first, tokens], dim=1))
_mean_of_all = _variant(read=lambda z: z.mean(dim=1))
_last = _variant(read=lambda z: z[:, -1])
_first_patch = _variant(read=lambda z: z[:, 1])
_unmixed = _variant(mix=lambda z: z)

_MISTAKES = {
    "the scores are read from the mean of all tokens; asked is the class token.": _mean_of_all,
    "the scores are read from the last token, a patch; asked is the class token.": _last,
    "the scores are read from the first patch; the class token stands before it.": _first_patch,
    "the class token stands at the end, and the positions are one off.": _variant(_at_the_end),
    "the class token gets no position; the first one is its own.": _variant(_patches_only),
    "the positions are one off: the first one belongs to the class token.": _variant(_shifted),
    "the positions have no effect.": _no_positions,
    "the positions are added behind `mix`; they belong before it.": _variant(late=True),
    "the tokens are never mixed: the class token has not seen a patch.": _unmixed,
    "the tokens are mixed twice.": _variant(mix=lambda z: mix_once(mix_once(z))),
    "the token is not normalised before the head.": _variant(normed=False),
    "the embedding's bias is left out.": _variant(bias=False),
    "the scores passed a softmax; losses want them as they are.": _variant(soft=True),
}

CLASS_TOKEN_FORWARD = Check(
    name="vision_transformer.class_token_forward",
    reference=class_token_forward,
    cases=_cases,
    properties=(
        Property("without positions the patches are a set", 1, _blind_to_order, (NO_PLACES,)),
        Property("with positions their order counts", 1, _sees_places, (TYPICAL,)),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, ALONE), "See hint 2."),
        gradients_flow(1, (0,), cases=(TYPICAL,), hint="See hint 3."),
    ),
    mutants={
        "mean of all": _mean_of_all,
        "last token": _last,
        "first patch": _first_patch,
        "class token at the end": _variant(_at_the_end),
        "positions for patches only": _variant(_patches_only),
        "positions shifted": _variant(_shifted),
        "no positions": _no_positions,
        "positions late": _variant(late=True),
        "not mixed": _unmixed,
        "mixed twice": _variant(mix=lambda z: mix_once(mix_once(z))),
        "no norm": _variant(normed=False),
        "no bias": _variant(bias=False),
        "softmax": _variant(soft=True),
        "detached": _detached,
        "in place": _in_place,
    },
)
