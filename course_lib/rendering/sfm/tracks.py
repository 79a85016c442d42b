"""Matches between pairs of pictures, chained: which corners of all pictures are the same point."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def build_tracks(
    matches: Mapping[tuple[int, int], Tensor], counts: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Join matched corners into tracks.

    Corners are nodes, matches edges; a track is a connected component. One that has two corners in
    the same picture contradicts itself and is dropped, as are lonely corners.

    Args:
        matches: pair of pictures (i, j) to matches (P, 2) int64 between their corners.
        counts: number of corners in each picture.

    Returns:
        view (O,), corner (O,) and track (O,), int64: corner ``corner`` of picture ``view`` belongs
        to track ``track``, counted from 0; sorted by track, then by view.

    >>> matches = {(0, 1): torch.tensor([[0, 1]]), (1, 2): torch.tensor([[1, 0], [0, 1]])}
    >>> view, corner, track = build_tracks(matches, [1, 2, 2])
    >>> view.tolist(), corner.tolist(), track.tolist()
    ([0, 1, 2, 1, 2], [0, 1, 0, 0, 1], [0, 0, 0, 1, 1])
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    starts = torch.tensor([0, *counts]).cumsum(0)
    total = int(starts[-1])
    edges = [
        torch.stack([starts[i] + pair[:, 0], starts[j] + pair[:, 1]])
        for (i, j), pair in matches.items()
    ]
    ends = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *edges], dim=1).numpy()
    graph = coo_matrix((torch.ones(ends.shape[1]).numpy(), ends), shape=(total, total))
    label = torch.from_numpy(connected_components(graph, directed=False)[1]).long()
    view = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts).long())
    corner = torch.arange(total) - starts[view]
    kept = _consistent(label, view, len(counts))[label]
    order = kept.nonzero()[:, 0]
    order = order[label[order].sort(stable=True).indices]
    _, track = label[order].unique(return_inverse=True)
    return view[order], corner[order], track


def _consistent(label: Tensor, view: Tensor, views: int) -> Tensor:
    """Which components have two corners or more, and none twice in a view, (components,) bool."""
    count = int(label.max()) + 1 if len(label) else 0
    size = torch.bincount(label, minlength=count)
    different = torch.unique(label * views + view) // max(views, 1)
    return (size >= 2) & (torch.bincount(different, minlength=count) == size)
