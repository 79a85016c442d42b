"""Divergences, draws and bounds against closed forms; the networks against what is said of them."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from course_lib.data import faces
from course_lib.generative.attributes import face_error
from course_lib.generative.autoencoder import decode_latents, encode_pictures
from course_lib.generative.distributions import gaussian_log_prob
from course_lib.generative.pretrained import ONE_PERSON, load_autoencoder, load_vae
from course_lib.generative.vae import (
    VariationalAutoencoder,
    elbo,
    fit_vae,
    gaussian_log_likelihood,
    importance_log_likelihood,
    kl_diagonal,
    kl_full,
    posterior_of,
    reparameterize,
    reparameterize_full,
)
from course_lib.metrics import psnr

W = torch.tensor([[2.0, 1.0], [1.0, 1.0], [0.0, 0.8]], dtype=torch.float64)
SIGMA = 0.5


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def lower(B, D):
    return 0.5 * draw(B, D, D).tril(-1) + (0.3 + draw(B, D, seed=1).abs()).diag_embed()


def linear_model():
    """Pictures of three values made of two numbers, for which everything is known."""
    x = draw(5, 3, seed=3) @ torch.diag(torch.tensor([2.0, 1.4, 0.9], dtype=torch.float64))
    exact = gaussian_log_prob(
        x, torch.zeros(3).double(), W @ W.T + SIGMA**2 * torch.eye(3).double()
    )
    covariance = torch.linalg.inv(torch.eye(2).double() + W.T @ W / SIGMA**2)
    return x, exact, x @ W @ covariance / SIGMA**2, covariance


def as_pictures(x):
    return x[..., None, None, :]  # (..., B, 1, 1, P)


def test_divergences_agree_with_torch_and_with_each_other():
    mu, factor = draw(4, 3), lower(4, 3)
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    wanted = kl_divergence(MultivariateNormal(mu, scale_tril=factor), prior)
    assert torch.allclose(kl_full(mu, factor), wanted)
    logvar = draw(4, 3, seed=2)
    assert torch.allclose(kl_diagonal(mu, logvar), kl_full(mu, (logvar / 2).exp().diag_embed()))


def test_a_divergence_is_what_draws_say_it_is():
    mu, logvar = torch.tensor([[0.5, -1.0]]).double(), torch.tensor([[-1.0, 0.4]]).double()
    z = reparameterize(mu, logvar, draw(400_000, 1, 2))
    q = torch.distributions.Normal(mu, (logvar / 2).exp()).log_prob(z)
    p = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    assert abs((q - p).sum(dim=2).mean() - kl_diagonal(mu, logvar)).item() < 0.01


def test_full_draws_have_their_covariance():
    factor = lower(1, 3)
    z = reparameterize_full(draw(1, 3), factor, draw(200_000, 1, 3, seed=5))[:, 0]
    assert torch.allclose(torch.cov(z.T), (factor @ factor.mT)[0], atol=0.05)


def test_the_bound_with_the_true_posterior_is_the_likelihood():
    x, exact, mean, covariance = linear_model()
    factor = torch.linalg.cholesky(covariance).expand(5, 2, 2)
    z = reparameterize_full(mean, factor, draw(100_000, 5, 2))
    likelihood = gaussian_log_likelihood(as_pictures(x), as_pictures(z @ W.T), SIGMA).mean(dim=0)
    assert torch.allclose(likelihood - kl_full(mean, factor), exact, atol=0.03)


def test_importance_weights_close_the_gap_of_a_diagonal_guess():
    x, exact, mean, covariance = linear_model()
    logvar = -torch.linalg.inv(covariance).diagonal().log().expand(5, 2)
    z = reparameterize(mean, logvar, draw(50_000, 5, 2))
    x_hat = as_pictures(z @ W.T)
    bound = torch.stack(
        [elbo(as_pictures(x), x_hat[s], mean, logvar, SIGMA)[0] for s in range(4000)]
    ).mean(dim=0)
    closed = importance_log_likelihood(as_pictures(x), x_hat, z, mean, logvar, SIGMA)
    assert ((exact - bound) > 0.3).all()
    assert torch.allclose(closed, exact, atol=0.1)


def test_a_single_importance_weight_is_one_draw_s_bound_on_average():
    x, _, mean, covariance = linear_model()
    logvar = covariance.diagonal().log().expand(5, 2)
    z = reparameterize(mean, logvar, draw(20_000, 5, 2))
    x_hat = as_pictures(z @ W.T)
    one = [
        importance_log_likelihood(as_pictures(x), x_hat[s : s + 1], z[s : s + 1], mean, logvar, 0.5)
        for s in range(3000)
    ]
    likelihood = gaussian_log_likelihood(as_pictures(x), x_hat, 0.5).mean(dim=0)
    wanted = likelihood - kl_diagonal(mean, logvar)
    assert torch.allclose(torch.stack(one).mean(dim=0), wanted, atol=0.15)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4), (4, 8, 8)])
def test_latents_may_be_vectors_or_maps(shape):
    model = VariationalAutoencoder(shape, width=8)
    mu, logvar = posterior_of(model, torch.rand(2, 3, 32, 32, generator=seeded(0)))
    assert mu.shape == logvar.shape == (2, *shape)
    assert decode_latents(model, mu).shape == (2, 3, 32, 32)


def test_training_raises_the_bound_and_is_repeatable():
    images = faces(128, generator=seeded(0)).images

    def trained():
        torch.manual_seed(0)
        model = VariationalAutoencoder((4,), 8, (16,))
        return fit_vae(model, images, 40, generator=seeded(1), sigma=0.3, progress=False)["loss"]

    losses = trained()
    assert losses == trained()
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_dear_divergence_collapses_the_latent():
    images = faces(128, generator=seeded(0)).images
    torch.manual_seed(0)
    model = VariationalAutoencoder((4,), 8)
    fit_vae(model, images, 60, generator=seeded(1), beta=1e4, progress=False)
    assert kl_diagonal(*posterior_of(model, images)).mean() < 0.05


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: reparameterize(draw(2, 3), draw(2, 2), draw(2, 3)), "logvar: got"),
        (lambda: reparameterize(draw(2, 3), draw(2, 3), draw(4, 3)), "noise: got"),
        (lambda: kl_diagonal(draw(2, 3), draw(3)), "logvar: got"),
        (lambda: kl_full(draw(2, 3), draw(2, 2, 2)), "factor: got"),
        (lambda: gaussian_log_likelihood(draw(1, 1, 1, 1), draw(1, 1, 1, 1), 0.0), "sigma: got"),
        (lambda: VariationalAutoencoder((4, 8, 8), 8, (16,)), "hidden: got"),
        (lambda: VariationalAutoencoder((4, 5, 5)), "latent: got"),
        (lambda: load_vae("dogs"), "faces, plane"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_blends_of_one_person_are_faces_and_the_autoencoder_s_are_not():
    """What the lecture says of the two that ship, with the same score."""
    images = faces(128, generator=seeded(9), **ONE_PERSON).images
    ours, plain = load_vae("plane"), load_autoencoder("plane")
    mu, z = posterior_of(ours, images)[0], encode_pictures(plain, images)
    assert psnr(decode_latents(ours, mu), images).mean() > 34
    blends = [decode_latents(m, (v[:64] + v[64:]) / 2) for m, v in ((ours, mu), (plain, z))]
    good, bad = (face_error(each).mean() for each in blends)
    assert good < 0.6 * bad
    fresh = decode_latents(ours, torch.randn(128, 2, generator=seeded(4)))
    assert face_error(fresh).mean() < 0.035


def test_blends_of_strangers_are_better_and_not_solved():
    images = faces(128, generator=seeded(9)).images
    ours, plain = load_vae("faces"), load_autoencoder("faces")
    mu, z = posterior_of(ours, images)[0], encode_pictures(plain, images)
    back = face_error(decode_latents(ours, mu)).mean()
    blends = [decode_latents(m, (v[:64] + v[64:]) / 2) for m, v in ((ours, mu), (plain, z))]
    good, bad = (face_error(each).mean() for each in blends)
    assert back < 0.05
    assert 1.5 * back < good < 0.8 * bad
    assert math.isfinite(kl_diagonal(*posterior_of(ours, images)).mean())
