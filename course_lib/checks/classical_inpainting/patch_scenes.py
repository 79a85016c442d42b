"""The pictures on which the search for a patch is tried, each with a trap of its own.

All values are multiples of 1/8, so that every way to sum the squares gives the same number, to
the last bit, and a tie is a tie.
"""

import torch
from torch import Tensor

from course_lib.checks.classical_inpainting.common import rectangle
from course_lib.checks.definition import Case

Place = tuple[int, int]


def _eighths(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(0, 9, shape, generator=generator) / 8


def window(place: Place, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the patch around a place."""
    radius = size // 2
    return tuple(slice(each - radius, each + radius + 1) for each in place)


def _plant(image: Tensor, patch: Tensor, place: Place) -> None:
    image[(slice(None), *window(place, patch.shape[-1]))] = patch


def _off_by(patch: Tensor, steps: dict[tuple[int, int, int], int]) -> Tensor:
    """The patch with some values moved by so many eighths, and away from the ends of [0, 1]."""
    moved = patch.clone()
    for place, step in steps.items():
        moved[place] += step / 8 if 0 <= moved[place] + step / 8 <= 1 else -step / 8
    return moved


class Scene:
    """Noise with a hole (rows 8 to 13, columns 9 to 16) and a target patch on its upper rim."""

    def __init__(self, generator: torch.Generator, size: int = 5, channels: int = 3) -> None:
        self.image = _eighths(generator, channels, 24, 26)
        self.mask = rectangle(24, 26, slice(8, 14), slice(9, 17))[0, 0]
        self.size, self.target = size, (8, 12)
        self.truth = self.image[(slice(None), *window(self.target, size))].clone()
        self.near = _off_by(self.truth, {(0, 0, 0): 2})  # distance 1/16
        self.paint = _eighths(generator, channels, 24, 26)
        shift = torch.randint(0, 3, (2,), generator=generator).tolist()
        self.low = (18 + shift[0], 4 + shift[1])  # a good place for the answer

    def case(self, name: str) -> Case:
        image = torch.where(self.mask, self.paint, self.image)
        return Case(name, (image, self.mask, *self.target, self.size))


def draw_scenes(generator: torch.Generator) -> list[Case]:
    """Return one case for each trap."""
    return [
        _planted(generator),
        _at_the_border(generator),
        _lure_with_a_hole(generator),
        _lure_at_the_border(generator),
        _black_paint(generator),
        _other_colours(generator),
        _large_or_many(generator),
        _ties(generator),
    ]


def _planted(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    _plant(scene.image, scene.truth, scene.low)
    return scene.case("a planted copy")


def _at_the_border(generator: torch.Generator) -> Case:
    scene = Scene(generator, size=7)
    scene.mask = rectangle(24, 26, slice(2, 8), slice(20, 26))[0, 0]
    scene.target = (2, 24)  # one row and two columns of its patch lie beyond the picture
    seen = scene.image[:, :6, 21:].clone()
    scene.image[:, 15:21, 5:10] = seen
    return scene.case("a patch at the picture's border")


def _lure_with_a_hole(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    _plant(scene.image, scene.near, scene.low)
    _plant(scene.image, scene.truth, (19, 20))
    scene.mask[21, 22] = True  # the lure's last pixel; in the target that pixel is missing anyway
    return scene.case("a tempting patch with a hole in it")


def _lure_at_the_border(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    scene.image[:, 6, 10:15] = 0.0  # the target's first row is black,
    scene.truth = scene.image[(slice(None), *window(scene.target, 5))].clone()
    scene.image[:, 0, 3:8] = scene.truth[:, 1]  # as it is beyond the border for zero padding
    _plant(scene.image, _off_by(scene.truth, {(0, 1, 0): 2}), scene.low)
    return scene.case("a tempting patch cut off by the border")


def _black_paint(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    scene.paint = torch.zeros_like(scene.image)
    scene.truth[:, 2:] = 1.0  # white where the target is missing
    _plant(scene.image, scene.truth, scene.low)
    lure = scene.near.clone()
    lure[:, 2:] = 0.0
    _plant(scene.image, lure, (19, 20))
    return scene.case("a hole painted black")


def _other_colours(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    _plant(scene.image, scene.near, scene.low)
    one_right = _eighths(generator, 3, 5, 5)
    one_right[0] = scene.truth[0]  # the first channel is equal,
    _plant(scene.image, one_right, (3, 4))
    _plant(scene.image, scene.truth[[1, 2, 0]], (19, 20))  # and here the sum of the channels
    return scene.case("equally bright, but other colours")


def _large_or_many(generator: torch.Generator) -> Case:
    scene = Scene(generator)
    many = {(channel, 0, column): 1 for channel in (0, 1) for column in range(4)}
    _plant(scene.image, _off_by(scene.truth, {(0, 0, 0): 4}), (3, 4))  # squares 16/64, abs. 4/8
    _plant(scene.image, _off_by(scene.truth, many), scene.low)  # squares 8/64, absolutes 8/8
    return scene.case("one large error against many small ones")


def _ties(generator: torch.Generator) -> Case:
    scene = Scene(generator, channels=1)
    for place in ((18, 3), scene.target, (3, 20), (18, 20)):
        _plant(scene.image, scene.truth, place)
    return scene.case("several equally good patches")
