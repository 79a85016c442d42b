"""Exercise 1 of unit 05: holes to practise on."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import data
from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property

FEW = "six masks of 24 x 24, a tenth to four tenths missing"
WIDE = "forty masks of 16 x 40, a fifth to three tenths missing"
MANY = "three hundred masks of 16 x 16"
ONE = "a single mask of 20 x 12"
Area = tuple[float, float]

SIDES = ("left", "right", "top", "bottom")
EACH = "Draw the kind, the side and the share anew for each picture."


def random_mask(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    """One hole of a random kind for each picture: strokes, a block, or along a whole side."""
    masks = []
    for kind in torch.randint(3, (count,), generator=generator).tolist():
        if kind == 0:
            masks.append(data.stroke_mask(1, height, width, generator=generator, area=area))
        elif kind == 1:
            masks.append(data.block_mask(1, height, width, generator=generator, area=area))
        else:
            masks.append(_half(height, width, area, generator))
    return torch.cat(masks)


def _half(
    height: int, width: int, area: Area, generator: torch.Generator, sides: int = 4
) -> Tensor:
    side = SIDES[int(torch.randint(sides, (), generator=generator))]
    share = area[0] + (area[1] - area[0]) * torch.rand((), generator=generator).item()
    return data.half_mask(height, width, side, share)


def _cases(generator: torch.Generator) -> list[Case]:
    def inputs(count: int, height: int, width: int, area: Area) -> tuple:
        seed = int(torch.randint(1 << 30, (), generator=generator))
        return count, height, width, area, torch.Generator().manual_seed(seed)

    return [
        Case(FEW, inputs(6, 24, 24, (0.1, 0.4))),
        Case(ONE, inputs(1, 20, 12, (0.2, 0.5))),
        Case(WIDE, inputs(40, 16, 40, (0.2, 0.3))),
        Case(MANY, inputs(300, 16, 16, (0.2, 0.35))),
    ]


def whole_sides(masks: Tensor) -> Tensor:
    """Which of the sides left, right, top, bottom a mask covers from end to end, (B, 4) bool."""
    rows, columns = masks[:, 0].all(dim=2), masks[:, 0].all(dim=1)
    return torch.stack([columns[:, 0], columns[:, -1], rows[:, 0], rows[:, -1]], dim=1)


def is_box(masks: Tensor) -> Tensor:
    """Whether a mask is one full rectangle, (B,) bool."""
    rows, columns = masks[:, 0].any(dim=2), masks[:, 0].any(dim=1)
    return rows.sum(dim=1) * columns.sum(dim=1) == masks.sum(dim=(1, 2, 3))


def _areas(ask: Ask, case: Case) -> Finding | None:
    count, height, width, (low, high), _ = case.inputs
    masks = ask(*case.inputs)
    share = masks.float().mean(dim=(1, 2, 3))
    rounding = 1 / min(height, width) / 2 + 1e-6  # a half ends at a whole row or column
    off = (share < low - rounding) | (share > high + rounding)
    if not bool(off.any()):
        return _drawn_anew(masks, share, low, high) if count >= 40 else None
    n = int(off.nonzero()[0])
    message = (
        "what is True is what is kept: True means hole."
        if bool(((1 - share > low - rounding) & (1 - share < high + rounding)).all())
        else "the share of the picture that is missing is not what `area` says."
    )
    return Finding(
        message,
        came=f"{float(share[n]):.1%} of picture {n} is missing",
        wanted=f"from {low:.0%} to {high:.0%}",
        hint="All three of the library's functions can be told how much to hide.",
        pictures={f"mask {n}": masks[n, 0].float()},
    )


def _drawn_anew(masks: Tensor, share: Tensor, low: float, high: float) -> Finding | None:
    if len(torch.unique(masks, dim=0)) < 0.4 * len(masks):
        return Finding("many pictures have the very same hole.", hint=EACH)
    if float(share.max() - share.min()) < 0.6 * (high - low):
        return Finding(
            "only a part of the range of areas comes up.",
            came=f"from {float(share.min()):.1%} to {float(share.max()):.1%}",
            wanted=f"from {low:.0%} to {high:.0%}",
            hint=EACH,
        )
    return None


def _follows_the_generator(ask: Ask, case: Case) -> Finding | None:
    *size, generator = case.inputs
    first, again = ask(*size, generator), ask(*size, generator)
    if not torch.equal(first, again):
        return Finding(
            "the same state of the generator gave other masks the second time.",
            hint="Whatever is drawn takes `generator=generator`; Python's `random` does not, and "
            "neither does a torch function that is not given one.",
        )
    other = torch.Generator().manual_seed(generator.initial_seed() + 1)
    if not torch.equal(ask(*size, other), first):
        return None
    return Finding(
        "another generator gave the very same masks.",
        hint="Do not seed anything: the caller decides what is drawn.",
    )


def _kinds(ask: Ask, case: Case) -> Finding | None:
    masks = ask(*case.inputs)
    halves = whole_sides(masks).any(dim=1)
    box = is_box(masks) & ~halves
    shares = {
        "along a side": float(halves.float().mean()),
        "a block": float(box.float().mean()),
        "strokes": float((~halves & ~box).float().mean()),
    }
    came = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    missing = [name for name, share in shares.items() if share < 0.02]
    if len(missing) == 2 and _changes_with_the_batch(ask, case):
        message = "all pictures of a batch have the same kind of hole."
        return Finding(message, came=came, wanted="about 33 % each", hint=EACH)
    if missing:
        message = f"of three kinds only {3 - len(missing)} came up: {' and '.join(missing)} never."
    elif max(abs(share - 1 / 3) for share in shares.values()) > 0.13:
        message = "the three kinds should come up about equally often."
    else:
        return None
    return Finding(message, came=came, wanted="about 33 % each", hint="See hint 1.")


def _changes_with_the_batch(ask: Ask, case: Case) -> bool:
    """Whether some other batch has holes along a side, or blocks, where this one has none."""
    _, *size, generator = case.inputs
    kinds = set()
    for more in range(6):
        masks = ask(20, *size, torch.Generator().manual_seed(generator.initial_seed() + more))
        sides, boxes = whole_sides(masks).any(dim=1), is_box(masks)
        kinds.add((bool(sides.float().mean() > 0.5), bool(boxes.float().mean() > 0.5)))
    return len(kinds) > 1


def _sides(ask: Ask, case: Case) -> Finding | None:
    sides = whole_sides(ask(*case.inputs))
    counts = sides[sides.any(dim=1)].float().mean(dim=0).nan_to_num(0.0)
    if float(counts.min()) > 0.1:
        return None
    if not bool(sides.any()):
        return Finding("no hole reaches along a whole side.", hint="See hint 2.")
    came = ", ".join(f"{side} {float(n):.0%}" for side, n in zip(SIDES, counts, strict=True))
    return Finding(
        "holes along a side should come up on all four sides, about equally often.",
        came=came,
        wanted="about 25 % each",
        hint="See hint 2.",
    )


def _only(*kinds: int) -> Callable[..., Tensor]:
    """A wrong answer that knows some of the kinds only."""

    def function(
        count: int, height: int, width: int, area: Area, generator: torch.Generator
    ) -> Tensor:
        draw = (data.stroke_mask, data.block_mask)
        chosen = torch.randint(len(kinds), (count,), generator=generator).tolist()
        masks = [
            _half(height, width, area, generator)
            if kinds[k] == 2
            else draw[kinds[k]](1, height, width, generator=generator, area=area)
            for k in chosen
        ]
        return torch.cat(masks)

    return function


def _same_kind_for_all(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    kind = int(torch.randint(3, (), generator=generator))
    return _only(kind)(count, height, width, area, generator)


def _one_for_all(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    one = random_mask(1, height, width, area, generator)
    return one.repeat(count, 1, 1, 1)


def _default_area(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    return random_mask(count, height, width, (0.5, 0.6), generator)


def _global_state(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    return random_mask(count, height, width, area, torch.default_generator)


def _own_seed(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    return random_mask(count, height, width, area, torch.Generator().manual_seed(0))


def _inverted(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    return ~random_mask(count, height, width, area, generator)


def _mostly_strokes(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    return _only(0, 0, 0, 0, 1, 2)(count, height, width, area, generator)


def _right_only(
    count: int, height: int, width: int, area: Area, generator: torch.Generator
) -> Tensor:
    masks = []
    for kind in torch.randint(3, (count,), generator=generator).tolist():
        if kind == 2:
            masks.append(_half(height, width, area, generator, sides=2))
        else:
            masks.append(_only(kind)(1, height, width, area, generator))
    return torch.cat(masks)


def _largest(count: int, height: int, width: int, area: Area, generator: torch.Generator) -> Tensor:
    return random_mask(count, height, width, (area[1] - 0.02, area[1]), generator)


RANDOM_MASK = Check(
    name="deep_inpainting.random_mask",
    reference=random_mask,
    cases=_cases,
    properties=(
        Property("as much is missing as `area` says", 1, _areas),
        Property("the generator decides, and nothing else", 1, _follows_the_generator, (FEW, WIDE)),
        Property("three kinds, equally often", 1, _kinds, (MANY,)),
        Property("along all four sides", 1, _sides, (MANY,)),
    ),
    mutants={
        "blocks only": _only(1),
        "strokes only": _only(0),
        "no halves": _only(0, 1),
        "mostly strokes": _mostly_strokes,
        "left and right only": _right_only,
        "one mask for all": _one_for_all,
        "one kind a batch": _same_kind_for_all,
        "area ignored": _default_area,
        "always the largest": _largest,
        "inverted": _inverted,
        "global generator": _global_state,
        "own seed": _own_seed,
        "float mask": lambda *inputs: random_mask(*inputs).float(),
        "no channel": lambda *inputs: random_mask(*inputs)[:, 0],
    },
)
