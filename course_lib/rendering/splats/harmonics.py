"""Real spherical harmonics to degree 3: colours that change with the direction of view."""

import torch
from torch import Tensor

# The constants of the real harmonics, degree by degree, with the signs that 3DGS files use.
SH_CONSTANT = 0.28209479177387814  # sqrt(1 / (4 pi))
SH_LINEAR = 0.4886025119029199  # sqrt(3 / (4 pi))
SH_QUADRATIC = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
SH_CUBIC = (
    0.5900435899266435,
    2.890611442640554,
    0.4570457994644658,
    0.3731763325901154,
    1.445305721320277,
)


def sh_basis(degree: int, directions: Tensor) -> Tensor:
    """Return the values of the harmonics up to ``degree`` at unit directions.

    Args:
        degree: 0 to 3.
        directions: (..., 3), unit length.

    Returns:
        (..., (degree + 1)^2), the order of 3DGS files: by degree, then m = -degree ... degree.

    Source: Sloan, Stupid Spherical Harmonics Tricks (2008), appendix A2.

    >>> sh_basis(1, torch.tensor([0.0, 0.0, 1.0]))
    tensor([0.2821, -0.0000, 0.4886, -0.0000])
    """
    x, y, z = directions.unbind(-1)
    basis = [torch.full_like(x, SH_CONSTANT)]
    if degree >= 1:
        basis += [-SH_LINEAR * y, SH_LINEAR * z, -SH_LINEAR * x]
    if degree >= 2:
        xx, yy, zz = x * x, y * y, z * z
        a, b, c = SH_QUADRATIC
        basis += [a * x * y, -a * y * z, b * (2 * zz - xx - yy), -a * x * z, c * (xx - yy)]
    if degree >= 3:
        a, b, c, d, e = SH_CUBIC
        basis += [
            -a * y * (3 * xx - yy),
            b * x * y * z,
            -c * y * (4 * zz - xx - yy),
            d * z * (2 * zz - 3 * xx - 3 * yy),
            -c * x * (4 * zz - xx - yy),
            e * z * (xx - yy),
            -a * x * (xx - 3 * yy),
        ]
    return torch.stack(basis, dim=-1)


def evaluate_sh(sh: Tensor, directions: Tensor, degree: int | None = None) -> Tensor:
    """Return the colour that each Gaussian shows to a viewer, from its spherical harmonics.

    color = max(0, 0.5 + sum_k sh_k Y_k(direction)).

    Args:
        sh: (N, K, 3) with K = 1, 4, 9 or 16 coefficients.
        directions: (N, 3), from the camera to the Gaussian; any length but zero.
        degree: 0 to 3, to use the first (degree + 1)^2 coefficients; all by default.

    Returns:
        (N, 3), RGB, at least 0.

    Raises:
        ValueError: shapes that do not match, or a degree for which there are no coefficients.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 4; Fridovich-Keil et
    al. (2022), https://arxiv.org/abs/2112.05131, section 3.

    >>> sh = torch.zeros(1, 4, 3)
    >>> sh[0, 2, 0] = 1.0  # red grows with z
    >>> evaluate_sh(sh, torch.tensor([[0.0, 0.0, 2.0]]))
    tensor([[0.9886, 0.5000, 0.5000]])
    """
    if directions.shape != (sh.shape[0], 3):
        raise ValueError(f"directions: got shape {tuple(directions.shape)}, wanted one for each sh")
    if degree is None:
        degree = {1: 0, 4: 1, 9: 2, 16: 3}.get(sh.shape[1], -1)
    if degree not in range(4) or sh.ndim != 3 or sh.shape[1] < (degree + 1) ** 2:
        raise ValueError(f"sh: got shape {tuple(sh.shape)}, too few for its degree")
    basis = sh_basis(degree, torch.nn.functional.normalize(directions, dim=-1))  # (N, K)
    color = torch.einsum("nk,nkc->nc", basis, sh[:, : basis.shape[1]]) + 0.5
    return color.clamp_min(0.0)
