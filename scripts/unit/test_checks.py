"""Unit NN: other right answers pass; a mistake costs its own points and is named."""

from course_lib.checks.TOPIC import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def by_rows(images):
    return images.mean(dim=3).mean(dim=2)


ANSWERS = [("mean_color", by_rows)]

LOST = [
    ("mean_color", "detached", "gradient"),
    ("mean_color", "brightest", "agree|gradient"),
]

TOLD = [
    ("mean_color", "sum", "a picture of one colour has another mean"),
    ("mean_color", "detached", "no gradient"),
]


def test_the_unit_has_three_points():
    assert sum(each.points for each in CHECKS.values()) == 3
