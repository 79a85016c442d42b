"""The face generator that comes with the package: faces of many kinds, with glasses if asked."""

import torch

from course_lib import data
from course_lib.generative.attributes import attribute_features, face_error, read_attributes
from course_lib.generative.distances import frechet_distance
from course_lib.generative.face_gan import FaceGenerator, load_face_generator, train_face_gan


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_it_draws_many_faces_and_obeys_the_label():
    labels = torch.arange(200) % 2
    drawn = load_face_generator()(torch.randn(200, 64, generator=seeded(0)), labels)
    assert drawn.shape == (200, 3, 32, 32) and drawn.min() >= 0 and drawn.max() <= 1
    worn = read_attributes(drawn)["glasses"]
    assert (worn == (labels == 1)).float().mean() > 0.95
    assert face_error(drawn).mean() < 0.125  # noise has more than 0.3, real faces have 0.013
    assert drawn[labels == 0].std(dim=0).mean() > 0.12  # one face for all would be near 0


def test_it_is_nearer_to_real_faces_than_its_beginning():
    real = attribute_features(data.faces(200, 32, generator=seeded(1)).images)
    noise, labels = torch.randn(200, 64, generator=seeded(0)), torch.arange(200) % 2
    with torch.no_grad():
        near, far = (
            frechet_distance(attribute_features(g(noise, labels)), real)
            for g in (load_face_generator(), FaceGenerator())
        )
    assert near < 0.3 * far


def test_training_makes_such_weights_and_repeats():
    first, history = train_face_gan(2, count=16, batch_size=4, progress=False)
    second, _ = train_face_gan(2, count=16, batch_size=4, progress=False)
    assert history.steps == 2
    shipped = load_face_generator().state_dict()
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b) and a.shape == shipped[name].shape
