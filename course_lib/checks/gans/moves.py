"""Exercise 4 of unit 11: one move of both players, at once or in turns."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, recognise
from course_lib.generative.gan import (
    Parameters,
    discriminator_loss,
    gan_step,
    generator_loss,
    linear_discriminator,
    linear_generator,
)

AT_ONCE = "both at once, in the plane"
IN_TURNS = "in turns, in the plane"
LARGER = "in turns, in space"
STILL = "a learning rate of zero"
RIGHT = "both at once, where no one can gain"

Answer = tuple[dict[str, Tensor], dict[str, Tensor]]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def players(D: int, Z: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        maker = {"weight": draw(D, Z), "bias": draw(D)}
        return maker, {"weight": draw(D) + 0.5, "bias": draw(1)[0]}

    noise = draw(6, 2)
    flat = {"weight": torch.zeros(2), "bias": torch.tensor(0.0)}
    copy = {"weight": torch.eye(2), "bias": torch.zeros(2)}
    return [
        Case(AT_ONCE, (*players(2, 3), draw(5, 2), draw(7, 3), 0.5, False)),
        Case(IN_TURNS, (*players(2, 3), draw(5, 2), draw(7, 3), 0.5, True)),
        Case(LARGER, (*players(4, 2), draw(8, 4) + 1, draw(8, 2), 0.3, True)),
        Case(STILL, (*players(3, 3), draw(4, 3), draw(4, 3), 0.0, True)),
        Case(RIGHT, (copy, flat, noise, noise.clone(), 0.5, False)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    """Right as it is asked; a mistake is recognised by what both orders give."""
    found = compare(ask, case, {}, atol=1e-4)
    if found is None:
        return None
    given = case.inputs[:5]

    def in_both(function: Callable[..., Answer]) -> Callable[..., tuple[Answer, Answer]]:
        return lambda *inputs: (function(*inputs, False), function(*inputs, True))

    mistakes = {sentence: in_both(wrong) for sentence, wrong in _MISTAKES.items()}
    sentence = recognise(in_both(ask)(*given), given, mistakes, 1e-4, 1e-4)
    return replace(found, message=sentence) if sentence else found


def _stays(ask: Ask, case: Case) -> Finding | None:
    """Neither player moves: no learning rate, or nothing to gain."""
    maker, judge = case.inputs[:2]
    moved_maker, moved_judge = ask(*case.inputs)
    pairs = (("generator", moved_maker, maker), ("discriminator", moved_judge, judge))
    for name, now, before in pairs:
        off = max(float((now[key] - before[key]).abs().max()) for key in before)
        if off > 1e-5:
            return Finding(
                f"the {name} moves, though it must stay where it is.",
                came=f"moved by up to {off:.3g}",
                wanted="no move",
                hint="See hint 2.",
            )
    return None


def _step(player: Parameters, loss: Callable[[Parameters], Tensor], rate: float) -> dict:
    leaves = {name: value.detach().clone().requires_grad_() for name, value in player.items()}
    slopes = torch.autograd.grad(loss(leaves), list(leaves.values()))
    return {
        name: value.detach() - rate * slope
        for (name, value), slope in zip(leaves.items(), slopes, strict=True)
    }


def _variant(
    judge_loss: Callable[[Tensor, Tensor], Tensor] = discriminator_loss,
    maker_loss: Callable[[Tensor], Tensor] = generator_loss,
    rates: tuple[float, float] = (1.0, 1.0),
    order: str = "asked",
) -> Callable[..., Answer]:
    """The step with one thing done otherwise."""

    def function(
        generator: Parameters,
        discriminator: Parameters,
        real: Tensor,
        noise: Tensor,
        learning_rate: float,
        alternating: bool,
    ) -> Answer:
        def judge(player: Parameters, maker: Parameters) -> Tensor:
            fake = linear_discriminator(linear_generator(noise, maker), player)
            return judge_loss(linear_discriminator(real, player), fake)

        def persuade(player: Parameters, seen: Parameters) -> Tensor:
            return maker_loss(linear_discriminator(linear_generator(noise, player), seen))

        turns = {"asked": alternating, "turned": not alternating, "always": True}.get(order, False)
        if order == "generator first" and alternating:
            maker = _step(generator, lambda p: persuade(p, discriminator), rates[0] * learning_rate)
            return maker, _step(discriminator, lambda p: judge(p, maker), rates[1] * learning_rate)
        moved = _step(discriminator, lambda p: judge(p, generator), rates[1] * learning_rate)
        seen = moved if turns else discriminator
        return _step(generator, lambda p: persuade(p, seen), rates[0] * learning_rate), moved

    return function


def _exchanged(*given: object) -> Answer:
    maker, judge = gan_step(*given)
    return judge, maker


def _no_bias(*given: object) -> Answer:
    maker, judge = gan_step(*given)
    return maker | {"bias": given[0]["bias"]}, judge | {"bias": given[1]["bias"]}


def _in_place(*given: object) -> Answer:
    maker, judge = gan_step(*given)
    for name, value in judge.items():
        given[1][name].copy_(value)
    return maker, judge


def _labels_turned(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(fake, real)


def _critic(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


_ascends = _variant(rates=(-1.0, -1.0))
_judge_ascends = _variant(rates=(1.0, -1.0))
_maker_ascends = _variant(rates=(-1.0, 1.0))
_maker_stays = _variant(rates=(0.0, 1.0))
_judge_stays = _variant(rates=(1.0, 0.0))
_minimax = _variant(maker_loss=lambda fake: generator_loss(fake, "minimax"))
_linear = _variant(_critic, lambda fake: -fake.mean())
_summed = _variant(
    lambda real, fake: len(real) * discriminator_loss(real, fake),
    lambda fake: len(fake) * generator_loss(fake),
)

_MISTAKES = {
    "both players climb their losses.": _ascends,
    "the discriminator climbs its loss; it wants it small.": _judge_ascends,
    "the generator climbs its loss; it wants it small.": _maker_ascends,
    "the generator has not moved.": _maker_stays,
    "the discriminator has not moved.": _judge_stays,
    "the generator follows the game's own loss; asked is the non-saturating one.": _minimax,
    "the two losses have no logarithms: this is a Wasserstein game.": _linear,
    "the losses are summed over the samples; asked are means.": _summed,
    "the discriminator takes real samples for generated ones.": _variant(_labels_turned),
    "the players move at once, also where they are to take turns.": _variant(order="never"),
    "the players take turns, also where they are to move at once.": _variant(order="always"),
    "turns and at once have changed places.": _variant(order="turned"),
    "in turns, the generator moves first; it is the discriminator that begins.": (
        _variant(order="generator first")
    ),
    "the biases have not moved.": _no_bias,
}

GAN_STEP = Check(
    name="gans.gan_step",
    reference=gan_step,
    cases=_cases,
    properties=(
        Property("nothing to gain, no move", 1, _stays, (STILL,), "See hint 2."),
        Property("both at once", 2, _agrees, (AT_ONCE, RIGHT), "See hint 1."),
        Property("in turns", 2, _agrees, (IN_TURNS, LARGER), "See hint 3."),
    ),
    mutants={
        "both climb": _ascends,
        "discriminator climbs": _judge_ascends,
        "generator climbs": _maker_ascends,
        "generator stays": _maker_stays,
        "discriminator stays": _judge_stays,
        "minimax": _minimax,
        "wasserstein": _linear,
        "summed": _summed,
        "labels turned": _variant(_labels_turned),
        "never in turns": _variant(order="never"),
        "always in turns": _variant(order="always"),
        "turned": _variant(order="turned"),
        "generator first": _variant(order="generator first"),
        "no bias": _no_bias,
        "exchanged": _exchanged,
        "in place": _in_place,
    },
)
