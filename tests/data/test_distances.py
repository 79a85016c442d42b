import torch

from course_lib.data.distances import arc, bar, capsule, ellipse


def test_a_circle_has_its_exact_distance():
    x, y = torch.tensor([0.0, 3.0, 6.0]), torch.tensor([2.0, 4.0, 8.0])
    torch.testing.assert_close(ellipse(x, y, 5.0, 5.0), torch.tensor([-3.0, 0.0, 5.0]))


def test_an_ellipse_is_zero_on_its_border_with_unit_slope():
    turn = torch.linspace(0, 6.28, 50).double()
    x, y = 2 * turn.cos(), turn.sin()
    normal = torch.stack([x / 4, y])
    normal = normal / normal.norm(dim=0)
    step = 1e-4
    outside = ellipse(x + step * normal[0], y + step * normal[1], 2.0, 1.0)
    torch.testing.assert_close(ellipse(x, y, 2.0, 1.0).abs().max().item(), 0.0, atol=1e-9, rtol=0)
    torch.testing.assert_close(outside / step, torch.ones_like(x), atol=1e-2, rtol=0)


def test_the_centre_has_a_finite_gradient():
    x = torch.zeros(1, requires_grad=True)
    ellipse(x, torch.zeros(1), 2.0, 1.0).sum().backward()
    assert x.grad.isfinite().all()


def test_capsule_bar_and_arc_by_hand():
    one = torch.tensor(1.0)
    torch.testing.assert_close(capsule(3 * one, 5 * one, 0.0, 0.0, 1.0, 2.0), 3 * one)
    torch.testing.assert_close(bar(0 * one, 2 * one, (-one, one), 0.5), 1.5 * one)
    torch.testing.assert_close(arc(one, 0.5 * one, 1.0, 0.5, 0.1), -0.1 * one)
