import pytest
import torch
from torch import nn

from course_lib.generative.unet import UNet, time_embedding


def times(*values):
    return torch.tensor(values)


def awake(network):
    """Random weights everywhere, also in the layers that begin at zero."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    return network


def test_embeddings_of_times_differ_and_neighbours_are_alike():
    waves = time_embedding(torch.arange(1000), 32)
    apart = (waves[500] - waves).norm(dim=1)
    assert float(apart[501]) < float(apart[510]) < float(apart[600])
    assert float(apart[torch.arange(1000) != 500].min()) > 0.1
    with pytest.raises(ValueError, match="size: got 3"):
        time_embedding(times(0), 3)


@pytest.mark.parametrize("patch", [1, 2])
def test_it_starts_at_zero_and_every_weight_can_learn(patch):
    network = UNet(3, (8, 16), patch=patch, classes=4)
    x = torch.randn(2, 3, 16, 8)
    assert torch.equal(network(x, times(0, 5)), torch.zeros_like(x))
    awake(network)(x, times(0, 5), times(1, 4)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert float(parameter.grad.abs().max()) > 0, name


def test_time_and_label_each_matter_and_no_label_is_the_default():
    network, x = awake(UNet(1, (8, 16), classes=3)), torch.randn(1, 1, 8, 8)
    base = network(x, times(3), times(0))
    assert not torch.allclose(base, network(x, times(700), times(0)))
    assert not torch.allclose(base, network(x, times(3), times(1)))
    assert torch.equal(network(x, times(3)), network(x, times(3), times(network.no_label)))


def test_pictures_of_a_batch_do_not_mix():
    network, x = awake(UNet(1, (8, 16))), torch.randn(3, 1, 8, 8)
    t = times(1, 50, 900)
    alone = torch.cat([network(x[n : n + 1], t[n : n + 1]) for n in range(3)])
    torch.testing.assert_close(network(x, t), alone, atol=1e-4, rtol=1e-4)


class Words(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = nn.Linear(5, width)

    def forward(self, x, context):
        return x + self.width(context).mean(dim=1)[..., None, None]


def test_a_context_reaches_every_block_through_the_hook():
    network = awake(UNet(1, (8, 16), attend=Words))
    x, t = torch.randn(2, 1, 8, 8), times(1, 2)
    words = torch.randn(2, 4, 5, requires_grad=True)
    plain, told = network(x, t), network(x, t, context=words)
    assert not torch.allclose(plain, told)
    told.sum().backward()
    assert float(words.grad.abs().min()) > 0
    assert sum(isinstance(module, Words) for module in network.modules()) == 4


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="widths"):
        UNet(1, (12,))
    with pytest.raises(ValueError, match="labels"):
        UNet(1, (8,))(torch.zeros(1, 1, 8, 8), times(0), times(0))
    with pytest.raises(ValueError, match="multiples of 4"):
        UNet(1, (8, 16), patch=2)(torch.zeros(1, 1, 6, 6), times(0))
