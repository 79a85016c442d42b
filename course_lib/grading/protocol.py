"""How the judge and a submission's process talk: frames of JSON and raw arrays, never pickle.

A frame is two lengths, a JSON header and the bytes of the arrays that the header names. The judge
believes nothing that it reads: every length, type, shape and depth is checked before memory is
taken for it, and what does not fit is a `ProtocolError`.
"""

import json
import math
import socket
import struct
import time
from typing import Any

import numpy as np
import torch

from course_lib.checks.form import Foreign

LENGTHS = struct.Struct(">II")  # of header and body, bytes
MOST_HEADER = 2**20
MOST_BODY = 64 * 2**20
MOST_VALUES, DEEPEST = 10_000, 12
LONGEST_TEXT = 200_000  # characters: a cell as long as `submitted` lets it be

DTYPES = {
    str(kind).removeprefix("torch."): kind
    for kind in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
        torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128,
    )
}  # fmt: skip
ARRAYS = frozenset(
    ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)


class ProtocolError(Exception):
    """What came over the wire is no frame, or is larger than a frame may be."""


class Channel:
    """One end of a socket: ``send`` and ``receive`` whole frames, within a time."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def send(self, message: Any, seconds: float = 60.0) -> None:
        """Send any value that `pack` takes.

        Raises:
            ProtocolError: larger than a frame, or the other end is gone.
        """
        header, body = pack(message)
        self.end.settimeout(seconds)
        try:
            self.end.sendall(LENGTHS.pack(len(header), len(body)) + header)
            self.end.sendall(body)
        except (OSError, ValueError) as error:
            raise ProtocolError(f"the other end does not read ({error})") from None

    def receive(self, seconds: float | None = None) -> Any:
        """Return the next value.

        Raises:
            TimeoutError: it was not there in time, whole.
            ProtocolError: the other end is gone, or sent what is no frame.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        lengths = LENGTHS.unpack(self._read(LENGTHS.size, until))
        if lengths[0] > MOST_HEADER or lengths[1] > MOST_BODY:
            raise ProtocolError(f"a frame of {sum(lengths)} bytes is too large")
        header, body = (self._read(length, until) for length in lengths)
        return unpack(bytes(header), body)

    def _read(self, length: int, until: float) -> bytearray:
        data = bytearray()
        while len(data) < length:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.end.settimeout(None if math.isinf(left) else left)
            try:
                piece = self.end.recv(min(length - len(data), 2**20))
            except TimeoutError:
                raise
            except OSError as error:
                raise ProtocolError(f"the other end is gone ({error})") from None
            if not piece:
                raise ProtocolError("the other end is gone")
            data += piece
        return data

    def close(self) -> None:
        self.end.close()


def pack(value: Any) -> tuple[bytes, bytes]:
    """Return header and body of a frame.

    >>> header, body = pack({"x": (1, torch.zeros(2))})
    >>> unpack(header, bytearray(body))
    {'x': (1, tensor([0., 0.]))}
    """
    parts: list[bytes] = []
    tree = _tree(value, parts, 0)
    header, body = json.dumps(tree, ensure_ascii=False).encode(), b"".join(parts)
    if len(header) > MOST_HEADER or len(body) > MOST_BODY:
        raise ProtocolError(f"a value of {len(header) + len(body)} bytes is too large")
    return header, body


def _tree(value: Any, parts: list[bytes], depth: int) -> list[Any]:
    if depth > DEEPEST:
        return ["?", "a value nested too deeply"]
    if value is None:
        return ["n"]
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, bool):
        return ["b", value]
    if isinstance(value, int):
        number = int(value)
        return ["i", number] if abs(number) < 2**63 else ["?", "an integer of more than 64 bits"]
    if isinstance(value, float):
        return ["f", float(value).hex()]
    if isinstance(value, str):
        return ["s", str(value)[:LONGEST_TEXT].encode("utf-8", "replace").decode()]
    if isinstance(value, (tuple, list)):  # named ones too, such as those of torch.max
        letter = "t" if isinstance(value, tuple) else "l"
        return [letter, [_tree(each, parts, depth + 1) for each in value]]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return ["d", [[str(k)[:200], _tree(v, parts, depth + 1)] for k, v in value.items()]]
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():  # a subclass is taken for what it holds
            return _tensor_tree(value.as_subclass(torch.Tensor), parts)
    if isinstance(value, torch.Generator):
        parts.append(value.get_state().numpy().tobytes())
        return ["G", len(parts[-1])]
    if isinstance(value, np.ndarray) and value.dtype.name in ARRAYS:
        plain = np.ascontiguousarray(np.asarray(value))
        parts.append(plain.tobytes())
        return ["A", plain.dtype.name, list(value.shape)]
    kind = type(value)
    return ["?", f"{kind.__module__.partition('.')[0]}.{kind.__name__}"[:100]]


def _tensor_tree(value: torch.Tensor, parts: list[bytes]) -> list[Any]:
    name = str(value.dtype).removeprefix("torch.")
    if value.layout is not torch.strided or value.is_quantized or name not in DTYPES:
        return ["?", f"a tensor of layout {value.layout} and dtype {value.dtype}"]
    if value.device.type != "cpu":
        return ["?", f"a tensor on {value.device}"]
    if value.numel() * value.element_size() > MOST_BODY:
        raise ProtocolError(f"a tensor of shape {tuple(value.shape)} is too large")
    strides = list(value.stride()) if 0 not in value.stride() else None
    plain = value.detach().resolve_conj().resolve_neg()
    dense = torch.empty(value.shape, dtype=value.dtype).copy_(plain)
    parts.append(dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b"")
    return ["T", name, list(value.shape), strides]


def unpack(header: bytes, body: bytearray) -> Any:
    """Return the value in a frame; raise `ProtocolError` if there is none."""
    try:
        tree = json.loads(header)
        value = _Reader(body).value(tree, 0)
    except ProtocolError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ProtocolError(f"no frame: {type(error).__name__}") from None
    return value


class _Reader:
    """Rebuilds a value; takes the body's bytes one array after the other."""

    def __init__(self, body: bytearray) -> None:
        self.body, self.place, self.values = body, 0, 0

    def value(self, tree: Any, depth: int) -> Any:
        self.values += 1
        if depth > DEEPEST or self.values > MOST_VALUES or type(tree) is not list or not tree:
            raise ProtocolError("a value is nested too deeply, too large, or none")
        kind, *rest = tree
        if kind == "n":
            return None
        if kind in ("b", "i", "s", "?"):
            wanted = {"b": bool, "i": int}.get(kind, str)
            if type(rest[0]) is not wanted or (kind == "i" and abs(rest[0]) >= 2**63):
                raise ProtocolError("a value is not of the type it says")
            return Foreign(printable(rest[0], 100)) if kind == "?" else rest[0]
        if kind == "f":
            return float.fromhex(rest[0])
        if kind in ("t", "l"):
            items = [self.value(item, depth + 1) for item in rest[0]]
            return tuple(items) if kind == "t" else items
        if kind == "d":
            return {_text(name): self.value(item, depth + 1) for name, item in rest[0]}
        if kind == "T":
            return self.tensor(*rest)
        if kind == "A":
            return self.array(*rest)
        if kind == "G":
            state = np.frombuffer(self.take(rest[0]), np.uint8).copy()
            return _generator(torch.from_numpy(state))
        raise ProtocolError("a value of no known kind")

    def take(self, size: int) -> memoryview:
        if type(size) is not int or not 0 <= size <= len(self.body) - self.place:
            raise ProtocolError("an array is longer than its bytes")
        self.place += size
        return memoryview(self.body)[self.place - size : self.place]

    def tensor(self, name: str, shape: list[int], strides: list[int] | None) -> torch.Tensor:
        dtype = DTYPES[name]
        raw = self.take(_count(shape) * dtype.itemsize)
        if not len(raw):
            return torch.empty(shape, dtype=dtype)
        if dtype is torch.bool:  # any other byte would be neither True nor False
            flat = torch.frombuffer(bytearray(raw), dtype=torch.uint8) != 0
        else:
            flat = torch.frombuffer(bytearray(raw), dtype=dtype)
        dense = flat.reshape(shape)
        if strides is None or strides == list(dense.stride()):
            return dense
        return _with_strides(dense, strides)

    def array(self, name: str, shape: list[int]) -> np.ndarray:
        if name not in ARRAYS:
            raise ProtocolError("an array of no known dtype")
        dtype = np.dtype(name)
        raw = self.take(_count(shape) * dtype.itemsize)
        flat = np.frombuffer(bytes(raw), np.uint8) != 0 if name == "bool" else None
        return (np.frombuffer(bytes(raw), dtype) if flat is None else flat).reshape(shape).copy()


def _with_strides(dense: torch.Tensor, strides: list[int]) -> torch.Tensor:
    """The same values laid out as the sender had them, if that takes no more memory."""
    if len(strides) != dense.ndim or any(type(s) is not int or s < 1 for s in strides):
        raise ProtocolError("strides that no tensor has")
    reach = 1 + sum((n - 1) * s for n, s in zip(dense.shape, strides, strict=True))
    if reach > 4 * dense.numel() + 64:
        return dense  # a slice of something large: its layout is not worth the memory
    laid = torch.empty_strided(dense.shape, strides, dtype=dense.dtype)
    return laid.copy_(dense)


def _count(shape: Any) -> int:
    if type(shape) is not list or len(shape) > 16:
        raise ProtocolError("a shape that no array has")
    if any(type(n) is not int or not 0 <= n <= MOST_BODY for n in shape):
        raise ProtocolError("a shape that no array has")
    count = math.prod(shape)
    if count > MOST_BODY:
        raise ProtocolError("an array that is too large")
    return count


def _generator(state: torch.Tensor) -> torch.Generator:
    generator = torch.Generator()
    try:
        return generator.set_state(state)
    except RuntimeError:
        raise ProtocolError("a generator of no known state") from None


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ProtocolError("a name that is no text")
    return value


def printable(text: str, longest: int = 600) -> str:
    """One line without control characters or what reverses the direction of writing.

    >>> printable("a" + chr(10) + chr(27) + "[2J b")
    'a [2J b'
    """
    shown = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * longest])
    shown = " ".join(shown.encode("utf-8", "replace").decode().split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
