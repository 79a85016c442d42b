"""What the checks of unit 15 share: drawn cameras, and what they see."""

import torch
from torch import Tensor

from course_lib.checks.mistakes import uniform
from course_lib.rendering import look_at, sfm

FOCAL, WIDTH, HEIGHT = 500.0, 640, 480


def intrinsics() -> Tensor:
    """K (3, 3) float64 of a camera of 640 x 480 pixels."""
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    return K.double()


def cameras(count: int, generator: torch.Generator, side: float = 1.2) -> Tensor:
    """Viewmats (count, 4, 4) float64 that look at the cube [-1, 1]^3 from about 5 away."""
    made = []
    for k in range(count):
        eye = torch.tensor([side * (k - (count - 1) / 2), -5.0, 0.5])
        eye = eye + uniform(-0.4, 0.4, 3, generator=generator)
        made.append(look_at(eye, uniform(-0.3, 0.3, 3, generator=generator)))
    viewmats = torch.stack(made).double()
    U, _, V = torch.linalg.svd(viewmats[:, :3, :3])
    viewmats[:, :3, :3] = U @ V
    return viewmats


def cube_points(count: int, generator: torch.Generator) -> Tensor:
    """Points (count, 3) float64 in [-1, 1]^3."""
    return uniform(-1.0, 1.0, count, 3, generator=generator).double()


def two_pictures(
    count: int, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Matches (count, 2) twice, in pixels, with noise of so many; and the true F, norm 1."""
    P = sfm.projection_matrix(intrinsics(), cameras(2, generator))
    pixels, _ = sfm.project_points(P, cube_points(count, generator))
    pixels = pixels + noise * torch.randn(pixels.shape, generator=generator).double()
    return pixels[0], pixels[1], sfm.fundamental_from_cameras(*P)


def apart(one: Tensor, other: Tensor) -> float:
    """How far two matrices are apart if scale and sign mean nothing: 0 to sqrt(2)."""
    one = one.double() / one.double().norm().clamp_min(1e-300)
    other = other.double() / other.double().norm().clamp_min(1e-300)
    return float(torch.minimum((one - other).norm(), (one + other).norm()))


def median(values: Tensor) -> float:
    """The median as a number; infinity where there is NaN among the values."""
    return float(values.nan_to_num(nan=torch.inf).median())
