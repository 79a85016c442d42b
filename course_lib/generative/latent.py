"""Work on latents: edit them, blend two, find an attribute's direction, ask whether they are valid.

A latent is what an encoder makes of a picture: `z (B, D)`.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

PARALLEL = 1e-4  # radians; two latents at a smaller angle are blended along the line


def edit_latent(
    z: Tensor, directions: Mapping[str, Tensor], amounts: Mapping[str, Tensor]
) -> Tensor:
    """Move latents along the directions of attributes: z + sum_k a_k d_k.

    Args:
        z: (B, D).
        directions: by name, the direction (D,) of each attribute; see `attribute_direction`.
        amounts: by name, how far to move each latent, (B,), in units of the attribute. An attribute
            that is not named stays.

    Returns:
        (B, D), a new tensor.

    Raises:
        ValueError: wrong shapes.
        KeyError: an amount of an attribute without a direction.

    >>> z = torch.zeros(2, 3)
    >>> smile = torch.tensor([0.0, 1.0, 2.0])
    >>> edit_latent(z, {"smile": smile}, {"smile": torch.tensor([1.0, -1.0])})
    tensor([[ 0.,  1.,  2.],
            [ 0., -1., -2.]])
    """
    _check_matrix(z, "z")
    for name, amount in amounts.items():
        _check_shape(amount, (len(z),), f"amounts[{name!r}]")
        _check_shape(directions[name], z.shape[1:], f"directions[{name!r}]")
        z = z + amount[:, None] * directions[name]
    return z.clone() if not amounts else z


def blend(a: Tensor, b: Tensor, weights: Tensor, path: str = "line") -> Tensor:
    """Walk from latents a to latents b.

    On the "line" z(w) = (1 - w) a + w b. On the "arc", with the angle O between a and b as seen
    from the origin, z(w) = (sin((1 - w) O) a + sin(w O) b) / sin O, which keeps the length if a and
    b have the same. Where no arc is determined, at angles of 0 and pi, it is the line.

    Args:
        a, b: (B, D).
        weights: (T,), 0 for a and 1 for b.
        path: "line" or "arc".

    Returns:
        (T, B, D).

    Raises:
        ValueError: wrong shapes, or an unknown path.

    Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985,
    https://doi.org/10.1145/325334.325242; White, "Sampling generative networks", 2016,
    https://arxiv.org/abs/1609.04468

    >>> ends = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> blend(*ends, torch.tensor([0.5]))
    tensor([[[0.5000, 0.5000]]])
    >>> blend(*ends, torch.tensor([0.5]), "arc")
    tensor([[[0.7071, 0.7071]]])
    """
    _check_matrix(a, "a")
    _check_shape(b, a.shape, "b")
    if weights.ndim != 1:
        raise ValueError(f"weights: got {tuple(weights.shape)}, wanted (T,)")
    if path not in ("line", "arc"):
        raise ValueError(f"path: got {path!r}, wanted 'line' or 'arc'")
    w = weights[:, None, None]
    line = (1 - w) * a + w * b  # (T, B, D)
    if path == "line":
        return line
    angle = _angle(a, b)[:, None]  # (B, 1)
    near = angle.sin() < PARALLEL
    safe = angle.masked_fill(near, 1.0)
    arc = (((1 - w) * safe).sin() * a + (w * safe).sin() * b) / safe.sin()
    return torch.where(near, line, arc)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle between vectors (B, D) in radians, exact for small ones too."""
    a, b = (v / v.norm(dim=1, keepdim=True).clamp(min=1e-12) for v in (a, b))
    return 2 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))


def attribute_direction(z: Tensor, attribute: Tensor, others: Tensor | None = None) -> Tensor:
    """How the latent moves when an attribute grows by one and the others stay.

    The least-squares fit z = c + attribute d + others E, over all pictures; the answer is d.
    Without others and for an attribute that is 0 or 1, d is the difference of the classes' means.

    Args:
        z: (B, D) latents.
        attribute: (B,), of any real type; bool counts as 0 and 1.
        others: (B, K) further attributes, which may go along with the first, or None.

    Returns:
        (D,).

    Raises:
        ValueError: wrong shapes.

    Source: Larsen, Sønderby, Larochelle, Winther, "Autoencoding beyond pixels using a learned
    similarity metric", ICML 2016, https://arxiv.org/abs/1512.09300 (differences of means)

    >>> z = torch.tensor([[0.0, 1.0], [0.0, 3.0], [5.0, 1.0], [5.0, 3.0]])
    >>> d = attribute_direction(z, torch.tensor([False, False, True, True]))
    >>> [round(value, 3) for value in d.tolist()]
    [5.0, 0.0]
    """
    _check_matrix(z, "z")
    _check_shape(attribute, (len(z),), "attribute")
    columns = [attribute.to(z)[:, None]]
    if others is not None:
        _check_shape(others, (len(z), others.shape[-1]), "others")
        columns.append(others.to(z))
    design = torch.cat(columns, dim=1)  # (B, 1 + K)
    centred = design - design.mean(dim=0)
    return torch.linalg.lstsq(centred, z - z.mean(dim=0)).solution[0]


def latent_validity(z: Tensor, data: Tensor, neighbours: int = 1) -> Tensor:
    """How usual a latent is among the data's latents: 0 for outside, 1 for deep inside.

    With r(z) the distance to the k-th nearest latent of the data, v(z) is the share of the data's
    latents whose distance to the k-th nearest of the others is at least r(z). Distances are
    measured in the data's own covariance S, d(a, b)^2 = (a - b)^T S^-1 (a - b), since an encoder is
    free to stretch and turn its latents. New latents like the data's get values spread evenly from
    0 to 1, so that their mean is about one half.

    Args:
        z: (B, D) latents in question, not among the data's.
        data: (N, D) latents of the data, N > D, not in one plane.
        neighbours: k, from 1 to N - 1.

    Returns:
        (B,), from 0 to 1.

    Raises:
        ValueError: wrong shapes, or k outside its range.

    Source: distance to the k-th neighbour: Ramaswamy, Rastogi, Shim, "Efficient algorithms for
    mining outliers from large data sets", SIGMOD 2000, https://doi.org/10.1145/342009.335437; its
    rank among the data's own is the p-value of conformal prediction (Vovk, Gammerman, Shafer,
    "Algorithmic learning in a random world", 2005, https://doi.org/10.1007/b106715)

    >>> data = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> latent_validity(torch.tensor([[0.0, 0.0], [9.0, 9.0]]), data)[1]
    tensor(0.)
    """
    _check_matrix(data, "data")
    _check_shape(z, (len(z), data.shape[1]), "z")
    if not 1 <= neighbours < len(data):
        raise ValueError(f"neighbours: got {neighbours}, wanted 1 to {len(data) - 1}")
    root = torch.linalg.cholesky(torch.cov(data.T).reshape(data.shape[1], -1))
    z, data = (torch.linalg.solve_triangular(root, x.T, upper=False).T for x in (z, data))
    radius = _distances(z, data).kthvalue(neighbours, dim=1).values
    own = _distances(data, data).kthvalue(neighbours + 1, dim=1).values  # the nearest is itself
    return (own[None] >= radius[:, None]).to(z).mean(dim=1)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Distances (A, B) without the rounding of the quicker way by a product of matrices."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def gaussian_of(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and Cholesky factor (D, D) of the Gaussian with the latents' moments.

    >>> mean, factor = gaussian_of(torch.tensor([[-1.0], [1.0]]))
    >>> mean.item(), round(factor.item(), 3)
    (0.0, 1.414)
    """
    _check_matrix(latents, "latents")
    covariance = torch.cov(latents.T).reshape(latents.shape[1], -1)
    return latents.mean(dim=0), torch.linalg.cholesky(covariance)


def _check_matrix(value: Tensor, name: str) -> None:
    if not isinstance(value, Tensor) or value.ndim != 2 or not value.is_floating_point():
        got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise ValueError(f"{name}: got {got}, wanted a float tensor of two dimensions")


def _check_shape(value: Tensor, shape: Sequence[int], name: str) -> None:
    if tuple(value.shape) != tuple(shape):
        raise ValueError(f"{name}: got {tuple(value.shape)}, wanted {tuple(shape)}")
