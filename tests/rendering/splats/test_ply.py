import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement

from course_lib.rendering.splats import Gaussians, random_gaussians, read_ply, write_ply


def made(count=7, sh_degree=3):
    generator = torch.Generator().manual_seed(0)
    gaussians = random_gaussians(count, 1.0, sh_degree=sh_degree, generator=generator)
    for tensor in gaussians.parameters().values():
        tensor += torch.randn(tensor.shape, generator=generator) / 3
    return gaussians


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"byte_order": "big"}, {"text": True}], ids=["little", "big", "text"]
)
def test_what_was_written_is_read_bit_for_bit(tmp_path, sh_degree, options):
    gaussians = made(sh_degree=sh_degree)
    write_ply(tmp_path / "scene.ply", gaussians, **options)
    again = read_ply(tmp_path / "scene.ply")
    for name, tensor in gaussians.parameters().items():
        assert torch.equal(tensor, again.parameters()[name]), name


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_anything(tmp_path, count):
    write_ply(tmp_path / "scene.ply", made(count))
    assert len(read_ply(tmp_path / "scene.ply")) == count


def test_the_published_layout(tmp_path):
    gaussians = made(2)
    write_ply(tmp_path / "scene.ply", gaussians.requires_grad_())
    vertex = PlyData.read(str(tmp_path / "scene.ply"))["vertex"]
    names = [p.name for p in vertex.properties]
    assert names == (
        ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
        + [f"f_rest_{k}" for k in range(45)]
        + ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    )
    # Channel-major: f_rest_15 is the first higher coefficient of green.
    assert vertex["f_rest_15"][1] == gaussians.sh[1, 1, 1]
    assert vertex["f_rest_1"][0] == gaussians.sh[0, 2, 0]
    assert vertex["rot_0"][0] == gaussians.quats[0, 0]
    assert vertex["opacity"][1] == gaussians.logit_opacities[1]


def table(names, count=2, kind="f4"):
    return np.zeros(count, dtype=[(name, kind) for name in names])


NAMES = ["rot_3", "rot_0", "rot_1", "rot_2", "opacity", "z", "y", "x", "extra"]
NAMES += ["f_dc_2", "f_dc_0", "f_dc_1", "scale_0", "scale_1", "scale_2"]


def write_table(path, array, element="vertex"):
    PlyData([PlyElement.describe(array, element)]).write(str(path))


def test_order_type_and_further_properties_do_not_matter(tmp_path):
    array = table(NAMES, kind="f8")
    array["y"] = [1.0, 2.0]
    array["rot_0"] = 1.0
    write_table(tmp_path / "scene.ply", array)
    gaussians = read_ply(tmp_path / "scene.ply")
    assert gaussians.means.tolist() == [[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]]
    assert gaussians.quats[0].tolist() == [1.0, 0.0, 0.0, 0.0] and gaussians.sh.shape == (2, 1, 3)


@pytest.mark.parametrize("missing", ["x", "f_dc_1", "opacity", "scale_2", "rot_3"])
def test_a_missing_property_is_named(tmp_path, missing):
    write_table(tmp_path / "scene.ply", table([name for name in NAMES if name != missing]))
    with pytest.raises(ValueError, match=f"'{missing}'"):
        read_ply(tmp_path / "scene.ply")


@pytest.mark.parametrize("count", [1, 8, 12, 48])
def test_a_wrong_number_of_coefficients(tmp_path, count):
    write_table(tmp_path / "s.ply", table(NAMES + [f"f_rest_{k}" for k in range(count)]))
    with pytest.raises(ValueError, match="f_rest"):
        read_ply(tmp_path / "s.ply")


def test_coefficients_with_a_gap_in_their_numbers(tmp_path):
    names = [f"f_rest_{k}" for k in (0, 1, 2, 3, 4, 5, 6, 7, 9)]
    write_table(tmp_path / "s.ply", table(NAMES + names))
    with pytest.raises(ValueError, match="f_rest_8"):
        read_ply(tmp_path / "s.ply")


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.999])
def test_a_file_cut_short(tmp_path, text, share):
    path = tmp_path / "scene.ply"
    write_ply(path, made(50), text=text)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="cut short"):
        read_ply(path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\xff\xfe", b"ply\nformat binary_odd 1.0\n"])
def test_no_ply_at_all(tmp_path, content):
    (tmp_path / "scene.ply").write_bytes(content)
    with pytest.raises(ValueError, match=r"is no \.ply file"):
        read_ply(tmp_path / "scene.ply")


def test_other_contents(tmp_path):
    write_table(tmp_path / "faces.ply", table(NAMES), element="face")
    with pytest.raises(ValueError, match="'vertex'"):
        read_ply(tmp_path / "faces.ply")
    gaussians = made()
    broken = Gaussians(**(gaussians.parameters() | {"means": gaussians.means * float("nan")}))
    write_ply(tmp_path / "nan.ply", broken)
    with pytest.raises(ValueError, match="NaN"):
        read_ply(tmp_path / "nan.ply")
    with pytest.raises(FileNotFoundError, match="path"):
        read_ply(tmp_path / "none.ply")
    with pytest.raises(ValueError, match="byte_order"):
        write_ply(tmp_path / "scene.ply", gaussians, byte_order="middle")
