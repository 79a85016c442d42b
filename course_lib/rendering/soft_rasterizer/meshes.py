"""A sphere to begin with, and a measure of how rough a mesh has become."""

import itertools

import torch
from torch import Tensor
from torch.nn.functional import embedding


def icosphere(subdivisions: int = 2) -> tuple[Tensor, Tensor]:
    """Return a sphere of radius 1 made of nearly equal triangles.

    An icosahedron; then, ``subdivisions`` times, each triangle is cut into four at the middles of
    its edges, which are pushed out to the sphere.

    Args:
        subdivisions: 0 to 6; the sphere has 20 · 4^subdivisions faces.

    Returns:
        Vertices (N, 3) float32 and faces (F, 3) int64, counter-clockwise seen from outside.

    Raises:
        ValueError: subdivisions outside 0 to 6.

    >>> vertices, faces = icosphere(3)
    >>> len(vertices), len(faces)
    (642, 1280)
    """
    if subdivisions not in range(7):
        raise ValueError(f"subdivisions: got {subdivisions!r}, wanted 0 to 6")
    vertices, faces = _icosahedron()
    for _ in range(subdivisions):
        edges, which = _edges(faces)
        middles = vertices[edges].mean(dim=1)
        ab, bc, ca = (which + len(vertices)).unbind(dim=1)
        a, b, c = faces.unbind(dim=1)
        corners = (a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)
        faces = torch.cat([torch.stack(three, dim=1) for three in corners])
        vertices = torch.cat([vertices, middles / middles.norm(dim=1, keepdim=True)])
    return vertices.float(), faces


def laplacian_loss(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return how far vertices lie, on average, from the middle of their neighbours.

    L = mean over i of |v_i - mean of v_j over the neighbours j of i|²: small for a smooth mesh
    with even triangles, large where a vertex sticks out. A vertex without neighbours counts 0.

    Args:
        vertices: (N, 3), world units.
        faces: (F, 3) int64.

    Returns:
        A scalar, world units squared.

    Source: Taubin (1995), https://doi.org/10.1145/218380.218473, for the operator; as a loss for
    meshes from pictures: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, section 4.

    >>> flat = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, -1.0, 0.0]])
    >>> faces = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 1]])
    >>> peak = flat.clone()
    >>> peak[0, 2] = 1.0
    >>> bool(laplacian_loss(peak, faces) > laplacian_loss(flat, faces))
    True
    """
    edges, _ = _edges(faces)
    both_ways = torch.cat([edges, edges.flip(1)])  # (2 E, 2): vertex, neighbour
    here, there = both_ways.unbind(dim=1)
    sums = torch.zeros_like(vertices).index_add(0, here, embedding(there, vertices))
    count = torch.zeros_like(vertices[:, :1]).index_add(
        0, here, torch.ones_like(vertices[there, :1])
    )
    off = torch.where(count > 0, vertices - sums / count.clamp_min(1.0), 0.0)
    return off.square().sum(dim=1).mean()


def _edges(faces: Tensor) -> tuple[Tensor, Tensor]:
    """Each edge once, (E, 2), and for each face which those from a to b, b to c, c to a are."""
    sides = torch.stack([faces, faces.roll(-1, dims=1)], dim=2)  # (F, 3, 2)
    edges, which = sides.reshape(-1, 2).sort(dim=1).values.unique(dim=0, return_inverse=True)
    return edges, which.view(-1, 3)


def _icosahedron() -> tuple[Tensor, Tensor]:
    """Twelve vertices on the sphere, double precision: the cyclic shifts of (0, ±1, ±golden)."""
    golden = (1.0 + 5.0**0.5) / 2.0
    corner = [(0.0, one, phi) for one in (-1.0, 1.0) for phi in (-golden, golden)]
    vertices = torch.tensor([(v[k:] + v[:k]) for k in range(3) for v in corner]).double()
    triples = torch.tensor(list(itertools.combinations(range(12), 3)))
    lengths = (vertices[triples] - vertices[triples.roll(1, dims=1)]).norm(dim=2)
    faces = triples[(lengths < 2.1).all(dim=1)]  # an edge has length 2, the next distance is 3.2
    inwards = torch.linalg.det(vertices[faces]) < 0
    faces[inwards] = faces[inwards].flip(1)
    return vertices / vertices.norm(dim=1, keepdim=True), faces
