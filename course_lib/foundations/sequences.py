"""Recurrent cells from their equations, and what their training needs.

A recurrent network reads a sequence one element at a time and keeps what it must remember in a
state. Shapes: B sequences, D numbers an element, H numbers of state, T steps.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = Tensor | tuple[Tensor, Tensor]


def rnn_step(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    """Read one element and update the state.

        h' = tanh(W x + U h + b)

    Args:
        x: (B, D) elements.
        h: (B, H) states.
        W: (H, D).
        U: (H, H).
        b: (H,); `torch.nn.RNN` splits it in two that are added.

    Returns:
        (B, H), between -1 and 1.

    Raises:
        ValueError: shapes that do not fit.

    Source: Elman (1990), https://doi.org/10.1207/s15516709cog1402_1

    >>> rnn_step(torch.ones(1, 1), torch.zeros(1, 1), torch.ones(1, 1), torch.ones(1, 1),
    ...          torch.zeros(1))
    tensor([[0.7616]])
    """
    _check_cell(x, h, W, U, b, gates=1)
    return torch.tanh(x @ W.T + h @ U.T + b)


def lstm_step(
    x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """Read one element with a long short-term memory.

        (i, f, g, o) = split(W x + U h + b)
        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(c')

    The cell c is carried from step to step by a factor between 0 and 1 and a sum, not through a
    matrix and a tanh: where the forget gate is near 1, so is the derivative dc'/dc.

    Args:
        x: (B, D) elements.
        h: (B, H) states, c: (B, H) cells.
        W: (4 H, D), U: (4 H, H), b: (4 H,): the rows of input gate i, forget gate f, candidate g
            and output gate o, one below the other, as in `torch.nn.LSTM`.

    Returns:
        h' (B, H) and c' (B, H).

    Raises:
        ValueError: shapes that do not fit.

    Source: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735; with
    the forget gate of Gers, Schmidhuber and Cummins (2000),
    https://doi.org/10.1162/089976600300015015

    >>> weights = torch.zeros(4, 2), torch.zeros(4, 1), torch.zeros(4)
    >>> h, c = lstm_step(torch.ones(1, 2), torch.zeros(1, 1), torch.full((1, 1), 4.0), *weights)
    >>> c
    tensor([[2.]])
    """
    _check_cell(x, h, W, U, b, gates=4)
    if c.shape != h.shape:
        raise ValueError(f"c: got shape {tuple(c.shape)}, wanted that of h, {tuple(h.shape)}")
    i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor) -> Tensor:
    """Read one element with a gated recurrent unit: one state, two gates.

        r = sigmoid(W_r x + b_r + U_r h + d_r)          what of the state the candidate sees
        z = sigmoid(W_z x + b_z + U_z h + d_z)          how much of the state stays
        n = tanh(W_n x + b_n + r (U_n h + d_n))         the candidate
        h' = z h + (1 - z) n

    Args:
        x: (B, D), h: (B, H).
        W: (3 H, D), U: (3 H, H), b, d: (3 H,): the rows of r, z and n, as in `torch.nn.GRU`. Two
            biases, because r multiplies one of them.

    Returns:
        (B, H).

    Raises:
        ValueError: shapes that do not fit.

    Source: Cho et al. (2014), https://arxiv.org/abs/1406.1078

    >>> zeros = torch.zeros
    >>> gru_step(zeros(1, 2), zeros(1, 1) + 4, zeros(3, 2), zeros(3, 1), zeros(3), zeros(3))
    tensor([[2.]])
    """
    _check_cell(x, h, W, U, b, gates=3)
    if d.shape != b.shape:
        raise ValueError(f"d: got shape {tuple(d.shape)}, wanted that of b, {tuple(b.shape)}")
    from_x, from_h = (x @ W.T + b).chunk(3, dim=1), (h @ U.T + d).chunk(3, dim=1)
    r, z = (from_x[0] + from_h[0]).sigmoid(), (from_x[1] + from_h[1]).sigmoid()
    n = (from_x[2] + r * from_h[2]).tanh()
    return z * h + (1 - z) * n


def unroll(step: Callable[[Tensor, State], State], x: Tensor, state: State) -> list[State]:
    """Apply a step to one element after another.

    Args:
        step: ``step(x_t, state) -> state``.
        x: (B, T, D).
        state: before the first element.

    Returns:
        The T states, after each element.

    >>> total = unroll(lambda x, s: s + x, torch.ones(1, 3, 1), torch.zeros(1, 1))
    >>> [state.item() for state in total]
    [1.0, 2.0, 3.0]
    """
    states = []
    for element in x.unbind(dim=1):
        state = step(element, state)
        states.append(state)
    return states


def clip_by_global_norm(
    gradients: Sequence[Tensor], largest: float
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Shorten gradients that are too long together, and keep their direction.

        n = sqrt(sum of all squares),   g' = g min(1, largest / n)

    One factor for all: to shorten each tensor by its own would turn the step.

    Args:
        gradients: tensors of any shapes; at least one.
        largest: norm above which they are shortened, positive.

    Returns:
        The gradients, new tensors, and n, a scalar, as it was before.

    Raises:
        ValueError: no gradients, or a largest norm that is not positive.

    Source: Pascanu, Mikolov and Bengio (2013), https://arxiv.org/abs/1211.5063, algorithm 1

    >>> clipped, norm = clip_by_global_norm([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
    >>> [round(g.item(), 2) for g in clipped], norm.item()
    ([0.6, 0.8], 5.0)
    """
    if not len(gradients):
        raise ValueError("gradients: got none, wanted at least one tensor")
    if not largest > 0:
        raise ValueError(f"largest: got {largest!r}, wanted a number above zero")
    norm = torch.stack([g.double().square().sum() for g in gradients]).sum().sqrt()
    factor = float(largest / norm) if float(norm) > largest else 1.0
    return tuple(g * factor for g in gradients), norm.to(gradients[0].dtype)


def adding_problem(count: int, length: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw sequences whose answer needs two elements that lie far apart.

    Each element is a number and a mark. One element of the first half and one of the second are
    marked, all others are not; the answer is the sum of the two marked numbers. Who always says 1
    is off by 1/6 in mean square.

    Args:
        count: sequences B.
        length: elements T, at least 2.
        generator: source of randomness.

    Returns:
        x (B, T, 2), numbers in [0, 1) and marks 0 or 1, and y (B, 1).

    Raises:
        ValueError: fewer than 2 elements.

    Source: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735,
    section 5.4 (here one mark in each half)

    >>> x, y = adding_problem(5, 10, generator=torch.Generator().manual_seed(0))
    >>> torch.equal((x[..., 0] * x[..., 1]).sum(dim=1, keepdim=True), y)
    True
    """
    if length < 2:
        raise ValueError(f"length: got {length}, wanted at least 2")
    numbers, marks = torch.rand(count, length, generator=generator), torch.zeros(count, length)
    half = length // 2
    first = torch.randint(half, (count, 1), generator=generator)
    second = torch.randint(half, length, (count, 1), generator=generator)
    marks.scatter_(1, first, 1.0).scatter_(1, second, 1.0)
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1, keepdim=True)


class SequenceModel(nn.Module):
    """A recurrent layer over a sequence, and a linear layer on its last state.

    Args:
        kind: "rnn", "lstm" or "gru"; PyTorch's own, which run all steps in one call.
        inputs: D.
        hidden: H.
        outputs: numbers of the answer.
        forget: bias of an LSTM's forget gate; 1 lets the cell remember from the first step on.

    >>> SequenceModel("lstm", 2, 8, 1)(torch.zeros(3, 5, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, kind: str, inputs: int, hidden: int, outputs: int, forget: float = 1.0
    ) -> None:
        super().__init__()
        kinds: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
        if kind not in kinds:
            raise ValueError(f"kind: got {kind!r}, wanted one of {', '.join(kinds)}")
        self.recurrent = kinds[kind](inputs, hidden, batch_first=True)
        self.leave = nn.Linear(hidden, outputs)
        if kind == "lstm":
            with torch.no_grad():
                self.recurrent.bias_hh_l0.zero_()
                self.recurrent.bias_ih_l0.zero_()[hidden : 2 * hidden] = forget

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, outputs)."""
        return self.leave(self.recurrent(x)[0][:, -1])


def _check_cell(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, gates: int) -> None:
    if x.ndim != 2 or h.ndim != 2 or x.shape[0] != h.shape[0]:
        raise ValueError(
            f"x, h: got shapes {tuple(x.shape)} and {tuple(h.shape)}, wanted (B, D) and (B, H)"
        )
    rows, wanted = gates * h.shape[1], {}
    wanted["W"], wanted["U"], wanted["b"] = (rows, x.shape[1]), (rows, h.shape[1]), (rows,)
    for (name, shape), tensor in zip(wanted.items(), (W, U, b), strict=True):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, wanted {shape}")
