"""Fields: functions from a place and a direction to density and colour.

Anything that can be called as ``field(points (M, 3), directions (M, 3))`` and returns
``(sigmas (M,), colors (M, 3))`` is a field to `render_rays`.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from .encoding import positional_encoding, spherical_harmonics
from .hash_grid import grid_resolutions, hash_encoding

Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

POINT_FREQUENCIES, DIRECTION_FREQUENCIES = 10, 4
SKIP = 4  # the layer before which the encoded point comes in once more
LARGEST_LOG_DENSITY = 15.0
HIDDEN = 16  # units in each hidden layer of a `HashField`
FEATURES = 16  # what the density network tells the colour network; the first is log(sigma)
VIEW_FEATURES = 8  # harmonics of degree 1 and 2; the constant one would repeat the bias


def radiance_field(
    points: Tensor, directions: Tensor, parameters: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Evaluate the classic network: density from the place, colour from place and direction.

    h = gamma_10(point); eight times h = relu(W h + b), with gamma_10(point) joined to h again
    before the fifth; sigma = relu(w . h + b); color = sigmoid(W' relu(W'' [W''' h, gamma_4(d)])).

    Args:
        points: (M, 3), usually in [-1, 1].
        directions: (M, 3), of length one.
        parameters: weights (outputs, inputs) and biases (outputs,) named "layers.0.weight",
            "layers.0.bias" and so on, then "density", "feature", "view" and "color", as
            `MLPField` names them.

    Returns:
        sigmas (M,), at least 0, 1 / world unit, and colors (M, 3) in [0, 1].

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, section 5 and figure 7.

    >>> field = MLPField(generator=torch.Generator().manual_seed(0))
    >>> sigmas, colors = radiance_field(
    ...     torch.zeros(5, 3), torch.eye(3)[[0, 0, 1, 1, 2]], dict(field.named_parameters()))
    >>> sigmas.shape, colors.shape
    (torch.Size([5]), torch.Size([5, 3]))
    """

    def layer(name: str, h: Tensor) -> Tensor:
        return linear(h, parameters[f"{name}.weight"], parameters[f"{name}.bias"])

    encoded = positional_encoding(points, POINT_FREQUENCIES)  # (M, 60)
    depth = sum(name.startswith("layers.") and name.endswith(".weight") for name in parameters)
    h = encoded
    for index in range(depth):
        h = torch.cat([h, encoded], dim=-1) if index == SKIP else h
        h = relu(layer(f"layers.{index}", h))
    sigmas = relu(layer("density", h))[:, 0]
    view = positional_encoding(directions, DIRECTION_FREQUENCIES)  # (M, 24)
    h = relu(layer("view", torch.cat([layer("feature", h), view], dim=-1)))
    return sigmas, torch.sigmoid(layer("color", h))


class MLPField(nn.Module):
    """The network of Mildenhall et al. with its parameters; see `radiance_field`.

    Args:
        depth: number of hidden layers.
        width: of each; the last, for the colour, is half as wide.
        generator: draws the weights, uniform with Glorot's range; biases begin at 0, that of the
            density at 0.1, so that its relu lets a gradient pass.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934; Glorot and Bengio (2010),
    https://proceedings.mlr.press/v9/glorot10a.html

    >>> field = MLPField(generator=torch.Generator().manual_seed(0))
    >>> sum(parameter.numel() for parameter in field.parameters())
    593924
    """

    def __init__(self, depth: int = 8, width: int = 256, *, generator: torch.Generator) -> None:
        super().__init__()
        if depth < 1 or width < 2:
            raise ValueError(f"depth, width: got {depth!r}, {width!r}, wanted at least 1 and 2")
        point, view = 6 * POINT_FREQUENCIES, 6 * DIRECTION_FREQUENCIES
        inputs = [point] + [width + point * (index == SKIP) for index in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in inputs)
        self.density = nn.Linear(width, 1)
        self.feature = nn.Linear(width, width)
        self.view = nn.Linear(width + view, width // 2)
        self.color = nn.Linear(width // 2, 3)
        for name, parameter in self.named_parameters():
            with torch.no_grad():
                if parameter.ndim == 2:
                    nn.init.xavier_uniform_(parameter, generator=generator)
                else:
                    parameter.fill_(0.1 if name == "density.bias" else 0.0)

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Return sigmas (M,) and colors (M, 3)."""
        return radiance_field(points, directions, dict(self.named_parameters()))


class HashField(nn.Module):
    """A hash grid and two tiny networks: a field that trains in seconds.

    features = W_2 relu(W_1 hash_encoding(point) + b_1) + b_2; sigma = exp(features_0);
    color = sigmoid(W_4 relu(W_3 [features, harmonics(direction)] + b_3) + b_4).

    `forward` is the version to read; `fit` and `render_rays` use compiled loops that compute the
    same.

    Args:
        bound: the field lives in the cube [-bound, bound]^3, world units; it is zero outside.
        levels: of the grid; an even number.
        log2_entries: each level's table has 2^log2_entries rows of two numbers.
        coarsest: nodes along an edge of the coarsest level.
        finest: and of the finest; a cell should be about as large as a pixel seen from a camera.
        generator: draws the first tables and weights.

    Raises:
        ValueError: numbers outside their ranges.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989

    >>> field = HashField(generator=torch.Generator().manual_seed(0))
    >>> sigmas, colors = field(torch.zeros(4, 3), torch.eye(3)[[0, 1, 2, 2]])
    >>> sigmas.shape, colors.shape
    (torch.Size([4]), torch.Size([4, 3]))
    """

    def __init__(
        self,
        bound: float = 1.0,
        levels: int = 6,
        log2_entries: int = 15,
        coarsest: int = 16,
        finest: int = 128,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not 0 < bound < math.inf:
            raise ValueError(f"bound: got {bound!r}, wanted a finite number above 0")
        if levels < 2 or levels % 2 or not 1 <= log2_entries <= 24:
            raise ValueError(
                f"levels, log2_entries: got {levels!r}, {log2_entries!r}, wanted an even number "
                "and 1 to 24"
            )
        self.bound = bound
        self.resolutions = grid_resolutions(levels, coarsest, finest)
        self.tables = nn.Parameter(torch.empty(levels, 2**log2_entries, 2))
        self.density_in = nn.Linear(2 * levels, HIDDEN)
        self.density_out = nn.Linear(HIDDEN, FEATURES)
        self.color_in = nn.Linear(FEATURES + VIEW_FEATURES, HIDDEN)
        self.color_out = nn.Linear(HIDDEN, 3)
        self._draw(generator)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator) -> None:
        nn.init.uniform_(self.tables, -1e-4, 1e-4, generator=generator)
        for layer in (self.density_in, self.density_out, self.color_in, self.color_out):
            reach = 0.6 * math.sqrt(6 / layer.in_features)
            nn.init.uniform_(layer.weight, -reach, reach, generator=generator)
            layer.bias.zero_()

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Return sigmas (M,) and colors (M, 3)."""
        place = 0.5 * (points / self.bound + 1.0)  # [0, 1]
        encoded = hash_encoding(place, self.tables, self.resolutions)
        features = self.density_out(relu(self.density_in(encoded)))  # (M, 16)
        sigmas = torch.exp(features[:, 0].clamp_max(LARGEST_LOG_DENSITY))
        inside = (points.abs() <= self.bound).all(dim=-1)
        view = spherical_harmonics(directions, 2)[:, 1:]  # (M, 8)
        hidden = relu(self.color_in(torch.cat([features, view], dim=-1)))
        return torch.where(inside, sigmas, 0.0), torch.sigmoid(self.color_out(hidden))
