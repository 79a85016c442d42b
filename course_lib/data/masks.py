"""Masks for inpainting: bool (B, 1, H, W), True where the pixel is missing."""

import math

import torch
from torch import Tensor

from .arguments import height_width, is_generator, one_of, real_number, whole_number
from .brush import brush_arrival, draw_scratch

SIDES = ("left", "right", "top", "bottom")


def centre_mask(height: int, width: int, fraction: float = 0.5) -> Tensor:
    """Return one rectangular hole in the middle of the picture.

    Args:
        height, width: size of the picture in pixels.
        fraction: side of the hole as a share of the picture's side; 1/2 hides a quarter of
            the area.

    Returns:
        `(1, 1, H, W)` bool, True = hole.

    Raises:
        ValueError: an argument outside its range.

    >>> centre_mask(4, 6, 0.5)[0, 0].int()
    tensor([[0, 0, 0, 0, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0]], dtype=torch.int32)
    """
    height, width = height_width((height, width), "height, width")
    fraction = real_number("fraction", fraction, 0, 1)
    rows, columns = round(height * fraction), round(width * fraction)
    top, left = (height - rows) // 2, (width - columns) // 2
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    mask[..., top : top + rows, left : left + columns] = True
    return mask


def half_mask(height: int, width: int, side: str = "right", fraction: float = 0.5) -> Tensor:
    """Return a hole along one whole side of the picture: what picture expansion has to fill.

    Args:
        height, width: size of the picture in pixels.
        side: "left", "right", "top" or "bottom".
        fraction: share of the picture that is missing.

    Returns:
        `(1, 1, H, W)` bool, True = hole.

    Raises:
        ValueError: an argument outside its range.

    >>> half_mask(2, 4, "left", fraction=0.25)[0, 0].int()
    tensor([[1, 0, 0, 0],
            [1, 0, 0, 0]], dtype=torch.int32)
    """
    height, width = height_width((height, width), "height, width")
    side = one_of("side", side, SIDES)
    fraction = real_number("fraction", fraction, 0, 1)
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    rows, columns = round(height * fraction), round(width * fraction)
    if side in ("left", "right"):
        mask[..., :columns] = True
    else:
        mask[..., :rows, :] = True
    return mask.flip((2, 3)) if side in ("right", "bottom") else mask


def block_mask(
    count: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    area: tuple[float, float] = (0.1, 0.25),
) -> Tensor:
    """Draw one rectangular hole for each picture, of random size and place.

    The sizes are drawn evenly from all those whose area lies in the range and whose shape is
    at most twice as wide or high as the picture's own.

    Args:
        count: number of masks B.
        height, width: size of the picture in pixels.
        generator: source of randomness.
        area: smallest and largest share of the picture that is hidden; kept exactly.

    Returns:
        `(B, 1, H, W)` bool, True = hole.

    Raises:
        ValueError: an argument outside its range, or no rectangle of whole pixels fits `area`.

    >>> mask = block_mask(8, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> share = mask.float().mean(dim=(1, 2, 3))
    >>> bool(((share >= 0.1) & (share <= 0.25)).all())
    True
    """
    count = whole_number("count", count, 1, 1_000_000)
    height, width = height_width((height, width), "height, width")
    least, most = _pixel_range(area, height * width)
    rows = torch.arange(1, height + 1)[:, None]
    columns = torch.arange(1, width + 1)
    shape = (rows * width) / (columns * height)
    fits = (rows * columns >= least) & (rows * columns <= most) & (shape >= 0.5) & (shape <= 2)
    sizes = fits.nonzero() + 1  # (number of sizes, 2)
    if len(sizes) == 0:
        raise ValueError(f"area {area!r} fits no rectangle of whole pixels in {height} x {width}")
    is_generator(generator)
    size = sizes[torch.randint(len(sizes), (count,), generator=generator)]  # (B, 2)
    room = torch.tensor([height, width]) - size + 1
    start = (torch.rand(count, 2, generator=generator) * room).long().minimum(room - 1)
    stop = start + size
    y, x = torch.arange(height), torch.arange(width)
    inside_rows = (y >= start[:, :1]) & (y < stop[:, :1])  # (B, H)
    inside_columns = (x >= start[:, 1:]) & (x < stop[:, 1:])  # (B, W)
    return inside_rows[:, None, :, None] & inside_columns[:, None, None, :]


def stroke_mask(
    count: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    area: tuple[float, float] = (0.1, 0.3),
    brush: tuple[float, float] = (0.06, 0.12),
) -> Tensor:
    """Draw free-form brush strokes for each picture.

    A round brush walks a random zigzag of straight pieces and now and then starts anew. Each
    pixel has an arrival time, when the brush first touches it; the mask is the first `n`
    pixels, with `n` drawn evenly from the wanted range, so the area is met to the pixel.

    Args:
        count: number of masks B.
        height, width: size of the picture in pixels.
        generator: source of randomness.
        area: smallest and largest share of the picture that is hidden; kept exactly.
        brush: smallest and largest width of the brush, as a share of the shorter side.

    Returns:
        `(B, 1, H, W)` bool, True = hole.

    Raises:
        ValueError: an argument outside its range.

    Source: Yu, Lin, Yang, Shen, Lu, Huang, "Free-Form Image Inpainting with Gated
    Convolution", ICCV 2019, algorithm 1, https://arxiv.org/abs/1806.03589

    >>> mask = stroke_mask(4, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> share = mask.float().mean(dim=(1, 2, 3))
    >>> bool(((share >= 0.1) & (share <= 0.3)).all())
    True
    """
    count = whole_number("count", count, 1, 1_000_000)
    height, width = height_width((height, width), "height, width")
    least, most = _pixel_range(area, height * width)
    thin, thick = _ordered_pair("brush", brush, 0.001, 1)
    is_generator(generator)
    wanted = torch.randint(least, most + 1, (count,), generator=generator)
    widths = thin + (thick - thin) * torch.rand(count, generator=generator)
    mask = torch.zeros(count, height * width, dtype=torch.bool)
    for row, pixels, brush_width in zip(mask, wanted.tolist(), widths.tolist(), strict=True):
        radius = max(0.75, brush_width * min(height, width) / 2)  # not to slip between centres
        arrival = brush_arrival(height, width, radius, pixels, generator)
        row[arrival.flatten().argsort(stable=True)[:pixels]] = True
    return mask.view(count, 1, height, width)


def scratch_mask(
    count: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    scratches: int = 6,
    thickness: float = 1.5,
) -> Tensor:
    """Draw thin, long, slightly bent lines across each picture, as on an old photograph.

    Args:
        count: number of masks B.
        height, width: size of the picture in pixels.
        generator: source of randomness.
        scratches: number of lines in each mask.
        thickness: width of a line in pixels, at least 1.

    Returns:
        `(B, 1, H, W)` bool, True = hole.

    Raises:
        ValueError: an argument outside its range.

    >>> mask = scratch_mask(2, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> mask.shape, bool((mask.float().mean(dim=(1, 2, 3)) < 0.3).all())
    (torch.Size([2, 1, 64, 64]), True)
    """
    count = whole_number("count", count, 1, 1_000_000)
    height, width = height_width((height, width), "height, width")
    scratches = whole_number("scratches", scratches, 1, 1000)
    thickness = real_number("thickness", thickness, 1, max(height, width))
    is_generator(generator)
    mask = torch.zeros(count, height, width, dtype=torch.bool)
    for one in mask:
        for _ in range(scratches):
            draw_scratch(one, thickness, generator)
    return mask[:, None]


def text_mask(text: str, height: int, width: int, *, font_size: float | None = None) -> Tensor:
    """Return a line or lines of text in the middle of the picture, as left by a caption.

    Args:
        text: what to write; "\\n" starts a new line.
        height, width: size of the picture in pixels.
        font_size: height of the letters in pixels; None: as large as fits nine tenths of the
            picture. Text that is too large is cut at the border.

    Returns:
        `(1, 1, H, W)` bool, True = hole (a pixel that is at least half covered by a letter).

    Raises:
        ValueError: an argument outside its range, or nothing of the text can be seen.

    >>> mask = text_mask("sample", 32, 96)
    >>> mask.shape, bool(mask.any())
    (torch.Size([1, 1, 32, 96]), True)
    """
    from PIL import Image, ImageDraw

    height, width = height_width((height, width), "height, width")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"text must be a string with something to see, got {text!r}")
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    if font_size is None:
        font_size = _fitting_font_size(draw, text, height, width)
    font = _font(real_number("font_size", font_size, 1, 4096))
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=font, align="center")
    corner = ((width - right - left) / 2, (height - bottom - top) / 2)
    draw.multiline_text(corner, text, fill=255, font=font, align="center")
    pixels = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
    mask = (pixels >= 128).view(1, 1, height, width)
    if not mask.any():
        raise ValueError(f"text {text!r} leaves no visible pixel in {height} x {width}")
    return mask


def _font(size: float) -> object:
    """Pillow's built-in scalable font."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _fitting_font_size(draw: object, text: str, height: int, width: int) -> float:
    """The font size at which the text fills nine tenths of the width or of the height."""
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=_font(100))
    share = min(0.9 * width / max(right - left, 1), 0.9 * height / max(bottom - top, 1))
    return min(max(100 * share, 1.0), 4096.0)


def _ordered_pair(name: str, pair: object, low: float, high: float) -> tuple[float, float]:
    """Check a (smallest, largest) pair within [low, high]."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair (smallest, largest), got {pair!r}")
    first, second = (real_number(name, value, low, high) for value in pair)
    if first > second:
        raise ValueError(f"{name} must be a pair (smallest, largest), got {pair!r}")
    return first, second


def _pixel_range(area: object, pixels: int) -> tuple[int, int]:
    """Turn a range of shares into the range of whole pixel counts inside it."""
    low, high = _ordered_pair("area", area, 0, 1)
    least, most = max(1, math.ceil(low * pixels - 1e-9)), math.floor(high * pixels + 1e-9)
    if least > most:
        raise ValueError(f"area {area!r} holds no whole number of {pixels} pixels")
    return least, most
