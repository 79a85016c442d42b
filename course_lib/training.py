"""The one training loop: a bar, records, the best state, and going on after a kill.

`train` repeats a step that you write, whatever it holds: one network, two that play against each
other, a moving average. `descend` is the usual case on top of it: a model, a loss, batches, Adam.
"""

import copy
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Stateful(Protocol):
    """A module, an optimiser, a scheduler: what can be saved and set back."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


Kept = Mapping[str, Stateful | torch.Generator]


@dataclass
class History:
    """What a training recorded.

    Attributes:
        numbers: what each step returned, by name: one entry a step.
        scores: by the number of steps done before: what ``score`` returned.
        best: the step whose state was kept, or None without scores.
    """

    numbers: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    best: int | None = None

    def __getitem__(self, name: str) -> list[float]:
        return self.numbers[name]

    @property
    def steps(self) -> int:
        return max(map(len, self.numbers.values()), default=0)

    def add(self, numbers: Mapping[str, float | Tensor]) -> dict[str, float]:
        """Record one step's numbers, and return them as floats.

        Raises:
            FloatingPointError: one is NaN or infinite.
        """
        plain = {name: float(torch.as_tensor(number).detach()) for name, number in numbers.items()}
        for name, number in plain.items():
            if not math.isfinite(number):
                raise FloatingPointError(
                    f"{name} became {number} in step {self.steps}: the learning rate may be too "
                    "large, or something is divided by zero"
                )
        for name, number in plain.items():
            self.numbers.setdefault(name, []).append(number)
        return plain


def train(
    step: Callable[[int], Mapping[str, float | Tensor]],
    steps: int,
    state: Kept,
    *,
    score: Callable[[], float] | None = None,
    every: int = 100,
    checkpoint: str | Path | None = None,
    callback: Callable[[int, History], None] | None = None,
    progress: bool = True,
    description: str = "Training",
) -> History:
    """Repeat a step, record what it returns, and keep the best state.

    Two trainings that start from the same state are equal number for number, also if one of them
    was killed and went on from its checkpoint, provided ``state`` names all that a step changes or
    draws from.

    Args:
        step: ``step(t) -> {"loss": ...}`` changes the model once; ``t`` counts from 0.
        steps: how many.
        state: all that changes, by name: modules, optimisers, and the ``torch.Generator`` that
            batches and noise are drawn with.
        score: how good the state is, lower is better, such as the loss on unseen pictures. Asked
            every so many steps and at the end. With it the modules end in their best state.
        every: steps between two scores, and between two checkpoints.
        checkpoint: a file; if it is there the training goes on from it, and it is written
            regularly.
        callback: called after each step, with the number of steps done and the history.
        progress: whether to show a bar.
        description: what the bar says.

    Returns:
        The history.

    Raises:
        ValueError: no steps, or a checkpoint of another training.
        FloatingPointError: a number is NaN or infinite.

    >>> model, generator = nn.Linear(1, 1), torch.Generator().manual_seed(0)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    >>> def step(t):
    ...     loss = (model(torch.ones(1, 1)) - 3).square().mean()
    ...     optimizer.zero_grad(); loss.backward(); optimizer.step()
    ...     return {"loss": loss}
    >>> state = {"model": model, "optimizer": optimizer, "generator": generator}
    >>> history = train(step, 50, state, progress=False)
    >>> history["loss"][-1] < 1e-6
    True
    """
    from tqdm.auto import tqdm

    if steps < 1 or every < 1:
        raise ValueError(f"steps, every: got {steps} and {every}, wanted at least 1 each")
    history, best = History(), None
    if checkpoint is not None and Path(checkpoint).is_file():
        history, best = _resume(Path(checkpoint), state, steps)
    bar = tqdm(
        total=steps, initial=history.steps, disable=not progress, desc=description, unit="step"
    )
    with bar:
        for t in range(history.steps, steps):
            numbers = history.add(step(t))
            bar.set_postfix({name: f"{number:.4g}" for name, number in numbers.items()}, False)
            bar.update()
            done = t + 1
            if score is not None and (done % every == 0 or done == steps):
                best = _keep_best(history, done, float(score()), state, best)
            if checkpoint is not None and done % every == 0:
                _save(Path(checkpoint), state, steps, history, best)
            if callback is not None:
                callback(done, history)
    if best is not None:
        for name, module in _modules(state).items():
            module.load_state_dict(best[name])
    return history


def descend(
    model: nn.Module,
    loss: Callable[..., Tensor],
    data: Sequence[Tensor] | Callable[[torch.Generator], Sequence[Tensor]],
    steps: int,
    *,
    generator: torch.Generator,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    largest_gradient: float | None = None,
    fused: bool = False,
    **options: Any,
) -> History:
    """Minimise a loss over random batches with Adam, in place.

    The learning rate rises over the first 5 % of the steps and falls as a cosine to zero, so that
    the last steps settle.

    Args:
        model: put into training mode for each step.
        loss: ``loss(*batch) -> scalar``.
        data: tensors with the same first dimension, of which batches are drawn with replacement;
            or ``batch(generator) -> tensors`` for pictures that are made as they are needed.
        steps: how many.
        generator: draws the batches; use it for the loss's own noise too.
        batch_size: how many entries of ``data`` a batch has.
        learning_rate: the largest.
        weight_decay: of AdamW.
        largest_gradient: gradients whose norm is above are shortened to it.
        fused: whether Adam goes through the weights once a step instead of ten times. With a
            million weights and small batches that saves a fifth of the time; the results differ by
            rounding alone.
        **options: of `train`: score, every, checkpoint, callback, progress, description.

    Returns:
        The history, with "loss".

    Raises:
        ValueError: tensors of different lengths or none, no steps, a foreign checkpoint.

    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> model, generator = nn.Linear(1, 1), torch.Generator().manual_seed(0)
    >>> fit = lambda x, y: (model(x) - y).square().mean()
    >>> history = descend(
    ...     model, fit, (x, 2 * x + 1), 300, learning_rate=0.1, generator=generator, progress=False
    ... )
    >>> [round(p.item(), 2) for p in model.parameters()]
    [2.0, 1.0]
    """
    draw = data if callable(data) else random_batches(data, batch_size)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, weight_decay=weight_decay, fused=fused or None
    )

    def step(t: int) -> dict[str, Tensor]:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * warm_cosine((t + 0.5) / steps)
        optimizer.zero_grad(set_to_none=True)
        value = loss(*draw(generator))
        value.backward()
        if largest_gradient is not None:
            nn.utils.clip_grad_norm_(parameters, largest_gradient)
        optimizer.step()
        return {"loss": value.detach()}

    state = {"model": model, "optimizer": optimizer, "generator": generator}
    return train(step, steps, state, **options)


def warm_cosine(part: float, warm: float = 0.05) -> float:
    """Factor of the learning rate after a part of the training: up to 1, then down to 0.

    >>> [round(warm_cosine(part), 2) for part in (0.0, 0.025, 0.05, 0.525, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if part < warm:
        return part / warm
    return 0.5 + 0.5 * math.cos(math.pi * (part - warm) / (1 - warm))


def random_batches(
    data: Sequence[Tensor], batch_size: int
) -> Callable[[torch.Generator], Sequence[Tensor]]:
    """Return a function that draws batches: entries at random, the same ones of each tensor.

    Args:
        data: tensors with the same first dimension.
        batch_size: entries of a batch, drawn with replacement.

    Returns:
        ``batch(generator) -> tensors``.

    Raises:
        ValueError: tensors of different lengths or none, or no entries.

    >>> draw = random_batches([torch.arange(9)], 4)
    >>> [part.shape for part in draw(torch.Generator().manual_seed(0))]
    [torch.Size([4])]
    """
    lengths = {len(tensor) for tensor in data}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"data: got tensors of lengths {sorted(lengths)}, wanted one, above 0")
    if batch_size < 1:
        raise ValueError(f"batch_size: got {batch_size}, wanted at least 1")
    length = lengths.pop()

    def draw(generator: torch.Generator) -> Sequence[Tensor]:
        chosen = torch.randint(length, (batch_size,), generator=generator)
        return [tensor[chosen] for tensor in data]

    return draw


def _modules(state: Kept) -> dict[str, nn.Module]:
    return {name: kept for name, kept in state.items() if isinstance(kept, nn.Module)}


def _keep_best(
    history: History, done: int, score: float, state: Kept, best: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Record a score; the modules' states if it is the best so far, else the best before."""
    history.scores[done] = score
    if history.best is not None and not score < history.scores[history.best]:
        return best
    history.best = done
    return {name: copy.deepcopy(module.state_dict()) for name, module in _modules(state).items()}


def _save(
    path: Path, state: Kept, steps: int, history: History, best: dict[str, Any] | None
) -> None:
    """Write all that a resumed training needs, at once or not at all."""
    content = {
        "state": {
            name: kept.get_state() if isinstance(kept, torch.Generator) else kept.state_dict()
            for name, kept in state.items()
        },
        "steps": steps,
        "history": vars(history),
        "best": best,
    }
    unfinished = path.with_name(path.name + ".part")
    torch.save(content, unfinished)
    os.replace(unfinished, path)


def _resume(path: Path, state: Kept, steps: int) -> tuple[History, dict[str, Any] | None]:
    content = torch.load(path, weights_only=True)
    if content["steps"] != steps or set(content["state"]) != set(state):
        raise ValueError(
            f"checkpoint: {path} is of {content['steps']} steps with {sorted(content['state'])}, "
            f"wanted {steps} with {sorted(state)}; delete it to begin anew"
        )
    for name, kept in state.items():
        if isinstance(kept, torch.Generator):
            kept.set_state(content["state"][name])
        else:
            kept.load_state_dict(content["state"][name])
    return History(**content["history"]), content["best"]
