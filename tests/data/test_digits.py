import gzip
import struct
from urllib.error import URLError

import numpy as np
import pytest
import torch

from course_lib.data.digits import digits
from course_lib.data.online import OfflineError


def test_sklearn_digits():
    images, labels = digits()
    assert images.shape == (1437, 1, 8, 8) and labels.shape == (1437,)
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    assert images.min() == 0 and images.max() == 1
    assert labels.unique().tolist() == list(range(10))


def test_the_split_is_fixed_and_disjoint():
    train, test = digits(split="train")[0], digits(split="test")[0]
    assert len(train) + len(test) == 1797
    assert torch.equal(test, digits(split="test")[0])
    every = torch.cat([train, test]).flatten(1)
    assert len(every.unique(dim=0)) == len(every)


def test_every_digit_is_in_the_test_set():
    assert digits(split="test")[1].bincount().min() > 30


def test_size():
    assert digits(split="test", size=(10, 12))[0].shape == (360, 1, 10, 12)


def test_two_calls_share_no_memory():
    first = digits()[0]
    first.zero_()
    assert digits()[0].max() == 1


@pytest.mark.parametrize("argument", ["source", "split"])
def test_bad_arguments(argument):
    with pytest.raises(ValueError, match=f"{argument} must be one of"):
        digits(**{argument: "svhn"})


@pytest.fixture
def mnist_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "MNIST" / "raw"


def write_mnist(folder):
    folder.mkdir(parents=True)
    pixels = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 256
    for part, labels in (("train", [7, 0, 9]), ("t10k", [1, 2, 3])):
        images = struct.pack(">IIII", 0x803, 3, 28, 28) + pixels.astype(np.uint8).tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, 3) + bytes(labels)
        )
    return torch.from_numpy(pixels).float()[:, None] / 255


def test_mnist_is_read_from_the_cache_folder(mnist_folder):
    pixels = write_mnist(mnist_folder)
    images, labels = digits("mnist")
    torch.testing.assert_close(images, pixels)
    assert labels.tolist() == [7, 0, 9] and labels.dtype == torch.int64
    images, labels = digits("mnist", "test", size=14)
    assert images.shape == (3, 1, 14, 14) and labels.tolist() == [1, 2, 3]


def test_mnist_is_downloaded_when_it_is_not_there(mnist_folder, monkeypatch, tmp_path):
    import torchvision.datasets.mnist as module

    asked = []
    write_mnist(tmp_path / "server")

    def serve(url, download_root, filename, md5):
        asked.append(filename)
        name = filename.removesuffix(".gz")
        packed = gzip.compress((tmp_path / "server" / name).read_bytes())
        (mnist_folder / name).write_bytes(gzip.decompress(packed))

    monkeypatch.setattr(module, "download_and_extract_archive", serve)
    assert digits("mnist")[1].tolist() == [7, 0, 9]
    assert len(asked) == 4
    digits("mnist", "test")
    assert len(asked) == 4  # the second call finds them in the cache


def test_mnist_offline(mnist_folder, monkeypatch):
    import torchvision.datasets.mnist as module

    def fail(*arguments, **options):
        raise URLError("no network")

    monkeypatch.setattr(module, "download_and_extract_archive", fail)
    with pytest.raises(OfflineError) as caught:
        digits("mnist")
    message = str(caught.value)
    for part in ("MNIST", str(mnist_folder), "idx3", 'source="sklearn"', "COURSE_DATA"):
        assert part in message


def test_damaged_mnist(mnist_folder):
    write_mnist(mnist_folder)
    path = mnist_folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"MNIST .* cannot be read"):
        digits("mnist")
