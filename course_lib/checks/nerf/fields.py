"""Exercise 6 of unit 16: density from a place, colour from a place and a direction."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear, relu, softplus

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, listed, uniform
from course_lib.rendering.nerf import MLPField, positional_encoding, radiance_field

Parameters = dict[str, Tensor]
Answer = tuple[Tensor, Tensor]

SHALLOW = "a network with two layers of eight, six places"
DEEP = "a network with six layers of eight, six places"
TURNED = "one place, seen along twelve directions"
LOUD = "a network with large last numbers, twenty places"


def _network(depth: int, generator: torch.Generator, louder: float = 1.0) -> Parameters:
    """The parameters of a small network, in the exercise's names; louder at its two ends."""
    field = MLPField(depth, 8, generator=generator)
    drawn = {}
    for name, value in field.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        drawn[name] = value + (0.1 if value.ndim == 1 else 0.05) * noise
    if louder == 1.0:  # so that there is something at every place
        drawn["density.bias"] = drawn["density.bias"].abs() + 3.0
    for name in ("density.weight", "color.weight"):
        drawn[name] = louder * drawn[name]
    return drawn


def _cases(generator: torch.Generator) -> list[Case]:
    def places(count: int) -> Tensor:
        return uniform(-1.0, 1.0, count, 3, generator=generator)

    def ways(count: int) -> Tensor:
        drawn = torch.randn(count, 3, generator=generator)
        return torch.nn.functional.normalize(drawn, dim=1)

    place = places(1).repeat(12, 1)
    return [
        Case(SHALLOW, (places(6), ways(6), _network(2, generator))),
        Case(DEEP, (places(6), ways(6), _network(6, generator))),
        Case(TURNED, (place, ways(12), _network(2, generator))),
        Case(LOUD, (places(20), ways(20), _network(2, generator, 4.0))),
    ]


def _density(ask: Ask, case: Case) -> Finding | None:
    """Never negative, zero allowed, and the same from everywhere."""
    points, directions, parameters = case.inputs
    sigmas, _ = ask(*case.inputs)
    if float(sigmas.min()) < 0:
        return Finding(
            "there is no matter less than none: a density is at least 0.",
            came=f"as low as {float(sigmas.min()):.3g}",
            wanted="at least 0",
        )
    if case.name == LOUD:
        return _can_be_empty(sigmas, ask.wanted(*case.inputs)[0])
    other, _ = ask(points, -directions.flip(0), parameters)
    gap = float((sigmas - other).abs().max())
    if gap <= 1e-5:
        return None
    return Finding(
        "the density changes with the direction. Whether something is there cannot depend on who "
        "looks; otherwise each photograph could have a scene of its own.",
        came=f"a change of {gap:.3g}",
        wanted="no change",
        hint="Read the density before the direction comes in.",
    )


def _can_be_empty(came: Tensor, wanted: Tensor) -> Finding | None:
    empty = wanted == 0
    if not bool(empty.any()) or float(came[empty].abs().max()) <= 1e-6:
        return None
    return Finding(
        "some places are exactly empty, and yours are all a little foggy.",
        came=f"{float(came[empty].max()):.3g}",
        wanted="0",
        hint="A relu is what is asked for: it cuts off at zero.",
    )


def _color(ask: Ask, case: Case) -> Finding | None:
    """In [0, 1], and it does depend on the direction."""
    _, colors = ask(*case.inputs)
    low, high = float(colors.min()), float(colors.max())
    if low < 0 or high > 1:
        return Finding(
            "a colour lies between 0 and 1.", came=f"from {low:.3g} to {high:.3g}", wanted="[0, 1]"
        )
    if case.name == LOUD:
        return None
    wanted = ask.wanted(*case.inputs)[1].std(dim=0)
    if float(colors.std(dim=0).max()) > 0.1 * float(wanted.max()):
        return None
    return Finding(
        "from all twelve directions the place has the same colour: nothing can ever shine.",
        came=f"all near {listed(colors[0])}",
        wanted="colours that differ",
        hint="The direction, encoded, enters together with the feature.",
    )


def _variant(
    *,
    skip: Callable[[Tensor, Tensor], Tensor] = lambda h, e: torch.cat([h, e], dim=-1),
    skip_at: int = 4,
    last: Callable[[Tensor], Tensor] = relu,
    density: Callable[[Tensor], Tensor] = relu,
    feature: Callable[[Tensor], Tensor] = lambda f: f,
    join: Callable[[Tensor, Tensor], Tensor] = lambda f, v: torch.cat([f, v], dim=-1),
    middle: Callable[[Tensor], Tensor] = relu,
    color: Callable[[Tensor], Tensor] = torch.sigmoid,
    bias: bool = True,
) -> Callable[[Tensor, Tensor, Parameters], Answer]:
    """A wrong answer: the network with one part exchanged."""

    def function(points: Tensor, directions: Tensor, parameters: Parameters) -> Answer:
        def layer(name: str, h: Tensor) -> Tensor:
            shift = parameters[f"{name}.bias"] if bias else None
            return linear(h, parameters[f"{name}.weight"], shift)

        encoded = h = positional_encoding(points, 10)
        depth = sum(name.startswith("layers.") for name in parameters) // 2
        for k in range(depth):
            h = layer(f"layers.{k}", skip(h, encoded) if k == skip_at else h)
            h = last(h) if k == depth - 1 else relu(h)
        view = positional_encoding(directions, 4)
        hidden = middle(layer("view", join(feature(layer("feature", h)), view)))
        return density(layer("density", h))[:, 0], color(layer("color", hidden))

    return function


def _direction_in_density(points: Tensor, directions: Tensor, parameters: Parameters) -> Answer:
    sigmas, colors = radiance_field(points, directions, parameters)
    return sigmas * (1 + 0.5 * directions[:, 2]), colors


def _direction_at_the_door(points: Tensor, directions: Tensor, parameters: Parameters) -> Answer:
    return radiance_field(points + 0.1 * directions, directions, parameters)


def _lone_dimension(points: Tensor, directions: Tensor, parameters: Parameters) -> Answer:
    sigmas, colors = radiance_field(points, directions, parameters)
    return sigmas[:, None], colors


def _swapped_halves(h: Tensor, e: Tensor) -> Tensor:
    return torch.cat([e, h], dim=-1)


def _blind(f: Tensor, v: Tensor) -> Tensor:
    return torch.cat([f, torch.zeros_like(v)], dim=-1)


def _detached_view(f: Tensor, v: Tensor) -> Tensor:
    return torch.cat([f, v.detach()], dim=-1)


_encoded_first = _variant(skip=_swapped_halves)
_padded = _variant(skip=lambda h, e: torch.cat([h, torch.zeros_like(e)], dim=-1))
_no_last_relu = _variant(last=lambda h: h)
_feature_relu = _variant(feature=relu)
_view_first = _variant(join=lambda f, v: torch.cat([v, f], dim=-1))
_no_middle_relu = _variant(middle=lambda h: h)
_no_bias = _variant(bias=False)
_soft = _variant(density=softplus)
_exponential = _variant(density=torch.exp)
_tanh = _variant(color=lambda x: 0.5 + 0.5 * torch.tanh(x))
_clamped = _variant(color=lambda x: x.clamp(0, 1))

_MISTAKES = {
    "the encoded point comes before h where it is joined to it; asked is h first.": _encoded_first,
    "the encoded point does not come in again before layer 4.": _padded,
    "the last of the layers has no relu.": _no_last_relu,
    "the feature goes through a relu; it is a plain linear layer.": _feature_relu,
    "the encoded direction comes before the feature; asked is the feature first.": _view_first,
    "the layer `view` has no relu.": _no_middle_relu,
    "the biases are left out.": _no_bias,
    "the density goes through a softplus; asked is a relu.": _soft,
    "the density goes through an exponential; asked is a relu.": _exponential,
    "the colour goes through a tanh; asked is a sigmoid.": _tanh,
    "the colour is cut off at 0 and 1; asked is a sigmoid.": _clamped,
}


RADIANCE_FIELD = Check(
    name="nerf.radiance_field",
    reference=radiance_field,
    cases=_cases,
    properties=(
        Property(
            "a density that is the same from everywhere, and never negative",
            1,
            _density,
            cases=(TURNED, LOUD),
            hint="See what stands around `density(h)` in the equations.",
        ),
        Property(
            "a colour in [0, 1] that may change with the direction", 1, _color, (TURNED, LOUD)
        ),
        Property(
            "layer by layer as in the equations",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4),
            cases=(SHALLOW,),
            hint="See hint 1.",
        ),
        Property(
            "and with the way round in the middle of a deep one",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4),
            cases=(DEEP,),
            hint="See hint 3.",
        ),
        gradients_flow(
            1,
            (0, 1),
            cases=(SHALLOW,),
            hint="Nothing may cut the graph between the two inputs and the two results.",
        ),
    ),
    mutants={
        "density depends on the direction": _direction_in_density,
        "direction enters at the first layer": _direction_at_the_door,
        "density may be negative": _variant(density=lambda x: x),
        "softplus": _soft,
        "exponential": _exponential,
        "density with a dimension left over": _lone_dimension,
        "no sigmoid": _variant(color=lambda x: x),
        "colours cut off": _clamped,
        "tanh": _tanh,
        "blind to the direction": _variant(join=_blind),
        "direction before feature": _view_first,
        "feature through a relu": _feature_relu,
        "view without relu": _no_middle_relu,
        "last layer without relu": _no_last_relu,
        "no skip": _padded,
        "skip in another order": _encoded_first,
        "skip one layer early": _variant(skip_at=3),
        "no biases": _no_bias,
        "directions detached": _variant(join=_detached_view),
        "points detached": lambda points, directions, parameters: radiance_field(
            points.detach(), directions, parameters
        ),
    },
)
