"""One step of training a `HashField`, with its gradients and its optimiser in compiled loops."""

import numpy as np
import torch
from torch import Tensor

from .field import HashField
from .fused import LEAST_LIGHT, PARTS, TILE, network_of, tile_size
from .occupancy import OccupancyGrid

BETAS, EPSILON = (0.9, 0.99), 1e-15  # of Adam, as Müller et al. set them
HUBER_DELTA = 0.1
ROOM = 2  # memory for this many times the samples that a step is meant to have


class FusedStep:
    """Loss, gradients and Adam of a `HashField` on a batch of rays.

    Attributes:
        field: what is trained, in place.
        grid: where there is something, and how long a step is.
        moments: Adam's running means, first and second, of every parameter.
        taken: steps so far.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989; Kingma and Ba (2015),
    https://arxiv.org/abs/1412.6980
    """

    def __init__(self, field: HashField, grid: OccupancyGrid, samples: int) -> None:
        from ..kernels.field_forward import Network
        from ..kernels.field_train import ROWS

        self.field, self.grid, self.taken = field, grid, 0
        self.network = network_of(field)
        levels = len(field.resolutions)
        rows = [np.zeros((PARTS, *array.shape), np.float32) for array in self.network[2:]]
        self.gradients = Network(self.network.tables, self.network.resolutions, *rows)
        self.grad_tables = np.zeros_like(self.network.tables)
        self.moments = {
            name: torch.zeros(2, *parameter.shape) for name, parameter in field.named_parameters()
        }
        size, tiles = tile_size(grid), -(-ROOM * samples // (PARTS * TILE))
        self.points = np.empty((PARTS, tiles, 3, size), np.float32)
        self.encoded = np.empty((PARTS, tiles, 2 * levels, size), np.float32)
        self.kept = np.zeros((PARTS, tiles), np.int64)
        self.space = np.empty((PARTS, ROWS, size), np.float32)
        self.report = np.zeros((PARTS, 3))

    def differentiate(
        self,
        origins: Tensor,
        directions: Tensor,
        targets: Tensor,
        background: Tensor,
        jitter: Tensor,
        least_light: float = LEAST_LIGHT,
    ) -> tuple[float, int, int]:
        """Return the loss, how many samples were taken, and how many rays.

        L = sum over rays and channels of huber(color - target) / R. A ray that does not find
        memory is left out. The gradients lie in the memory of this object: see `gradient`.
        """
        from ..kernels import field_train, threads

        bound, step = self.field.bound, self.grid.step
        lengths = (step / bound, step, least_light, 0.0, np.inf, HUBER_DELTA)
        for gradient in self.gradients[2:]:
            gradient.fill(0.0)
        threads.in_parallel(
            field_train.train, PARTS, self.network, self.gradients, (origins / bound).numpy(),
            directions.numpy(), targets.numpy(), background.numpy(), jitter.numpy(),
            self.grid.occupied.numpy(), np.array(lengths, np.float32), self.points, self.encoded,
            self.kept, self.space, self.report,
        )  # fmt: skip
        samples, rays, loss = self.report.sum(axis=0).tolist()
        return loss, int(samples), int(rays)

    def take(self, rate: float, network_rate: float) -> None:
        """Take a step of Adam along the gradients of `differentiate`."""
        from ..kernels import field_train, threads

        self.taken += 1
        betas = np.array(BETAS, np.float32)
        corrections = np.array([1 / (1 - beta**self.taken) for beta in BETAS], np.float32)
        rest = (corrections, betas, np.float32(EPSILON))
        levels = len(self.field.resolutions)
        moments = self.moments["tables"].numpy().reshape(2, levels, -1)
        threads.in_parallel(
            field_train.train_tables, levels, self.network, self.points, self.encoded, self.kept,
            self.grad_tables, moments, np.float32(rate), *rest,
        )  # fmt: skip
        for name, parameter in self.field.named_parameters():
            if name != "tables":
                first, second = self.moments[name].numpy().reshape(2, -1)
                field_train.adam(
                    parameter.detach().numpy().reshape(-1), first, second,
                    self.gradient(name).reshape(-1), np.float32(network_rate), *rest,
                )  # fmt: skip

    def gradient(self, name: str) -> np.ndarray:
        """The gradient of one of the networks' parameters, summed over the parts."""
        layer, kind = name.split(".")
        return getattr(self.gradients, layer + ("_bias" if kind == "bias" else "")).sum(axis=0)
