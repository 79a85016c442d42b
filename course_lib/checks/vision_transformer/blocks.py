"""Exercise 3 of unit 03: one encoder block with the norms inside of its branches."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, relu, scaled_dot_product_attention

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.foundations.vision_transformer import EPSILON, encoder_block

TYPICAL = "two pictures, five tokens of twelve numbers, three heads"
ONE_HEAD = "a single head"
SILENT = "branches whose last layers are zero"
ALONE = "one token"

Parameters = Mapping[str, Tensor]
Block = Callable[[Tensor, Parameters, int], Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int, size: float = 1.0) -> Tensor:
        return size * torch.randn(*shape, generator=generator)

    def parameters(width: int, hidden: int) -> dict[str, Tensor]:
        made = {}
        for name in ("norm_1", "norm_2"):
            made[f"{name}.weight"] = 1 + draw(width, size=0.3)
            made[f"{name}.bias"] = draw(width, size=0.3)
        rows = {"qkv": (3 * width, width), "out": (width, width)}
        rows |= {"mlp_1": (hidden, width), "mlp_2": (width, hidden)}
        for name, shape in rows.items():
            made[f"{name}.weight"] = draw(*shape, size=1.5 * shape[1] ** -0.5)
            made[f"{name}.bias"] = draw(shape[0], size=0.3)
        return made

    silent = parameters(8, 16)
    for name in ("out", "mlp_2"):
        for part in ("weight", "bias"):
            silent[f"{name}.{part}"] = torch.zeros_like(silent[f"{name}.{part}"])
    return [
        Case(TYPICAL, (1 + 2 * draw(2, 5, 12), parameters(12, 20), 3)),
        Case(ONE_HEAD, (draw(2, 4, 8), parameters(8, 16), 1)),
        Case(SILENT, (1 + draw(2, 4, 8), silent, 2)),
        Case(ALONE, (draw(3, 1, 8), parameters(8, 8), 4)),
    ]


def _road(ask: Ask, case: Case) -> Finding | None:
    """With both branches silent, what came in goes out."""
    x = case.inputs[0]
    came = ask(*case.inputs)
    off = float((came - x).abs().max())
    if off <= 1e-5:
        return None
    return _known(ask, case) or Finding(
        "with both branches silent the tokens must leave as they came.",
        came=f"changed by up to {off:.3g}",
        wanted="x",
        hint="Each branch is added to what went into it. See hint 1.",
    )


def _any_order(ask: Ask, case: Case) -> Finding | None:
    """Tokens in another order come out in that order, and no picture sees another."""
    x, parameters, heads = case.inputs
    came, wanted = ask(x.flip(1), parameters, heads), ask.wanted(x, parameters, heads).flip(1)
    off = float((came - wanted).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "tokens in another order do not just come out in that order.",
        came=f"off by up to {off:.3g}",
        wanted="the same tokens, in the new order",
        hint="Which axis holds the pictures, which the tokens, which the heads? See hint 2.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-4)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _split_across(x: Tensor, heads: int) -> Tensor:
    """Numbers j, j + heads, j + 2 heads and so on to head j."""
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


def _split_by_view(x: Tensor, heads: int) -> Tensor:
    """A reshape without a transpose: heads get tokens, not numbers."""
    return x.reshape(x.shape[0], heads, x.shape[1], x.shape[2] // heads)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def _variant(
    split: Callable[[Tensor, int], Tensor] = _split,
    join: Callable[[Tensor], Tensor] = _joined,
    order: tuple[int, int, int] = (0, 1, 2),
    bend: Callable[[Tensor], Tensor] = gelu,
    pre: bool = True,
    norms: tuple[str, str] = ("norm_1", "norm_2"),
    skip: tuple[bool, bool] = (True, True),
    out: bool = True,
    one_head: bool = False,
    chained: bool = True,
) -> Block:
    """The block with one thing done otherwise."""

    def function(x: Tensor, parameters: Parameters, heads: int) -> Tensor:
        def layer(name: str, given: Tensor) -> Tensor:
            return linear(given, parameters[f"{name}.weight"], parameters[f"{name}.bias"])

        def norm(name: str, given: Tensor) -> Tensor:
            if not name:
                return given
            weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
            return layer_norm(given, weight.shape, weight, bias, EPSILON)

        def attend(given: Tensor) -> Tensor:
            parts = layer("qkv", given).chunk(3, dim=-1)
            count = 1 if one_head else heads
            q, k, v = (split(parts[i], count) for i in order)
            result = join(scaled_dot_product_attention(q, k, v)).reshape(given.shape)
            return layer("out", result) if out else result

        def think(given: Tensor) -> Tensor:
            return layer("mlp_2", bend(layer("mlp_1", given)))

        if not pre:
            y = norm(norms[0], x + attend(x))
            return norm(norms[1], y + think(y))
        y = skip[0] * x + attend(norm(norms[0], x))
        if not chained:
            return y + think(norm(norms[1], x))
        return skip[1] * y + think(norm(norms[1], y))

    return function


def _detached(x: Tensor, parameters: Parameters, heads: int) -> Tensor:
    return x.detach() + (encoder_block(x, parameters, heads) - x)


def _in_place(x: Tensor, parameters: Parameters, heads: int) -> Tensor:
    return x.copy_(encoder_block(x, parameters, heads))


def _over_batch(x: Tensor, parameters: Parameters, heads: int) -> Tensor:
    return encoder_block(x.transpose(0, 1), parameters, heads).transpose(0, 1)


_MISTAKES = {
    "the norms stand behind the sums (post-norm); asked is inside of the branches.": (
        _variant(pre=False)
    ),
    "what came in is not added to the attention.": _variant(skip=(False, True)),
    "what came in is not added to the second branch.": _variant(skip=(True, False)),
    "neither branch is added to what came in.": _variant(skip=(False, False)),
    "the attention sees tokens that were not normalised.": _variant(norms=("", "norm_2")),
    "the second branch sees tokens that were not normalised.": _variant(norms=("norm_1", "")),
    "the two norms have changed places.": _variant(norms=("norm_2", "norm_1")),
    "the second branch starts from x, not from the sum with the attention.": (
        _variant(chained=False)
    ),
    "the heads are cut wrongly: a head takes a run of neighbouring numbers of each token.": (
        _variant(split=_split_across)
    ),
    "the heads are cut by a reshape alone: numbers of different tokens end up in one.": (
        _variant(split=_split_by_view)
    ),
    "the heads are put together wrongly: tokens and heads have not changed back.": (
        _variant(join=lambda x: x)
    ),
    "there is only one head, whatever `heads` says.": _variant(one_head=True),
    "queries and keys have changed places.": _variant(order=(1, 0, 2)),
    "keys and values have changed places.": _variant(order=(0, 2, 1)),
    "the heads' results do not pass `out`.": _variant(out=False),
    "the second branch is bent by a ReLU; asked is a GELU.": _variant(bend=relu),
    "the second branch is not bent: its GELU is missing.": _variant(bend=lambda x: x),
    "the attention runs over the pictures of the batch; it runs over a picture's tokens.": (
        _over_batch
    ),
}

ENCODER_BLOCK = Check(
    name="vision_transformer.encoder_block",
    reference=encoder_block,
    cases=_cases,
    properties=(
        Property("silent branches change nothing", 1, _road, (SILENT,)),
        Property("the order of the tokens is kept", 1, _any_order, (TYPICAL,)),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, ONE_HEAD, ALONE)),
        gradients_flow(1, (0,), cases=(TYPICAL,), hint="Both sums carry the gradient."),
    ),
    mutants={
        "post-norm": _variant(pre=False),
        "no first sum": _variant(skip=(False, True)),
        "no second sum": _variant(skip=(True, False)),
        "no sums": _variant(skip=(False, False)),
        "no first norm": _variant(norms=("", "norm_2")),
        "no second norm": _variant(norms=("norm_1", "")),
        "norms swapped": _variant(norms=("norm_2", "norm_1")),
        "branches side by side": _variant(chained=False),
        "heads across": _variant(split=_split_across),
        "heads by reshape": _variant(split=_split_by_view),
        "heads not joined": _variant(join=lambda x: x),
        "one head": _variant(one_head=True),
        "q and k swapped": _variant(order=(1, 0, 2)),
        "k and v swapped": _variant(order=(0, 2, 1)),
        "no out": _variant(out=False),
        "relu": _variant(bend=relu),
        "no bend": _variant(bend=lambda x: x),
        "over the batch": _over_batch,
        "road detached": _detached,
        "in place": _in_place,
    },
)
