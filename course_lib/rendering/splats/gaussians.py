"""The parameters of a scene of 3-D Gaussians, raw as an optimiser wants them and activated."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .harmonics import SH_CONSTANT

MAX_SH_DEGREE = 3


@dataclass
class Gaussians:
    """N Gaussians with unconstrained parameters, and what a renderer makes of them.

    Attributes:
        means: (N, 3), world units.
        quats: (N, 4), (w, x, y, z), any length but zero.
        log_scales: (N, 3), log of the standard deviations along the axes, world units.
        logit_opacities: (N,), log(o / (1 - o)).
        sh: (N, (deg + 1)^2, 3), colour as spherical harmonics of the direction of view.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, sections 4 and 5.

    >>> scene = from_points(torch.tensor([[0.0, 0, 0], [0, 0, 1]]), torch.rand(2, 3))
    >>> len(scene), scene.sh_degree, scene.scales[0]
    (2, 0, tensor([1., 1., 1.]))
    """

    means: Tensor
    quats: Tensor
    log_scales: Tensor
    logit_opacities: Tensor
    sh: Tensor

    def __post_init__(self) -> None:
        n = self.means.shape[0] if self.means.ndim else 0
        wanted = {"means": (n, 3), "quats": (n, 4), "log_scales": (n, 3), "logit_opacities": (n,)}
        for name, shape in wanted.items():
            if tuple(getattr(self, name).shape) != shape:
                got = tuple(getattr(self, name).shape)
                raise ValueError(f"{name}: got shape {got}, wanted {shape}")
        squares = [(degree + 1) ** 2 for degree in range(MAX_SH_DEGREE + 1)]
        shape = tuple(self.sh.shape)
        if len(shape) != 3 or shape[0] != n or shape[1] not in squares or shape[2] != 3:
            raise ValueError(f"sh: got shape {shape}, wanted ({n}, 1 or 4 or 9 or 16, 3)")

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def scales(self) -> Tensor:
        """(N, 3) standard deviations, positive, world units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """(N,) in (0, 1)."""
        return torch.sigmoid(self.logit_opacities)

    @property
    def sh_degree(self) -> int:
        """0 to 3; degree 0 looks the same from everywhere."""
        return math.isqrt(self.sh.shape[1]) - 1

    def parameters(self) -> dict[str, Tensor]:
        """The five raw tensors by name, as an optimiser's parameter groups want them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def requires_grad_(self, requires_grad: bool = True) -> "Gaussians":
        """Turn gradients on or off in all five tensors, in place; returns itself."""
        for tensor in self.parameters().values():
            tensor.requires_grad_(requires_grad)
        return self


def from_points(
    points: Tensor, colors: Tensor, *, opacity: float = 0.1, sh_degree: int = 0
) -> Gaussians:
    """Put a round Gaussian at each point, as large as the gap to its neighbours.

    scale = sqrt(mean of the squared distances to the 3 nearest other points); the colour goes
    into the constant harmonic, (color - 0.5) / 0.2821, the others are 0.

    Args:
        points: (N, 3), world units.
        colors: (N, 3), RGB in [0, 1].
        opacity: of every Gaussian, between 0 and 1, both excluded.
        sh_degree: 0 to 3.

    Returns:
        `Gaussians`, float32; a single point, or points that coincide, get a scale of at least
        1e-4.

    Raises:
        ValueError: a wrong shape, a value that is not finite, or an argument out of range.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 5.1.

    >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    >>> from_points(line, torch.full((3, 3), 0.5)).scales[:, 0]
    tensor([1.5811, 1.0000, 1.5811])
    """
    _check_points("points", points, None)
    _check_points("colors", colors, points.shape[0])
    if not 0.0 < opacity < 1.0:
        raise ValueError(f"opacity: got {opacity!r}, wanted a number between 0 and 1")
    count = points.shape[0]
    sh = torch.zeros(count, _coefficients(sh_degree), 3, device=points.device)
    sh[:, 0] = (colors.detach().float() - 0.5) / SH_CONSTANT
    quats = torch.zeros(count, 4, device=points.device)
    quats[:, 0] = 1.0
    scale = _neighbour_distance(points.detach()).clamp_min(1e-4)  # (N,)
    logit = math.log(opacity / (1.0 - opacity))
    return Gaussians(
        means=points.detach().float().clone(),
        quats=quats,
        log_scales=scale.log()[:, None].repeat(1, 3),
        logit_opacities=torch.full((count,), logit, device=points.device),
        sh=sh,
    )


def random_gaussians(
    count: int, extent: float, *, sh_degree: int = 0, generator: torch.Generator
) -> Gaussians:
    """Fill a cube with round, faint Gaussians of random colours: a start without any points.

    Args:
        count: N, at least 0.
        extent: half of the cube's edge; means lie in [-extent, extent]^3, world units.
        sh_degree: 0 to 3.
        generator: draws the positions, orientations and colours.

    Returns:
        `Gaussians`, float32, on the generator's device, with opacity 0.1.

    Raises:
        ValueError: a negative count, an extent that is not above 0, a degree out of range.

    >>> scene = random_gaussians(100, 2.0, generator=torch.Generator().manual_seed(0))
    >>> len(scene), bool(scene.means.abs().max() <= 2.0)
    (100, True)
    """
    if count < 0:
        raise ValueError(f"count: got {count!r}, wanted at least 0")
    if not 0.0 < extent < math.inf:
        raise ValueError(f"extent: got {extent!r}, wanted a finite number above 0")
    device = generator.device
    points = (2.0 * torch.rand(count, 3, generator=generator, device=device) - 1.0) * extent
    colors = torch.rand(count, 3, generator=generator, device=device)
    gaussians = from_points(points, colors, sh_degree=sh_degree)
    gaussians.quats = torch.randn(count, 4, generator=generator, device=device)
    return gaussians


def _neighbour_distance(points: Tensor) -> Tensor:
    """Root mean square distance to the 3 nearest other points, (N,); 0 for a single point."""
    from scipy.spatial import cKDTree  # a quarter of a second to import

    neighbours = min(3, points.shape[0] - 1)
    if neighbours < 1:
        return torch.zeros(points.shape[0], device=points.device)
    places = points.double().cpu().numpy()
    distances, _ = cKDTree(places).query(places, k=neighbours + 1)  # the nearest is itself
    mean_square = torch.from_numpy(distances[:, 1:]).square().mean(dim=1)
    return mean_square.sqrt().float().to(points.device)


def _coefficients(sh_degree: int) -> int:
    if sh_degree not in range(MAX_SH_DEGREE + 1):
        raise ValueError(f"sh_degree: got {sh_degree!r}, wanted 0, 1, 2 or 3")
    return (sh_degree + 1) ** 2


def _check_points(name: str, value: Tensor, count: int | None) -> None:
    if value.ndim != 2 or value.shape[1] != 3 or (count is not None and value.shape[0] != count):
        wanted = "N" if count is None else count
        raise ValueError(f"{name}: got shape {tuple(value.shape)}, wanted ({wanted}, 3)")
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name}: got NaN or infinity")
