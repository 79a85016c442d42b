"""The training loop: records, best state, resuming to the same numbers, clear errors."""

import math

import pytest
import torch
from torch import nn

from course_lib.training import History, descend, train, warm_cosine


def task(seed=0):
    """A small network, data it can learn, and the generator of everything."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(200, 3, generator=generator)
    model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model, (x, x.sum(dim=1, keepdim=True)), generator


def learn(steps=60, **options):
    model, data, generator = task()

    def loss(x, y):
        noise = 0.01 * torch.randn(y.shape, generator=generator)
        return (model(x) - y + noise).square().mean()

    options = {"learning_rate": 0.03, "progress": False} | options
    return model, descend(model, loss, data, steps, generator=generator, **options)


def test_it_learns_and_records_each_step():
    _, history = learn(200)
    assert len(history["loss"]) == history.steps == 200
    assert sum(history["loss"][-20:]) < 0.1 * sum(history["loss"][:20])
    assert not history.scores and history.best is None


def test_equal_seeds_give_equal_numbers():
    assert learn()[1].numbers == learn()[1].numbers


@pytest.mark.parametrize("killed_at", [7, 20, 33])
def test_a_killed_training_goes_on_to_the_same_result(tmp_path, killed_at):
    def kill(done, history):
        if done == killed_at:
            raise KeyboardInterrupt

    model, whole = learn()
    path = tmp_path / "training.pt"
    with pytest.raises(KeyboardInterrupt):
        learn(checkpoint=path, every=5, callback=kill)
    resumed, history = learn(checkpoint=path, every=5)
    assert history.numbers == whole.numbers
    for one, other in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_a_finished_training_is_not_repeated(tmp_path):
    first, whole = learn(checkpoint=tmp_path / "t.pt", every=10)
    again, history = learn(
        checkpoint=tmp_path / "t.pt", every=10, callback=lambda *_: pytest.fail("it went on")
    )
    assert history == whole
    assert torch.equal(first[0].weight, again[0].weight)


def test_the_best_state_is_kept_and_survives_a_resume(tmp_path):
    scores = iter([3.0, 1.0, 2.0, 5.0])
    model = nn.Linear(1, 1)

    def step(t):
        nn.init.constant_(model.weight, t)
        return {"loss": float(t)}

    history = train(
        step, 40, {"model": model}, score=lambda: next(scores), every=10, progress=False,
        checkpoint=tmp_path / "t.pt",
    )  # fmt: skip
    assert history.best == 20 and history.scores == {10: 3.0, 20: 1.0, 30: 2.0, 40: 5.0}
    assert float(model.weight.detach()) == 19
    other = nn.Linear(1, 1)
    again = train(
        step, 40, {"model": other}, score=lambda: 0.0, every=10, progress=False,
        checkpoint=tmp_path / "t.pt",
    )  # fmt: skip
    assert again == history and torch.equal(other.weight, model.weight)


def test_a_score_at_the_end_even_if_the_steps_do_not_divide():
    _, history = learn(25, score=lambda: 1.0, every=10)
    assert list(history.scores) == [10, 20, 25]


def test_two_players_in_one_step():
    players = {"one": nn.Linear(1, 1), "two": nn.Linear(1, 1)}
    history = train(lambda t: {"one": t, "two": torch.tensor(2.0 * t)}, 3, players, progress=False)
    assert history["two"] == [0.0, 2.0, 4.0]


def test_batches_are_made_as_they_are_needed():
    model, _, generator = task()
    seen = []

    def batch(generator):
        x = torch.rand(4, 3, generator=generator)
        seen.append(x)
        return (x,)

    descend(model, lambda x: model(x).square().mean(), batch, 3, generator=generator,
            progress=False)  # fmt: skip
    assert len(seen) == 3 and not torch.equal(seen[0], seen[1])


def test_gradients_are_shortened():
    model = nn.Linear(1, 1)
    norms = []

    def loss(x):
        return 1e6 * model(x).square().mean()

    def look(done, history):
        norms.append(math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters())))

    descend(model, loss, (torch.ones(4, 1),), 3, generator=torch.Generator().manual_seed(0),
            largest_gradient=0.5, callback=look, progress=False)  # fmt: skip
    assert max(norms) <= 0.5 + 1e-5


def test_fused_differs_by_rounding_alone():
    (_, fused), (_, plain) = learn(20, fused=True), learn(20)
    assert fused["loss"] == pytest.approx(plain["loss"], rel=1e-4)


def test_a_number_that_is_not_one_stops_with_a_reason():
    with pytest.raises(FloatingPointError, match="loss became nan in step 2: the learning rate"):
        train(lambda t: {"loss": math.nan if t == 2 else 0.0}, 5, {}, progress=False)


def test_what_cannot_be_trained_is_named(tmp_path):
    model, (x, y), generator = task()

    def run(data=(x, y), steps=3, **options):
        descend(model, lambda *_: model(x).mean(), data, steps, generator=generator,
                progress=False, **options)  # fmt: skip

    with pytest.raises(ValueError, match=r"^steps, every: got 0 and 100"):
        run(steps=0)
    with pytest.raises(ValueError, match=r"^data: got tensors of lengths \[199, 200\]"):
        run(data=(x, y[1:]))
    with pytest.raises(ValueError, match=r"^data: got tensors of lengths \[0\]"):
        run(data=(x[:0],))
    with pytest.raises(ValueError, match=r"^batch_size: got 0"):
        run(batch_size=0)
    run(steps=2, checkpoint=tmp_path / "t.pt", every=1)
    with pytest.raises(ValueError, match=r"^checkpoint: .* is of 2 steps .* wanted 3"):
        run(steps=3, checkpoint=tmp_path / "t.pt")


def test_the_rate_rises_once_and_ends_at_zero():
    factors = [warm_cosine(part / 200) for part in range(201)]
    top = factors.index(max(factors))
    assert factors[0] == 0 and factors[-1] == pytest.approx(0) and factors[top] == 1
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)


def test_an_empty_history_has_no_steps():
    assert History().steps == 0
