"""A normalising flow: a map between noise and data that can be walked both ways, and measured.

Real NVP (Dinh et al. 2017, https://arxiv.org/abs/1605.08803): layers that keep half of the numbers
and stretch and move the other half, by amounts that a network reads off the kept ones.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from course_lib.generative.distributions import gaussian_log_prob, require_points

LARGEST_LOG_SCALE = 2.0  # one layer stretches by at most e^2, and shrinks by as much

Parameters = Mapping[str, Tensor]


def coupling_forward(z: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Stretch and move the second half of the numbers, as the first half says.

    z = (z_1, z_2);  x_1 = z_1,  x_2 = exp(s(z_1)) * z_2 + t(z_1);  log |det dx/dz| = sum s(z_1)

    Args:
        z: (N, D), D at least 2; z_1 are the first D // 2 columns.
        parameters: of the network for s and t: see `scale_and_shift`.

    Returns:
        x (N, D) and the log-determinant (N,).

    Raises:
        ValueError: z of another shape.

    Source: Dinh et al., Density estimation using Real NVP (2017), equations 4 to 6,
    https://arxiv.org/abs/1605.08803

    >>> parameters = coupling_parameters(2, 4, generator=torch.Generator().manual_seed(0))
    >>> x, log_det = coupling_forward(torch.randn(3, 2), parameters)
    >>> x.shape, log_det.shape
    (torch.Size([3, 2]), torch.Size([3]))
    """
    kept, moved = _halves(z, "z")
    log_scale, shift = scale_and_shift(kept, parameters)
    return torch.cat([kept, log_scale.exp() * moved + shift], dim=1), log_scale.sum(dim=1)


def coupling_inverse(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Undo `coupling_forward`: the kept half tells what was done to the other.

    z_1 = x_1,  z_2 = exp(-s(x_1)) * (x_2 - t(x_1));  log |det dz/dx| = -sum s(x_1)

    Args:
        x: (N, D), D at least 2.
        parameters: as in `coupling_forward`.

    Returns:
        z (N, D) and the log-determinant of the inverse (N,).

    Raises:
        ValueError: x of another shape.

    Source: Dinh et al. (2017), equation 8, https://arxiv.org/abs/1605.08803

    >>> parameters = coupling_parameters(3, 4, generator=torch.Generator().manual_seed(0))
    >>> z = torch.randn(5, 3)
    >>> x, log_det = coupling_forward(z, parameters)
    >>> back, log_det_back = coupling_inverse(x, parameters)
    >>> torch.allclose(back, z, atol=1e-5), torch.allclose(log_det_back, -log_det)
    (True, True)
    """
    kept, moved = _halves(x, "x")
    log_scale, shift = scale_and_shift(kept, parameters)
    return torch.cat([kept, (-log_scale).exp() * (moved - shift)], dim=1), -log_scale.sum(dim=1)


def scale_and_shift(kept: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Return s and t, what a small network says about the kept numbers.

    It has two hidden layers with SiLU. s = 2 tanh(a / 2), so that no layer explodes.

    Args:
        kept: (N, D // 2).
        parameters: ``weight_1`` (H, D // 2), ``bias_1`` (H,), ``weight_2`` (H, H), ``bias_2`` (H,),
            ``weight_3`` (2 M, H), ``bias_3`` (2 M,), where M = D - D // 2.

    Returns:
        The logarithms of the scales s and the shifts t, each (N, M).

    >>> parameters = coupling_parameters(5, 8, generator=torch.Generator().manual_seed(0))
    >>> log_scale, shift = scale_and_shift(torch.zeros(7, 2), parameters)
    >>> log_scale.shape, shift.shape
    (torch.Size([7, 3]), torch.Size([7, 3]))
    """
    hidden = nn.functional.silu(linear(kept, parameters["weight_1"], parameters["bias_1"]))
    hidden = nn.functional.silu(linear(hidden, parameters["weight_2"], parameters["bias_2"]))
    raw, shift = linear(hidden, parameters["weight_3"], parameters["bias_3"]).chunk(2, dim=1)
    return LARGEST_LOG_SCALE * torch.tanh(raw / LARGEST_LOG_SCALE), shift


def coupling_parameters(
    dimension: int, hidden: int, *, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw parameters of one coupling layer: see `scale_and_shift`."""
    sizes = (dimension // 2, hidden, hidden, 2 * (dimension - dimension // 2))
    parameters = {}
    for number in (1, 2, 3):
        inputs, outputs = sizes[number - 1], sizes[number]
        spread = (0.1 if number == 3 else 1.0) / math.sqrt(inputs)  # near the identity
        parameters[f"weight_{number}"] = spread * torch.randn(outputs, inputs, generator=generator)
        parameters[f"bias_{number}"] = spread * torch.randn(outputs, generator=generator)
    return parameters


class RealNVP(nn.Module):
    """Coupling layers one after the other; between two of them the numbers are reversed.

    Args:
        dimension: D, at least 2.
        layers: how many couplings.
        hidden: width of their networks.
        generator: draws the parameters.

    Raises:
        ValueError: sizes that are too small.

    >>> flow = RealNVP(2, layers=4, hidden=16, generator=torch.Generator().manual_seed(0))
    >>> x, log_prob = flow.sample(5, generator=torch.Generator().manual_seed(1))
    >>> torch.allclose(flow.log_prob(x), log_prob, atol=1e-5)
    True
    """

    def __init__(
        self, dimension: int, layers: int = 8, hidden: int = 64, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        if dimension < 2 or layers < 1 or hidden < 1:
            raise ValueError(
                f"dimension, layers, hidden: got {dimension}, {layers}, {hidden}, "
                "wanted at least 2, 1 and 1"
            )
        self.dimension = dimension
        self.couplings = nn.ModuleList(
            nn.ParameterDict(coupling_parameters(dimension, hidden, generator=generator))
            for _ in range(layers)
        )

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """From noise to data: x (N, D) and log |det dx/dz| (N,)."""
        total = z.new_zeros(len(z))
        for parameters in self.couplings:
            x, log_det = coupling_forward(z, parameters)
            z, total = x.flip(1), total + log_det
        return z, total

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From data to noise: z (N, D) and log |det dz/dx| (N,)."""
        total = x.new_zeros(len(x))
        for parameters in reversed(self.couplings):
            x, log_det = coupling_inverse(x.flip(1), parameters)
            total = total + log_det
        return x, total

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-density at points (N, D): (N,), in nats. Minus its mean is the training loss."""
        require_points(x, "x")
        z, log_det = self.inverse(x)
        return _standard_log_prob(z) + log_det

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw points (count, D), with the log-density at each (count,)."""
        z = torch.randn(count, self.dimension, generator=generator)
        x, log_det = self(z)
        return x, _standard_log_prob(z) - log_det


def _standard_log_prob(z: Tensor) -> Tensor:
    D = z.shape[1]
    return gaussian_log_prob(z, z.new_zeros(D), torch.eye(D).to(z))


def _halves(points: Tensor, name: str) -> tuple[Tensor, Tensor]:
    require_points(points, name)
    if points.shape[1] < 2:
        raise ValueError(f"{name}: got {points.shape[1]} column, wanted at least 2")
    half = points.shape[1] // 2
    return points[:, :half], points[:, half:]
