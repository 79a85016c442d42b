"""Exercise 4 of unit 14: one step of gradient descent for a camera."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.differentiable_rendering.common import centres
from course_lib.checks.mistakes import Mistakes, compare, listed, uniform
from course_lib.checks.properties import difference
from course_lib.rendering import pinhole
from course_lib.rendering.soft_rasterizer import project_faces, soft_coverage, union

Moved = tuple[Tensor, float]
Loss = Callable[[Tensor, Tensor], Tensor]

STEP = "a tetrahedron, the camera a little off"
TURNED = "the same, the camera turned"
SOFT = "the same, sigma = 4 and a small learning rate"
FITS = "a camera that is already right"
WALK = "twenty steps from a camera that is 0.3 off"

TETRAHEDRON = torch.tensor(
    [[-0.9, -0.6, 0.3], [0.9, -0.7, 0.2], [0.1, 0.9, 0.4], [0.0, -0.1, -0.8]]
)
FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
SIZE = 20


def silhouette(
    viewmat: Tensor, vertices: Tensor, faces: Tensor, K: Tensor, size: int, sigma: float
) -> Tensor:
    """Return the soft silhouette (size, size) of a mesh: every pixel meets every face.

    >>> camera = torch.eye(4)
    >>> camera[2, 3] = 4.0
    >>> seen = silhouette(camera, TETRAHEDRON, FACES, pinhole(8, 8, 0.8), 8, 0.5)
    >>> float(seen[4, 4]) > 0.9, float(seen[0, 0]) < 0.1
    (True, True)
    """
    corners, _ = project_faces(vertices, faces, viewmat, K)
    return union(soft_coverage(corners[:, None, None], centres(size, size), sigma))


def _mean_square(alpha: Tensor, target: Tensor) -> Tensor:
    return (alpha - target).square().mean()


def _camera(translation: Tensor, rotation: Tensor) -> Tensor:
    top = torch.cat([rotation, translation[:, None]], dim=1)
    return torch.cat([top, torch.tensor([[0.0, 0.0, 0.0, 1.0]])])


def _step(
    loss_of: Loss = _mean_square,
    sign: float = -1.0,
    moves: Callable[[Tensor], Tensor] = lambda gradient: gradient,
    at: Callable[[Tensor], Tensor] = lambda target: target,
    soft: Callable[[float], float] = lambda sigma: sigma,
    told: str = "before",
) -> Callable[..., Moved]:
    """One step of gradient descent; each of its decisions is an argument, to be made wrongly."""

    def function(
        viewmat: Tensor,
        vertices: Tensor,
        faces: Tensor,
        K: Tensor,
        target: Tensor,
        sigma: float,
        learning_rate: float,
    ) -> Moved:
        start = viewmat[:3, 3].detach().clone().requires_grad_()

        def loss_at(translation: Tensor) -> tuple[Tensor, Tensor]:
            camera = _camera(translation, viewmat[:3, :3])
            alpha = silhouette(camera, vertices, faces, K, target.shape[0], soft(sigma))
            return camera, loss_of(alpha, at(target))

        _, before = loss_at(start)
        (gradient,) = torch.autograd.grad(before, start)
        after, loss = loss_at(start.detach() + sign * learning_rate * moves(gradient))
        return after, (before if told == "before" else loss).item()

    return function


def fit_camera_step(
    viewmat: Tensor,
    vertices: Tensor,
    faces: Tensor,
    K: Tensor,
    target: Tensor,
    sigma: float,
    learning_rate: float,
) -> Moved:
    """The step as the exercise asks for it; the library's `fit_camera_step` is its fast twin."""
    return _step()(viewmat, vertices, faces, K, target, sigma, learning_rate)


def _turn(generator: torch.Generator) -> Tensor:
    """A rotation by some half a radian about a drawn axis."""
    axis = torch.randn(3, generator=generator)
    x, y, z = (0.5 * axis / axis.norm()).tolist()
    return torch.linalg.matrix_exp(torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]))


def _cases(generator: torch.Generator) -> list[Case]:
    K = pinhole(SIZE, SIZE, 0.8)
    right = torch.tensor([0.0, 0.0, 3.6])
    sideways = uniform(0.12, 0.2, 2, generator=generator)
    sideways = sideways * torch.randint(0, 2, (2,), generator=generator).mul(2).sub(1)
    off = torch.cat([sideways, uniform(0.1, 0.3, 1, generator=generator)])

    def case(name: str, rotation: Tensor, by: Tensor, sigma: float, rate: float) -> Case:
        mesh = (TETRAHEDRON, FACES, K)
        target = silhouette(_camera(right, rotation), *mesh, SIZE, sigma)
        return Case(name, (_camera(right + by, rotation), *mesh, target, sigma, rate))

    straight, turned = torch.eye(3), _turn(generator)
    return [
        case(STEP, straight, off, 0.7, 1.0),
        case(TURNED, turned, off, 0.7, 1.0),
        case(SOFT, turned, off, 4.0, 0.3),
        case(FITS, turned, torch.zeros(3), 0.7, 1.0),
        case(WALK, straight, torch.tensor([0.2, -0.2, 0.1]), 1.0, 1.0),
    ]


def _stays(ask: Ask, case: Case) -> Finding | None:
    """A right camera is left alone; of any camera only the translation moves."""
    viewmat = case.inputs[0]
    after, loss = ask(*case.inputs)
    frame = after.clone()
    frame[:3, 3] = viewmat[:3, 3]
    if float((frame - viewmat).abs().max()) > 1e-6:
        row, column = (
            int(i) for i in torch.unravel_index((frame - viewmat).abs().argmax(), (4, 4))
        )
        return Finding(
            "the step may change the translation only, the first three entries of the last column.",
            came=f"{float(after[row, column]):.4g} in row {row}, column {column} of viewmat",
            wanted=f"{float(viewmat[row, column]):.4g}, as it was",
        )
    if case.name != FITS:
        return None
    moved = float((after - viewmat).abs().max())
    if moved > 1e-5 or float(loss) > 1e-8:
        return Finding(
            "this camera's silhouette is the target, so the loss is 0 and nothing should move.",
            came=f"loss {float(loss):.3g}, moved by {moved:.3g}",
            wanted="loss 0, no move",
            hint="The same sigma and the same target, untouched, belong into the loss.",
        )
    return None


def _walks_home(ask: Ask, case: Case) -> Finding | None:
    viewmat, *rest = case.inputs
    losses = []
    for _ in range(20):
        viewmat, loss = ask(viewmat, *rest)
        losses.append(float(loss))
    gap = float((viewmat[:2, 3]).abs().max())
    if losses[-1] < 0.1 * losses[0] and gap < 0.06:
        return None
    message = "after twenty of your steps the camera is not where the picture was taken."
    if losses[-1] > losses[0]:
        message = "twenty of your steps make the loss larger: they lead uphill, or overshoot."
    return Finding(
        message,
        came=f"loss from {losses[0]:.3g} to {losses[-1]:.3g}, {gap:.2g} units off sideways",
        wanted="a loss below a tenth of the first, and at most 0.06 units off",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    """The loss first, then how far the camera went; a known mistake is named."""
    (after, loss), (wanted, least) = ask(*case.inputs), ask.wanted(*case.inputs)
    came, right = (after[:3, 3], loss), (wanted[:3, 3], least)
    if difference(came, right, 2e-5, 1e-4) is None:
        return None
    found = compare(ask, case, _MISTAKES, atol=2e-5, rtol=1e-4)
    if found is not None and found.message in _MISTAKES:
        return found
    wrong = difference(loss, least, 1e-6, 1e-3, "the loss before the step is wrong")
    if wrong is not None:
        return wrong
    start = case.inputs[0][:3, 3]
    return Finding(
        "the loss is right, the step is not.",
        came=f"a step of {listed(after[:3, 3] - start, 4)}",
        wanted=f"a step of {listed(wanted[:3, 3] - start, 4)}",
    )


_uphill = _step(sign=1.0)
_total = _step(loss_of=lambda alpha, target: (alpha - target).square().sum())
_half = _step(loss_of=lambda alpha, target: 0.5 * (alpha - target).square().mean())
_absolute = _step(loss_of=lambda alpha, target: (alpha - target).abs().mean())
_unit = _step(moves=lambda gradient: gradient / (gradient.norm() + 1e-12))
_signs = _step(moves=torch.sign)
_late = _step(told="after")
_sideways = _step(moves=lambda gradient: gradient * torch.tensor([1.0, 1.0, 0.0]))
_binary = _step(at=lambda target: (target > 0.5).float())
_inverted = _step(at=lambda target: 1.0 - target)
_other_sigma = _step(soft=lambda _sigma: 1.0)
_root = _step(loss_of=lambda alpha, target: (_mean_square(alpha, target) + 1e-12).sqrt())

_MISTAKES: Mistakes = {
    "the step goes uphill: the gradient points to where the loss grows.": _uphill,
    "the squares are added; asked is their mean, so that the step does not depend on the size of "
    "the picture.": _total,
    "the loss is half the mean of the squares; asked is the mean itself.": _half,
    "the loss is made of absolute values, not of squares.": _absolute,
    "the loss is the root of the mean square; asked is the mean square.": _root,
    "the step has the length of the learning rate, whatever the gradient's length is.": _unit,
    "only the signs of the gradient are used.": _signs,
    "the loss is that after the step; asked is the one before it.": _late,
    "the camera moves sideways only; the third entry of the translation moves too.": _sideways,
    "the target is made hard before it is compared.": _binary,
    "the target is turned round: 1 is the object, 0 the background.": _inverted,
    "sigma is not the one that was given.": _other_sigma,
}


def _everything(*given: Tensor) -> Moved:
    """The rotation is moved too, as if its nine entries were free."""
    viewmat, vertices, faces, K, target, sigma, learning_rate = given
    free = viewmat[:3].detach().clone().requires_grad_()
    camera = torch.cat([free, viewmat[3:]])
    alpha = silhouette(camera, vertices, faces, K, target.shape[0], sigma)
    loss = _mean_square(alpha, target)
    (gradient,) = torch.autograd.grad(loss, free)
    return torch.cat([(free - learning_rate * gradient).detach(), viewmat[3:]]), loss.item()


def _in_place(viewmat: Tensor, *rest: Tensor) -> Moved:
    after, loss = fit_camera_step(viewmat, *rest)
    viewmat.copy_(after)
    return after, loss


def _no_step(*given: Tensor) -> Moved:
    return given[0], fit_camera_step(*given)[1]


FIT_CAMERA_STEP = Check(
    name="differentiable_rendering.fit_camera_step",
    reference=fit_camera_step,
    cases=_cases,
    properties=(
        Property(
            "a right camera stays, and a rotation stays a rotation",
            1,
            _stays,
            cases=(FITS, TURNED),
            hint="See hint 1.",
        ),
        Property(
            "loss and step agree with the reference",
            2,
            _agrees,
            cases=(STEP, TURNED, SOFT),
            hint="See hint 2.",
        ),
        Property("twenty steps find the camera", 1, _walks_home, cases=(WALK,), hint="See hint 3."),
    ),
    mutants={
        "uphill": _uphill,
        "sum for mean": _total,
        "half the mean": _half,
        "absolute values": _absolute,
        "root of the mean": _root,
        "unit steps": _unit,
        "signs only": _signs,
        "loss after the step": _late,
        "sideways only": _sideways,
        "target made hard": _binary,
        "target turned round": _inverted,
        "another sigma": _other_sigma,
        "the rotation moves": _everything,
        "no step": _no_step,
        "in place": _in_place,
    },
)
