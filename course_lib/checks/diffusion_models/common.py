"""What the checks of unit 12 share: schedules, drawn inputs, data whose score is known."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.definition import Finding
from course_lib.generative.distributions import GaussianMixture
from course_lib.generative.schedules import cosine_schedule

T = 40
SCHEDULE = cosine_schedule(T)
CLUSTERS = GaussianMixture(
    torch.tensor([0.7, 0.3]),
    torch.tensor([[-1.0, 0.0], [1.5, 1.0]]),
    torch.tensor([[[0.10, 0.05], [0.05, 0.10]], [[0.05, 0.0], [0.0, 0.20]]]),
)
POINTS = 1500
RIGHTLY = "the points are not spread as the data: "


def falling(count: int, generator: torch.Generator) -> Tensor:
    """A drawn schedule (count,) that falls from below 1 to above 0."""
    steps = 0.3 + torch.rand(count + 1, generator=generator)
    return 1 - steps.cumsum(0)[:-1] / steps.sum()


def normal(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def at(alpha_bar: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """The schedule at times t (B,), shaped to go along with a batch."""
    return alpha_bar[t].view(-1, *[1] * (like.ndim - 1))


def best_noise(x: Tensor, left: float) -> Tensor:
    """The noise in x (N, 2) that the clusters' exact score implies."""
    return -((1 - left) ** 0.5) * CLUSTERS.diffused(left).score(x)


def spread_as_the_clusters(x: Tensor) -> Finding | None:
    """Shares, means and spreads of points (N, 2), against those of `CLUSTERS`."""
    first = x[:, 0] < 0.25
    share = float(first.float().mean())
    if not 0.62 < share < 0.78:
        return Finding(
            RIGHTLY + "the two clusters hold other shares.",
            came=f"{share:.0%} in the left one",
            wanted="70%",
        )
    for name, part, number in (("left", x[first], 0), ("right", x[~first], 1)):
        mean, std = CLUSTERS.means[number], CLUSTERS.covariances[number].diagonal().sqrt()
        if float((part.mean(0) - mean).abs().max()) > 0.1:
            return Finding(
                RIGHTLY + f"the {name} cluster has another centre.",
                came=_point(part.mean(0)),
                wanted=_point(mean),
            )
        ratio = part.std(0) / std
        if float((ratio - 1).abs().max()) > 0.2:
            return Finding(
                RIGHTLY + f"the {name} cluster has another width.",
                came=_point(part.std(0)),
                wanted=_point(std),
            )
    return None


def detached(function: Callable[..., Tensor], place: int) -> Callable[..., Tensor]:
    """The right values, and no gradient with respect to one argument."""

    def wrong(*inputs: object) -> Tensor:
        given = list(inputs)
        given[place] = given[place].detach()
        return function(*given)

    return wrong


def far(came: Tensor, wanted: Tensor, allowed: float = 1e-4) -> tuple[int, ...] | None:
    """Where two tensors differ most, if by more than is allowed (also as a share)."""
    off = (came - wanted).abs() - allowed * wanted.abs()
    if float(off.max()) <= allowed:
        return None
    return tuple(int(i) for i in torch.unravel_index(off.argmax(), off.shape))


def _point(values: Tensor) -> str:
    return "(" + ", ".join(f"{float(v):.2f}" for v in values) + ")"
