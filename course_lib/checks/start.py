"""Unit 00: pictures as batches of tensors, and how far two pictures are apart."""

import math

import numpy as np
import torch

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.properties import agrees, gradients_agree
from course_lib.metrics import psnr
from course_lib.pictures import to_batch


def _draw_picture(generator: torch.Generator, height: int, width: int) -> np.ndarray:
    return torch.randint(0, 256, (height, width, 3), generator=generator).to(torch.uint8).numpy()


def _batch_cases(generator: torch.Generator) -> list[Case]:
    red = np.zeros((4, 6, 3), dtype=np.uint8)
    red[..., 0] = _draw_picture(generator, 4, 6)[..., 0] // 2
    red[0, 0, 0] = 255
    return [
        Case("three square pictures", ([_draw_picture(generator, 8, 8) for _ in range(3)],)),
        Case("two pictures wider than high", ([_draw_picture(generator, 5, 9) for _ in "ab"],)),
        Case("a single red picture", ([red],)),
        Case("a picture of one pixel", ([_draw_picture(generator, 1, 1)],)),
    ]


def _in_unit_range(ask: Ask, case: Case) -> Finding | None:
    batch, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    low, high = float(batch.min()), float(batch.max())
    fits = abs(low - wanted.min()) < 0.15 and abs(high - wanted.max()) < 0.15
    if low >= 0.0 and high <= 1.0 and fits:
        return None
    return Finding(
        "the values do not fill the range from 0 to 1.",
        came=f"{low:.4g} to {high:.4g}",
        wanted="0 (black) to 1 (full intensity)",
        hint="A byte counts from 0 to 255.",
    )


def _red_stays_red(ask: Ask, case: Case) -> Finding | None:
    batch, red = ask(*case.inputs), torch.from_numpy(case.inputs[0][0])[..., 0].float()
    means = batch[0].mean(dim=(1, 2))
    bright = abs(means[0] / batch.max() - red.mean() / red.max()) < 0.01
    if bright and means[0] > 0 and means[1] == 0 and means[2] == 0:
        return None
    return Finding(
        "a red picture should be bright in channel 0 and dark in channels 1 and 2.",
        came="channel means " + ", ".join(f"{float(m):.2f}" for m in means),
        hint="The order of the channels is kept, only their place changes.",
    )


TO_BATCH = Check(
    name="start.to_batch",
    reference=to_batch,
    cases=_batch_cases,
    properties=(
        Property("values lie in [0, 1]", 1, _in_unit_range),
        Property("red stays red", 1, _red_stays_red, cases=("a single red picture",)),
        agrees(
            1,
            name="every pixel is where it belongs",
            atol=1e-6,
            message="pixels are not where they belong",
            hint="reshape() changes how numbers are grouped; permute() moves an axis.",
        ),
    ),
    mutants={
        "bytes not scaled": lambda pictures: to_batch(pictures) * 255.0,
        "scaled by 256": lambda pictures: to_batch(pictures) * 255.0 / 256.0,
        "reshaped instead of permuted": lambda pictures: (
            torch.from_numpy(np.stack(pictures)).float() / 255.0
        ).reshape(len(pictures), 3, *pictures[0].shape[:2]),
        "channels last": lambda pictures: torch.from_numpy(np.stack(pictures)).float() / 255.0,
        "blue first": lambda pictures: to_batch(pictures).flip(1),
        "height and width swapped": lambda pictures: to_batch(pictures).transpose(2, 3),
        "double precision": lambda pictures: to_batch(pictures).double(),
        "only the first picture": lambda pictures: to_batch(pictures[:1]),
    },
)


def _psnr_cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    clean, apart = draw(2, 3, 8, 8), torch.zeros(1, 3, 6, 4)
    return [
        Case("noisy pictures", (clean, (clean + 0.1 * (draw(2, 3, 8, 8) - 0.5)).clamp(0, 1))),
        Case("one good and one bad picture", (clean, torch.stack([clean[0] + 0.01, 1 - clean[1]]))),
        Case("everywhere 0.1 apart", (torch.zeros(1, 3, 5, 7), torch.full((1, 3, 5, 7), 0.1))),
        Case("everywhere equally far apart", (apart, apart + 0.05 + 0.4 * draw(1))),
        Case("black against white", (torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))),
        Case("equal pictures", (clean, clean.clone())),
    ]


def _closed_form(ask: Ask, case: Case) -> Finding | None:
    wanted = -20.0 * math.log10((case.inputs[1] - case.inputs[0]).max())
    came = float(ask(*case.inputs)[0])
    if abs(came - wanted) < 1e-3:
        return None
    return Finding(
        "this one can be worked out by hand, and the result differs.",
        came=f"{came:.4g} dB",
        wanted=f"{wanted:g} dB",
        hint="Square, average, then the logarithm to base 10, times minus ten.",
    )


def _equal_is_infinite(ask: Ask, case: Case) -> Finding | None:
    came, apart = ask(*case.inputs), ask(case.inputs[0], 1 - case.inputs[1])
    if bool((came == torch.inf).all()) and not bool(apart.isfinite().all()):
        return Finding("two pictures that differ have a finite PSNR.", came="inf")
    if bool((came == torch.inf).all()):
        return None
    return Finding(
        "two equal pictures have no error at all, so their PSNR is infinite.",
        came=", ".join(f"{float(value):.4g}" for value in came),
        wanted="inf",
        hint="PyTorch's logarithm of 0 is already -inf: nothing needs to be added inside it.",
    )


def _one_mean_over_all(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (-10 * torch.log10((a - b).square().mean())).expand(len(a))


PSNR = Check(
    name="start.psnr",
    reference=psnr,
    cases=_psnr_cases,
    properties=(
        Property(
            "known answers",
            1,
            _closed_form,
            cases=("everywhere 0.1 apart", "everywhere equally far apart", "black against white"),
        ),
        agrees(
            1,
            name="one number for each picture",
            atol=1e-3,
            hint="Average over channels, rows and columns, never over the batch.",
        ),
        Property("equal pictures", 1, _equal_is_infinite, cases=("equal pictures",)),
        gradients_agree(1, name="gradients flow", atol=1e-3, cases=("noisy pictures",)),
    ),
    mutants={
        "mean over the batch too": _one_mean_over_all,
        "natural logarithm": lambda a, b: -10 * torch.log((a - b).square().mean((1, 2, 3))),
        "twenty instead of ten": lambda a, b: -20 * torch.log10((a - b).square().mean((1, 2, 3))),
        "sign forgotten": lambda a, b: 10 * torch.log10((a - b).square().mean((1, 2, 3))),
        "sum instead of mean": lambda a, b: -10 * torch.log10((a - b).square().sum((1, 2, 3))),
        "absolute error": lambda a, b: -10 * torch.log10((a - b).abs().mean((1, 2, 3))),
        "a small number inside the logarithm": lambda a, b: (
            -10 * torch.log10((a - b).square().mean((1, 2, 3)) + 1e-8)
        ),
        "detached": lambda a, b: psnr(a, b).detach(),
        "changes its input": lambda a, b: -10 * torch.log10(a.sub_(b).square().mean((1, 2, 3))),
    },
)

CHECKS = (TO_BATCH, PSNR)
