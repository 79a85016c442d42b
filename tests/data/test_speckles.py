import torch

from course_lib.data import speckles, still_life
from course_lib.rendering import orbit, pinhole


def test_the_same_place_has_the_same_colour_whatever_is_asked_with_it():
    places = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    once, again = speckles(places), speckles(places.flip(0)).flip(0)
    torch.testing.assert_close(once, again)
    assert bool((once >= 0.05).all() & (once <= 0.95).all())


def test_they_have_contrast_and_no_grain():
    line = torch.linspace(0, 1, 2001)[:, None] * torch.tensor([[1.0, 0.3, 0.1]])
    colors = speckles(line)
    assert colors.std(dim=0).min() > 0.15
    assert colors.diff(dim=0).abs().max() < 0.1  # half a thousandth of a unit apart


def test_no_two_neighbourhoods_look_alike():
    """Of 400 rows of ten colours, the nearest other row that is not a neighbour is far away."""
    x = torch.linspace(0, 20, 4000)[:, None] * torch.tensor([[1.0, 0.0, 0.0]])
    rows = speckles(x).view(400, 30)
    apart = torch.cdist(rows, rows).fill_diagonal_(torch.inf)
    assert apart.min() > 0.1


def test_the_still_life_keeps_its_shape_when_it_is_speckled():
    viewmats, K = orbit(1, radius=3.0), pinhole(40, 30, 0.8)
    (plain, depth), (painted, same) = (
        still_life(viewmats, K, 40, 30, samples=1, speckled=choice) for choice in (False, True)
    )
    assert torch.equal(depth, same)
    background = depth[0].isinf()
    assert bool((painted[0][:, background] == 1).all())
    assert (plain - painted)[0][:, ~background].abs().mean() > 0.1
