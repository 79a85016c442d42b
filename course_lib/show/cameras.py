"""Cameras and points in space: a Plotly figure to turn, and a still picture where there is none.

JupyterLab shows the Plotly figure, offline. Elsewhere (a code host, a saved page) the picture from
two sides stands in its place, with alternative text.
"""

import html
import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course_lib.show.figures import COLORS, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTLY = "application/vnd.plotly.v1+json"
CORNERS = torch.tensor(
    [[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
)  # of a picture at depth 1
STROKES = [0, 1, 2, 0, 3, 4, 0, None, 1, 2, 3, 4, 1, None]  # a pyramid in two strokes; 0 is the eye
POINT_SIZE = 2.5
INKS = {"cameras": COLORS[0], "true cameras": COLORS[1]}


def cameras(
    viewmats: Tensor,
    points: Tensor,
    colors: Tensor,
    *,
    title: str,
    alt: str,
    true: Tensor | None = None,
    size: float = 0.15,
) -> None:
    """Display cameras as pyramids among coloured points.

    Args:
        viewmats: (V, 4, 4), world to camera.
        points: (N, 3), world units.
        colors: (N, 3), RGB in [0, 1].
        title: of the figure.
        alt: alternative text.
        true: (W, 4, 4), other cameras to compare with, drawn in another colour.
        size: of a pyramid, world units.

    Raises:
        ValueError: ``alt`` is empty.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt: got an empty text, wanted a sentence that says what is to be seen")
    groups = {} if true is None else {"true cameras": pyramids(true, size)}
    groups["cameras"] = pyramids(viewmats, size)  # on top
    still = png(_still(groups, points, colors, title))
    page = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{still}">'
    figure = _plotly(groups, points, colors, title)
    display({PLOTLY: figure, "text/html": page, "text/plain": alt}, raw=True)


def pyramids(viewmats: Tensor, size: float) -> Tensor:
    """The lines of cameras (V, 4, 4) as a path (V * 14, 3), NaN where the pen is lifted.

    >>> pyramids(torch.eye(4)[None], 1.0).shape
    torch.Size([14, 3])
    """
    c2w = torch.linalg.inv(viewmats.double())
    eyes = c2w[:, None, :3, 3]
    shape = size * CORNERS.double() * torch.tensor([0.6, 0.6, 1.0])
    rims = eyes + shape @ c2w[:, :3, :3].mT  # (V, 4, 3)
    nodes = torch.cat([eyes, rims, torch.full_like(eyes, torch.nan)], dim=1)  # (V, 6, 3)
    order = [5 if stroke is None else stroke for stroke in STROKES]
    return nodes[:, order].flatten(0, 1)


def _plotly(groups: dict[str, Tensor], points: Tensor, colors: Tensor, title: str) -> Any:
    """The figure as Plotly's JSON, numbers rounded to keep the notebook small."""
    import plotly.graph_objects as go

    def axes(path: Tensor) -> dict[str, list[float | None]]:
        rows = [[None if v != v else round(v, 3) for v in row] for row in path.double().T.tolist()]
        return dict(zip("xyz", rows, strict=True))

    shades = [f"rgb({r},{g},{b})" for r, g, b in (255 * colors).int().tolist()]
    marker = {"size": POINT_SIZE, "color": shades}
    drawn = go.Figure(go.Scatter3d(**axes(points), mode="markers", marker=marker, name="points"))
    for name, path in groups.items():
        color = INKS[name]
        line = {"color": color, "width": 3}
        drawn.add_scatter3d(**axes(path), mode="lines", line=line, name=name, connectgaps=False)
    drawn.update_layout(title=title, scene_aspectmode="data", height=480, template="none")
    return json.loads(drawn.to_json())


def _still(groups: dict[str, Tensor], points: Tensor, colors: Tensor, title: str) -> "Figure":
    """The same from above and from the side."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(1, 2, figsize=(8.0, 3.4))
    shades = colors.clamp(0, 1).tolist()
    for axis, (a, b), side in zip(
        axes, ((0, 1), (0, 2)), ("from above", "from the side"), strict=True
    ):
        axis.scatter(points[:, a], points[:, b], c=shades, s=3, linewidths=0)
        for name, path in groups.items():
            color = INKS[name]
            width = 1.2 if name == "cameras" else 3.5
            axis.plot(path[:, a], path[:, b], color=color, lw=width, label=name)
        axis.set(xlabel="xyz"[a], ylabel="xyz"[b], title=side, aspect="equal")
    axes[0].legend(fontsize=8)
    drawn.suptitle(title)
    return drawn
