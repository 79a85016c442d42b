"""Exercise 1 of unit 16: the ray behind each pixel."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed, recognise, uniform
from course_lib.rendering import look_at
from course_lib.rendering.nerf import get_rays

Rays = tuple[Tensor, Tensor]
Size = tuple[int, int]  # width and height

AXIS = "a camera at the origin that looks along z, 3 x 3 pixels"
SIDE = "a camera that looks at a scene from the side, 6 x 4 pixels"
SKEWED = "two focal lengths, and a principal point off the middle"
WIDE = "one row of five pixels, seen at a wide angle"


def _intrinsics(fx: float, fy: float, cx: float, cy: float) -> Tensor:
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _cases(generator: torch.Generator) -> list[Case]:
    def camera() -> Tensor:
        low, high = torch.tensor([1.0, -3.0, 0.5]), torch.tensor([3.0, -1.0, 2.0])
        eye = low + (high - low) * torch.rand(3, generator=generator)
        return look_at(eye, target=uniform(-0.3, 0.3, 3, generator=generator))

    focal = float(uniform(5.0, 8.0, 1, generator=generator))
    return [
        Case(AXIS, (torch.eye(4), _intrinsics(2.0, 2.0, 1.5, 1.5), 3, 3)),
        Case(SIDE, (camera(), _intrinsics(focal, focal, 3.0, 2.0), 6, 4)),
        Case(SKEWED, (camera(), _intrinsics(focal, 1.4 * focal, 2.1, 4.3), 5, 7)),
        Case(WIDE, (camera(), _intrinsics(1.2, 1.2, 2.5, 0.5), 5, 1)),
    ]


def _from_the_centre(ask: Ask, case: Case) -> Finding | None:
    """The camera's centre is the place that viewmat sends to the origin."""
    viewmat = case.inputs[0]
    origins, _ = ask(*case.inputs)
    seen = origins @ viewmat[:3, :3].mT + viewmat[:3, 3]
    off = seen.norm(dim=-1)
    if float(off.max()) <= 1e-4:
        return None
    i, j = divmod(int(off.argmax()), off.shape[1])
    wanted = ask.wanted(*case.inputs)[0][i, j]
    message = "all rays of a camera begin at its centre, the place that `viewmat` sends to zero."
    if torch.allclose(origins[i, j], viewmat[:3, 3], atol=1e-5):
        message = (
            "the rays begin at the translation of `viewmat`. That is where the camera sees the "
            "world's origin, not where the camera is."
        )
    elif torch.allclose(origins[i, j], -viewmat[:3, 3], atol=1e-5):
        message = "the translation of `viewmat` is turned round, but still in the camera's axes."
    return Finding(message, came=listed(origins[i, j]), wanted=listed(wanted), hint="See hint 3.")


def _pixel_of(viewmat: Tensor, K: Tensor, points: Tensor) -> Rays:
    """Where points (..., 3) are seen, pixels (..., 2), and at which depth (...)."""
    seen = points.double() @ viewmat[:3, :3].double().mT + viewmat[:3, 3].double()
    flat = seen @ K.double().mT
    return flat[..., :2] / flat[..., 2:], seen[..., 2]


def _back_to_its_pixel(ask: Ask, case: Case) -> Finding | None:
    """A point on the ray of pixel (i, j) is seen at (j + 0.5, i + 0.5), whatever its distance."""
    viewmat, K, width, height = case.inputs
    _, directions = ask(*case.inputs)
    origin = ask.wanted(*case.inputs)[0]  # so that a wrong origin costs its own point only
    pixels, depths = _pixel_of(viewmat, K, origin + 2.0 * directions)
    if float(directions.norm(dim=-1).min()) < 1e-6:
        return Finding("a direction is zero: that ray goes nowhere.")
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    off = (pixels - torch.stack([x, y], dim=-1)).norm(dim=-1)
    behind = depths <= 0
    if float(off.nan_to_num(nan=torch.inf).max()) <= 1e-3 and not bool(behind.any()):
        return None
    i, j = divmod(int(torch.where(behind, torch.inf, off).nan_to_num(torch.inf).argmax()), width)
    unit = torch.nn.functional.normalize(directions, dim=-1)
    message = recognise((unit, depths * 0), case.inputs, _MISTAKES, 1e-4, 1e-4) or (
        "the ray looks backwards: in OpenCV's axes a camera looks along its +z."
        if bool(behind[i, j])
        else "a point on a pixel's ray should be seen at the centre of that pixel."
    )
    where = "behind the camera" if bool(behind[i, j]) else f"seen at {listed(pixels[i, j])}"
    return Finding(
        message,
        came=f"pixel (i, j) = ({i}, {j}): {where}",
        wanted=f"seen at {listed(torch.stack([x[i, j], y[i, j]]))}",
        hint="Work out by hand what the four corners of a picture of 2 x 2 pixels should see.",
    )


def _unit_length(ask: Ask, case: Case) -> Finding | None:
    _, directions = ask(*case.inputs)
    lengths = directions.norm(dim=-1)
    off = (lengths - 1).abs()
    if float(off.max()) <= 1e-4:
        return None
    i, j = divmod(int(off.argmax()), off.shape[1])
    return Finding(
        "directions should have length one, so that `t` is a distance in world units.",
        came=f"length {float(lengths[i, j]):.4g} at pixel ({i}, {j})",
        wanted="1",
        hint="Outside the middle of the picture (x, y, 1) is longer than 1.",
    )


def _variant(
    pixel: Callable[[Tensor, Tensor, Tensor], Rays] = lambda x, y, K: (
        (x - K[0, 2]) / K[0, 0],
        (y - K[1, 2]) / K[1, 1],
    ),
    offset: float = 0.5,
    axes: tuple[float, float, float] = (1.0, 1.0, 1.0),
    turn: Callable[[Tensor, Tensor], Tensor] = lambda seen, rotation: seen @ rotation,
    centre: Callable[[Tensor, Tensor], Tensor] = lambda rotation, t: -rotation.mT @ t,
    unit: bool = True,
) -> Callable[[Tensor, Tensor, int, int], Rays]:
    """A wrong answer, put together from its parts."""

    def function(viewmat: Tensor, K: Tensor, width: int, height: int) -> Rays:
        ruler_y, ruler_x = torch.arange(height) + offset, torch.arange(width) + offset
        y, x = torch.meshgrid(ruler_y, ruler_x, indexing="ij")
        seen = torch.stack([*pixel(x, y, K), torch.ones_like(x)], dim=-1) * torch.tensor(axes)
        rotation = viewmat[:3, :3]
        directions = turn(seen, rotation)
        if unit:
            directions = torch.nn.functional.normalize(directions, dim=-1)
        return centre(rotation, viewmat[:3, 3]).expand_as(directions), directions

    return function


def _seen_by_first(viewmat: Tensor, K: Tensor, width: int, height: int) -> Rays:
    """Rows and columns swapped: x runs down the picture."""
    origins, directions = get_rays(viewmat, K, height, width)
    shape = (height, width, 3)
    return origins.reshape(shape), directions.reshape(shape)


_corners = _variant(offset=0.0)
_swapped = _variant(lambda x, y, K: ((y - K[1, 2]) / K[0, 0], (x - K[0, 2]) / K[1, 1]))
_opengl = _variant(axes=(1.0, -1.0, -1.0))
_upside_down = _variant(axes=(1.0, -1.0, 1.0))
_not_turned = _variant(turn=lambda seen, rotation: seen)
_turned_forth = _variant(turn=lambda seen, rotation: seen @ rotation.mT)
_one_focal = _variant(lambda x, y, K: ((x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[0, 0]))
_middle = _variant(
    lambda x, y, K: ((x - x.mean()) / K[0, 0], (y - y.mean()) / K[1, 1]),
)
_no_middle = _variant(lambda x, y, K: (x / K[0, 0], y / K[1, 1]))


def _directions_of(wrong: Callable[..., Rays]) -> Callable[..., Rays]:
    """What a mistake gives, in the form that `_back_to_its_pixel` compares."""

    def function(viewmat: Tensor, K: Tensor, width: int, height: int) -> Rays:
        _, directions = wrong(viewmat, K, width, height)
        return directions, torch.zeros(height, width, dtype=torch.float64)

    return function


_MISTAKES = {
    "the rays go through the corners of the pixels, half a pixel off their centres.": (
        _directions_of(_corners)
    ),
    "rows and columns have changed places: j counts along x, i along y.": _directions_of(_swapped),
    "the y and z axes are OpenGL's; in this course y points down and z forward.": (
        _directions_of(_opengl)
    ),
    "the picture is upside down: y points down, as i does.": _directions_of(_upside_down),
    "the directions are still in the camera's axes; the world's are asked.": (
        _directions_of(_not_turned)
    ),
    "the rotation is applied the wrong way round: `viewmat` goes from the world to the camera.": (
        _directions_of(_turned_forth)
    ),
    "one focal length serves for both axes; there are two.": _directions_of(_one_focal),
    "the middle of the picture serves as the principal point; it stands in `K`.": (
        _directions_of(_middle)
    ),
    "the principal point is not subtracted.": _directions_of(_no_middle),
}


GET_RAYS = Check(
    name="nerf.get_rays",
    reference=get_rays,
    cases=_cases,
    properties=(
        Property(
            "all rays begin at the camera's centre",
            1,
            _from_the_centre,
            cases=(SIDE, SKEWED),
        ),
        Property(
            "each goes through the centre of its own pixel",
            2,
            _back_to_its_pixel,
            cases=(AXIS, SIDE, SKEWED),
        ),
        Property("directions have length one", 1, _unit_length, cases=(AXIS, WIDE)),
    ),
    mutants={
        "pixel corners": _corners,
        "rows for columns": _swapped,
        "OpenGL's axes": _opengl,
        "upside down": _upside_down,
        "backwards": _variant(axes=(1.0, 1.0, -1.0)),
        "not turned": _not_turned,
        "rotation the wrong way": _turned_forth,
        "one focal length": _one_focal,
        "middle for principal point": _middle,
        "no principal point": _no_middle,
        "not of length one": _variant(unit=False),
        "origin is the translation": _variant(centre=lambda rotation, t: t),
        "origin not turned": _variant(centre=lambda rotation, t: -t),
        "origin's sign": _variant(centre=lambda rotation, t: rotation.mT @ t),
        "origin at zero": _variant(centre=lambda rotation, t: torch.zeros(3)),
        "rows and columns mixed up in memory": _seen_by_first,
    },
)
