"""Unit 01: other right answers pass; a mistake costs its own points and is called by its name."""

import torch
from torch import nn

from course_lib.checks.sequence_models import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def rnn_by_pytorch(x, h, W, U, b):
    return nn.functional.tanh(nn.functional.linear(x, W, b) + nn.functional.linear(h, U))


def rnn_by_columns(x, h, W, U, b):
    side_by_side = torch.cat([W, U], dim=1) @ torch.cat([x, h], dim=1).mT
    return torch.tanh(side_by_side + b[:, None]).mT


def lstm_by_pytorch(x, h, c, W, U, b):
    return torch.lstm_cell(x, (h, c), W, U, b, torch.zeros_like(b))


def lstm_row_by_row(x, h, c, W, U, b):
    units = h.shape[1]
    gates = []
    for k in range(4):
        rows = slice(k * units, (k + 1) * units)
        gates.append(torch.einsum("bd,hd->bh", x, W[rows]) + h @ U[rows].mT + b[rows])
    i, f, o = (1 / (1 + torch.exp(-gates[k])) for k in (0, 1, 3))
    cell = torch.addcmul(f * c, i, torch.tanh(gates[2]))
    return [o * torch.tanh(cell), cell]


def clip_by_pytorch(gradients, largest):
    leaves = [torch.zeros_like(g) for g in gradients]
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = gradient.clone()
    norm = nn.utils.clip_grad_norm_(leaves, largest)
    return [leaf.grad for leaf in leaves], norm


def clip_with_a_tiny_number(gradients, largest):
    norm = torch.linalg.vector_norm(torch.cat([g.reshape(-1) for g in gradients]))
    factor = (largest / (norm + 1e-12)).clamp(max=1.0)
    return tuple(g * factor for g in gradients), norm


ANSWERS = [
    ("rnn_step", rnn_by_pytorch),
    ("rnn_step", rnn_by_columns),
    ("lstm_step", lstm_by_pytorch),
    ("lstm_step", lstm_row_by_row),
    ("clip_by_global_norm", clip_by_pytorch),
    ("clip_by_global_norm", clip_with_a_tiny_number),
]


LOST = [
    ("rnn_step", "no tanh", "three terms|values|gradients"),
    ("rnn_step", "U turned", "three terms|values|gradients"),
    ("rnn_step", "state detached", "gradients"),
    ("lstm_step", "no state", "values|gradients"),
    ("lstm_step", "cell detached", "gradients"),
    ("lstm_step", "no forget gate", "open and shut|values|gradients"),
    ("lstm_step", "forgets where it should keep", "open and shut|remembers|values|gradients"),
    ("clip_by_global_norm", "always rescaled", "stay|values"),
    ("clip_by_global_norm", "each tensor alone", "direction|values"),
    ("clip_by_global_norm", "by value", "direction|values"),
    ("clip_by_global_norm", "norm afterwards", "is told|values"),
    ("clip_by_global_norm", "zero divided by zero", "stay|is told|values"),
]


TOLD = [
    ("rnn_step", "no tanh", "the hyperbolic tangent is missing"),
    ("rnn_step", "sigmoid", "bent by a sigmoid"),
    ("rnn_step", "U turned", "U meets the state the wrong way round"),
    ("rnn_step", "bias outside", "added behind the tanh"),
    ("rnn_step", "no bias", "the bias has no effect"),
    ("rnn_step", "no state", "the old state has no effect"),
    ("rnn_step", "no element", "nothing would be read"),
    ("rnn_step", "state added", "added once more"),
    ("rnn_step", "batch mixed", "when others are read beside it"),
    ("rnn_step", "in place", "`h` in place"),
    ("rnn_step", "state detached", "no gradient flows from the result back to `h`"),
    ("lstm_step", "i and f swapped", "input and forget gate have changed places"),
    ("lstm_step", "g and o swapped", "candidate and output gate have changed places"),
    ("lstm_step", "sigmoid candidate", "the candidate is bent by a sigmoid"),
    ("lstm_step", "bare candidate", "the candidate is not bent"),
    ("lstm_step", "bare cell", "without a tanh"),
    ("lstm_step", "no forget gate", "the cell only grows"),
    ("lstm_step", "forgets where it should keep", "open must keep"),
    ("lstm_step", "no input gate", "the input gate has no effect"),
    ("lstm_step", "old cell", "made from the old cell"),
    ("lstm_step", "results swapped", "first the state, then the cell"),
    ("lstm_step", "cell bent", "passes a tanh on its way"),
    ("clip_by_global_norm", "root missing", "the root is missing"),
    ("clip_by_global_norm", "largest entry", "only the largest entry"),
    ("clip_by_global_norm", "sum of norms", "the norms of the tensors are summed"),
    ("clip_by_global_norm", "mean square", "the mean of the squares"),
    ("clip_by_global_norm", "by value", "each number is clamped for itself"),
    ("clip_by_global_norm", "each tensor alone", "do not have the length they should"),
    ("clip_by_global_norm", "always rescaled", "must stay as they are"),
    ("clip_by_global_norm", "zero divided by zero", "NaN or infinite"),
    ("clip_by_global_norm", "norm afterwards", "is the norm afterwards"),
    ("clip_by_global_norm", "factor told", "the second result is the factor"),
]


def test_the_unit_has_thirteen_points():
    assert [check.points for check in CHECKS.values()] == [4, 5, 4]
