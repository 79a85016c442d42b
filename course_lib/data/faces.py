"""Faces with known attributes: drawn here, or photographs (CelebA) for those who are online."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .arguments import is_generator, one_of, whole_number
from .face_drawing import HAIR, HAIR_SHAPES, draw_chunk
from .online import cache_folder, load_or_download
from .resize import crop_and_resize

SOURCES = ("procedural", "celeba")
HAIR_COLORS = tuple(HAIR)
HAIR_STYLES = tuple(HAIR_SHAPES)
WORDS = {"hair_style": HAIR_STYLES, "hair_color": HAIR_COLORS}
RANGES = {
    "smile": (-1.0, 1.0),
    "yaw": (-1.0, 1.0),
    "eye_openness": (0.0, 1.0),
    "face_width": (-1.0, 1.0),
    "skin_tone": (0.0, 1.0),
    "background": (0.0, 1.0),
    "shirt": (0.0, 1.0),
}
ATTRIBUTES = ("glasses", *WORDS, *RANGES)
CHUNK_PIXELS = 131_072  # small enough for the processor's cache, large enough to pay


class Faces(NamedTuple):
    """Pictures of faces and what is true of each."""

    images: Tensor  # (B, 3, H, W) float32 in [0, 1]
    attributes: dict[str, Tensor]  # each (B,)


def faces(
    count: int,
    size: int = 32,
    *,
    generator: torch.Generator,
    source: str = "procedural",
    **fixed: Any,
) -> Faces:
    """Draw faces at random, together with their attributes.

    Args:
        count: number of faces B.
        size: side of the pictures in pixels, from 16 to 512.
        generator: source of randomness. The fixed attributes take nothing from it: two calls
            with the same seed give pairs of faces that differ in what was fixed alone.
        source: "procedural", or "celeba": photographs, downloaded once into `cache_folder()`,
            with the 40 attributes of that data set as bool under their names in lower case
            ("eyeglasses" is called "glasses" here too).
        **fixed: attributes to hold: a value for all faces or one for each; see
            `sample_attributes`. With "celeba", True or False, which selects the photographs.

    Returns:
        `Faces(images, attributes)`: `(B, 3, size, size)` float32 in [0, 1] and a dictionary of
        `(B,)` tensors.

    Raises:
        ValueError: an argument outside its range, or fewer photographs than `count`.
        OfflineError: CelebA is neither in the cache folder nor can it be downloaded.

    Source: Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015,
    https://arxiv.org/abs/1411.7766 (CelebA; for research that is not commercial)

    >>> images, attributes = faces(4, generator=torch.Generator().manual_seed(0), glasses=True)
    >>> images.shape, attributes["glasses"].tolist()
    (torch.Size([4, 3, 32, 32]), [True, True, True, True])
    """
    count, size = _count(count), _size(size)
    is_generator(generator)
    if one_of("source", source, SOURCES) == "celeba":
        return _celeba(count, size, generator, fixed)
    attributes = sample_attributes(count, generator=generator, **fixed)
    return Faces(draw_faces(attributes, size), attributes)


def sample_attributes(count: int, *, generator: torch.Generator, **fixed: Any) -> dict[str, Tensor]:
    """Draw attributes of faces, each evenly over its range and independently of the others.

    | name | type | meaning |
    |---|---|---|
    | glasses | bool | wears glasses |
    | hair_style | int64 | index into `HAIR_STYLES`: none, short, long, curly |
    | hair_color | int64 | index into `HAIR_COLORS`: black, brown, red, blond, grey |
    | smile | float in [-1, 1] | -1 frown, 0 straight mouth, 1 laugh |
    | yaw | float in [-1, 1] | turn of the head: 1 is 28 degrees to the picture's right |
    | eye_openness | float in [0, 1] | 0 closed, 1 wide open |
    | face_width | float in [-1, 1] | from narrow to wide |
    | skin_tone | float in [0, 1] | from light to dark |
    | background, shirt | float in [0, 1] | hue of that colour, in turns |

    Args:
        count: number of faces B.
        generator: source of randomness; it advances alike whatever is fixed.
        **fixed: attributes to hold: one value (for hair also a word, `hair_style="long"`) or
            a tensor `(B,)`.

    Returns:
        A dictionary of `(B,)` tensors, one for each attribute.

    Raises:
        ValueError: an unknown attribute, or a value outside its range.

    >>> attributes = sample_attributes(3, generator=torch.Generator(), hair_style="long")
    >>> attributes["hair_style"]
    tensor([2, 2, 2])
    """
    count = _count(count)
    is_generator(generator)
    attributes = {"glasses": torch.rand(count, generator=generator) < 0.5}
    for name, words in WORDS.items():
        attributes[name] = torch.randint(len(words), (count,), generator=generator)
    for name, (low, high) in RANGES.items():
        attributes[name] = low + (high - low) * torch.rand(count, generator=generator)
    for name, value in fixed.items():
        one_of("attribute", name, ATTRIBUTES)
        attributes[name] = _checked(name, value, count)
    return attributes


def draw_faces(attributes: dict[str, Tensor], size: int = 32) -> Tensor:
    """Draw the faces that have these attributes; the same attributes give the same pictures.

    The pictures are differentiable with respect to the attributes of type float.

    Args:
        attributes: all of them, as `sample_attributes` returns them, each `(B,)`.
        size: side of the pictures in pixels, from 16 to 512.

    Returns:
        `(B, 3, size, size)` float32 in [0, 1].

    Raises:
        ValueError: an attribute is missing, unknown, outside its range or of the wrong shape.

    >>> attributes = sample_attributes(2, generator=torch.Generator(), smile=-1.0)
    >>> happier = draw_faces(attributes | {"smile": torch.ones(2)}, size=64)
    >>> happier.shape
    torch.Size([2, 3, 64, 64])
    """
    size = _size(size)
    if not isinstance(attributes, dict) or set(attributes) != set(ATTRIBUTES):
        got = sorted(attributes) if isinstance(attributes, dict) else attributes
        raise ValueError(f"attributes must hold {', '.join(sorted(ATTRIBUTES))}; got {got!r}")
    count = _count(len(torch.as_tensor(attributes["smile"]).reshape(-1)))
    attributes = {name: _checked(name, attributes[name], count) for name in ATTRIBUTES}
    step = max(1, CHUNK_PIXELS // size**2)
    images = torch.empty(count, 3, size, size)
    for start in range(0, count, step):
        part = {name: value[start : start + step] for name, value in attributes.items()}
        images[start : start + step] = draw_chunk(part, size)
    return images


def _count(count: Any) -> int:
    return whole_number("count", count, 1, 10_000_000)


def _size(size: Any) -> int:
    return whole_number("size", size, 16, 512)


def _checked(name: str, value: Any, count: int) -> Tensor:
    """Check the values of one attribute and return them as (count,) of its type."""
    if isinstance(value, str):
        words = WORDS.get(name, ())
        value = words.index(one_of(name, value, words))
    try:
        given = torch.as_tensor(value, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be a value or a tensor ({count},), got {value!r}") from error
    if given.shape not in {(), (1,), (count,)}:
        shape = tuple(given.shape)
        raise ValueError(f"{name} must be one value or have shape ({count},), got shape {shape}")
    kinds, low, high, dtype = _kind(name)
    if given.dtype not in kinds or not bool(((given >= low) & (given <= high)).all()):
        wanted = "True or False" if name == "glasses" else f"{dtype} from {low:g} to {high:g}"
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return given.to(dtype).expand(count).clone()


def _kind(name: str) -> tuple[tuple[torch.dtype, ...], float, float, torch.dtype]:
    """What an attribute may come as, its lowest and highest value, and what it is kept as."""
    integers = (torch.int64, torch.int32)
    if name == "glasses":
        return (torch.bool,), 0, 1, torch.bool
    if name in WORDS:
        return integers, 0, len(WORDS[name]) - 1, torch.int64
    return (torch.float32, torch.float64, *integers), *RANGES[name], torch.float32


def _celeba(count: int, size: int, generator: torch.Generator, fixed: dict[str, Any]) -> Faces:
    """Choose photographs of CelebA's training set that have the fixed attributes."""
    from torchvision.datasets import CelebA
    from torchvision.transforms.functional import to_tensor

    data = load_or_download(
        lambda download: CelebA(cache_folder(), split="train", download=download),
        wanted="CelebA",
        folder=cache_folder() / "celeba",
        files="the folder img_align_celeba and CelebA's five lists (list_attr_celeba.txt, …)",
        instead='faces(source="procedural")',
    )
    names = [name.lower().replace("eyeglasses", "glasses") for name in data.attr_names if name]
    columns = dict(zip(names, data.attr.bool().T, strict=True))
    fits = torch.ones(len(data), dtype=torch.bool)
    for name, value in fixed.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False with CelebA, got {value!r}")
        fits &= columns[one_of("attribute", name, names)] == value
    found = fits.nonzero().flatten()
    if len(found) < count:
        raise ValueError(f"count must be at most {len(found)} with these attributes, got {count}")
    chosen = found[torch.randperm(len(found), generator=generator)[:count]]
    pictures = [crop_and_resize(to_tensor(data[int(i)][0])[None], size) for i in chosen]
    return Faces(torch.cat(pictures), {name: column[chosen] for name, column in columns.items()})
