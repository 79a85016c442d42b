"""Draw cartoon faces from their attributes with signed distances and soft coverage.

Every shape is a signed distance `d` (negative inside) on a square canvas that spans [-1, 1]
in x (right) and y (down); with pixels of side `p` it covers `clamp(1/2 - d/p, 0, 1)` of a
pixel, which antialiases its border over one pixel. Shapes are painted back to front, for all
faces of a chunk at once. Vectors of one number a face have the shape (n, 1, 1).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .distances import arc, bar, capsule, ellipse, length

SKIN = torch.tensor(
    [
        (0.98, 0.87, 0.78),
        (0.95, 0.77, 0.63),
        (0.86, 0.65, 0.48),
        (0.71, 0.49, 0.34),
        (0.53, 0.35, 0.24),
        (0.37, 0.24, 0.17),
    ]
)
HAIR = {
    "black": (0.11, 0.09, 0.10),
    "brown": (0.38, 0.23, 0.14),
    "red": (0.68, 0.28, 0.12),
    "blond": (0.90, 0.72, 0.36),
    "grey": (0.72, 0.72, 0.75),
}
# Half width, half height, centre y, depth of the curls, lowest y of the hair in front.
HAIR_SHAPES = {
    "none": (0.01, 0.01, 0.0, 0.0, -1.0),
    "short": (0.565, 0.58, -0.07, 0.0, 0.07),
    "long": (0.74, 1.00, 0.22, 0.0, 2.0),
    "curly": (0.78, 0.70, -0.14, 0.05, 0.22),
}
LARGEST_TURN = math.radians(28)  # of the head, at yaw = 1
EYE_X, EYE_Y = 0.225, -0.01
DARK = torch.tensor([0.12, 0.09, 0.10]).view(1, 3, 1, 1)
IRIS = torch.tensor([0.30, 0.19, 0.12]).view(1, 3, 1, 1)
WHITE = torch.tensor([0.98, 0.98, 0.97]).view(1, 3, 1, 1)


@dataclass(frozen=True)
class Canvas:
    """Pixels of n faces and the coordinates of their centres."""

    pixels: Tensor  # (n, 3, H, W)
    x: Tensor  # (1, 1, W)
    y: Tensor  # (1, H, 1)
    pixel: float  # side of a pixel

    def cover(self, distance: Tensor) -> Tensor:
        """Coverage (n, H, W) of each pixel by the shape with this signed distance."""
        return (0.5 - distance / self.pixel).clamp(0, 1)

    def paint(self, coverage: Tensor, color: Tensor) -> None:
        """Lay a colour (n, 3, 1, 1) over the pixels, as far as it covers them."""
        self.pixels.lerp_(color.expand_as(self.pixels), coverage[:, None])


@dataclass(frozen=True)
class Head:
    """What the parts of a face share: attributes, measures and the turn of the head."""

    attributes: dict[str, Tensor]  # each (n, 1, 1)
    half_width: Tensor  # (n, 1, 1)
    sin: Tensor  # of the turn, (n, 1, 1)
    cos: Tensor
    skin: Tensor  # (n, 3, 1, 1)
    hair: Tensor  # (n, 3, 1, 1)

    def turned(self, x: float, depth: float = 0.9) -> tuple[Tensor, Tensor]:
        """Where a point at `x` on the front of the head lands, and how it is foreshortened.

        On a circle of radius `r`, `x' = x cos + z sin` with `z = sqrt(r^2 - x^2)`, and
        `dx'/dx = cos - (x / z) sin`.
        """
        z = depth * (self.half_width**2 - x**2).clamp(min=0.01).sqrt()
        return x * self.cos + z * self.sin, self.cos - x / z * self.sin


def draw_chunk(attributes: dict[str, Tensor], size: int) -> Tensor:
    """Draw the faces of one chunk; `draw_faces` is the public call.

    Args:
        attributes: checked attributes, each `(n,)`.
        size: side of the pictures in pixels.

    Returns:
        `(n, 3, size, size)` float32 in [0, 1].
    """
    attributes = {name: value.view(-1, 1, 1) for name, value in attributes.items()}
    head = _head(attributes)
    canvas = _backdrop(attributes["background"], size)
    hair = _hair_distance(canvas, head)
    canvas.paint(canvas.cover(hair), 0.82 * head.hair)
    _bust(canvas, head)
    _skull(canvas, head)
    for side in (-1, 1):
        _eye(canvas, head, side)
    _nose(canvas, head)
    _mouth(canvas, head)
    _arms(canvas, head)
    _fringe(canvas, head, hair)
    _glasses(canvas, head)
    return canvas.pixels.clamp(0, 1)


def _head(attributes: dict[str, Tensor]) -> Head:
    turn = LARGEST_TURN * attributes["yaw"]
    tone = attributes["skin_tone"].flatten() * (len(SKIN) - 1)
    lighter = tone.detach().long().clamp(max=len(SKIN) - 2)
    skin = torch.lerp(SKIN[lighter], SKIN[lighter + 1], (tone - lighter)[:, None])
    hair = torch.tensor(list(HAIR.values()))[attributes["hair_color"].flatten()]
    return Head(
        attributes=attributes,
        half_width=0.51 + 0.05 * attributes["face_width"],
        sin=turn.sin(),
        cos=turn.cos(),
        skin=skin[:, :, None, None],
        hair=hair[:, :, None, None],
    )


def _backdrop(background: Tensor, size: int) -> Canvas:
    """A pastel of the wanted hue, a little darker towards the bottom."""
    centres = (torch.arange(size) + 0.5) * (2 / size) - 1
    y = centres.view(1, size, 1)
    color = _hue(background, 0.72, 0.17)
    pixels = (color * (1 - 0.10 * y)).expand(-1, -1, -1, size).contiguous()
    return Canvas(pixels, centres.view(1, 1, size), y, 2 / size)


def _hue(turns: Tensor, level: float, swing: float) -> Tensor:
    """A colour (n, 3, 1, 1) of the given hue: three cosines a third of a turn apart."""
    thirds = torch.tensor([0.0, 1 / 3, 2 / 3]).view(1, 3, 1, 1)
    return level + swing * torch.cos(2 * math.pi * (turns[:, None] - thirds))


def _bust(canvas: Canvas, head: Head) -> None:
    """Neck, shoulders and ears: what lies behind the head."""
    x, y = canvas.x, canvas.y
    shirt = _hue(head.attributes["shirt"], 0.45, 0.25)
    canvas.paint(canvas.cover(ellipse(x, y - 1.22, 0.86, 0.46)), shirt)
    canvas.paint(canvas.cover(capsule(x, y, 0.0, 0.4, 0.78, 0.20)), 0.84 * head.skin)
    for side in (-1, 1):
        centre = side * (head.half_width - 0.01) - 0.12 * head.sin
        canvas.paint(canvas.cover(ellipse(x - centre, y - 0.10, 0.09, 0.14)), 0.90 * head.skin)


def _skull(canvas: Canvas, head: Head) -> None:
    """The head, lit from the upper left, with warm cheeks."""
    x, y = canvas.x, canvas.y - 0.04
    skull = canvas.cover(ellipse(x, y, head.half_width, 0.64))
    light = 1.02 - 0.10 * (x + y)[:, None]
    canvas.pixels.lerp_(light * head.skin, skull[:, None])
    blush = torch.tensor([0.90, 0.35, 0.32]).view(1, 3, 1, 1)
    for side in (-1, 1):
        centre, narrow = head.turned(side * 0.29)
        squared = ((x - centre) / (0.12 * narrow)) ** 2 + ((y - 0.21) / 0.09) ** 2
        canvas.paint(0.22 * skull * torch.exp(-squared), blush)


def _eye(canvas: Canvas, head: Head, side: int) -> None:
    """Eyebrow, lid, white, iris, pupil and glint of one eye."""
    centre, narrow = head.turned(side * EYE_X)
    x, y = (canvas.x - centre) / narrow, canvas.y - EYE_Y
    opening = 0.010 + 0.100 * head.attributes["eye_openness"]
    brow = arc(x, y + 0.205, 0.12, 0.035, 0.021)
    canvas.paint(canvas.cover(brow), 0.6 * head.hair + 0.4 * DARK)
    canvas.paint(canvas.cover(ellipse(x, y + 0.014, 0.134, opening + 0.010)), DARK)
    white = canvas.cover(ellipse(x, y, 0.125, opening))
    canvas.paint(white, WHITE)
    x = x - 0.03 * head.sin
    canvas.paint(white * canvas.cover(ellipse(x, y, 0.068, 0.068)), IRIS)
    canvas.paint(white * canvas.cover(ellipse(x, y, 0.046, 0.046)), DARK)
    glint = canvas.cover(ellipse(x + 0.03, y + 0.03, 0.022, 0.022))
    canvas.paint(white * glint * min(1.0, 0.044 / canvas.pixel) ** 2, WHITE)


def _nose(canvas: Canvas, head: Head) -> None:
    """A shadow under the tip of the nose and along its far side."""
    centre, narrow = head.turned(0.0, depth=1.15)
    x, y = (canvas.x - centre) / narrow, canvas.y
    canvas.paint(canvas.cover(ellipse(x, y - 0.215, 0.075, 0.042)), 0.80 * head.skin)
    canvas.paint(canvas.cover(ellipse(x + 0.012, y - 0.195, 0.055, 0.034)), 0.97 * head.skin)


def _mouth(canvas: Canvas, head: Head) -> None:
    """Lips along a parabola whose corners rise with the smile; a broad smile shows teeth."""
    smile = head.attributes["smile"]
    centre, narrow = head.turned(0.0, depth=0.65)
    half = 0.22 + 0.04 * smile
    x = (canvas.x - centre) / narrow
    bow = 0.14 * smile  # how far the corners lie above the middle
    y = canvas.y - 0.40 - 0.5 * bow
    gap = 0.13 * (smile - 0.2).clamp(min=0) * (1 - (x / half) ** 2).clamp(min=0)
    middle = y + bow * (x / half) ** 2 - gap * 0.25
    lips = torch.tensor([0.70, 0.22, 0.24]).view(1, 3, 1, 1) * (0.55 + 0.45 * head.skin)
    end = (x.abs() - half).clamp(min=0)
    steep = (1 + (2 * bow * x / half**2) ** 2).rsqrt()
    off = ((middle.abs() - gap) * steep).clamp(min=0)
    canvas.paint(canvas.cover(length(off, end) - 0.034), lips)
    inside = (middle.abs() - gap).maximum(x.abs() - half) + 0.006
    canvas.paint(canvas.cover(inside) * (gap > 0.012), WHITE)


def _hair_distance(canvas: Canvas, head: Head) -> Tensor:
    """Outline of all the hair; curls are a wave along the outline."""
    shapes = torch.tensor(list(HAIR_SHAPES.values()))
    wide, high, centre, curl, _ = shapes[head.attributes["hair_style"]].unbind(-1)
    x, y = canvas.x + 0.06 * head.sin, canvas.y - centre
    wide = wide + (head.half_width - 0.51)
    distance = ellipse(x, y, wide, high)
    if curl.any():
        distance = distance - curl * torch.cos(13 * torch.atan2(y, x))
    return distance


def _fringe(canvas: Canvas, head: Head, hair: Tensor) -> None:
    """The hair in front: everything in the outline but an opening for the face."""
    lowest = torch.tensor([shape[-1] for shape in HAIR_SHAPES.values()])
    lowest = lowest[head.attributes["hair_style"]]
    centre, _ = head.turned(0.0, depth=0.55)
    opening = ellipse(canvas.x - centre - 0.03, canvas.y - 0.44, head.half_width - 0.04, 0.74)
    front = hair.maximum(-opening).maximum(canvas.y - lowest)
    light = (1.04 - 0.16 * (canvas.x + canvas.y))[:, None]
    canvas.pixels.lerp_(light * head.hair, canvas.cover(front)[:, None])


def _glasses(canvas: Canvas, head: Head) -> None:
    """Two round rims and a bridge, where the face wears glasses."""
    worn = head.attributes["glasses"].to(canvas.pixels)
    y = canvas.y - EYE_Y
    inner = []
    for side in (-1, 1):
        centre, narrow = head.turned(side * EYE_X, depth=0.95)
        lens = ellipse(canvas.x - centre, y, 0.195 * narrow, 0.185)
        canvas.paint(0.12 * worn * canvas.cover(lens), WHITE)
        canvas.paint(worn * canvas.cover(lens.abs() - 0.026), DARK)
        inner.append(centre - side * 0.195 * narrow)
    canvas.paint(worn * canvas.cover(bar(canvas.x, y + 0.03, inner, 0.024)), DARK)


def _arms(canvas: Canvas, head: Head) -> None:
    """The arms of the glasses, from the rims to the sides of the head."""
    worn = head.attributes["glasses"].to(canvas.pixels)
    for side in (-1, 1):
        centre, narrow = head.turned(side * EYE_X, depth=0.95)
        rim = side * centre + 0.195 * narrow
        ends = [side * rim, side * rim.maximum(head.half_width)]
        canvas.paint(worn * canvas.cover(bar(canvas.x, canvas.y - EYE_Y + 0.03, ends, 0.02)), DARK)
