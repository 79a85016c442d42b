"""Draw docs/pictures/what_students_make.png: three damaged pictures, repaired in four ways."""

from pathlib import Path

import matplotlib.pyplot as plt

from course_lib.pictures import to_picture
from course_lib.tour import damaged_pictures, repair_methods

SHOWN = ("A photograph with text over it", "Brick", "A scratched photograph")


def main() -> None:
    """Write the picture."""
    problems = {name: (image, mask) for name, image, mask in damaged_pictures(128)}
    columns = ["damaged", *repair_methods(), "original"]
    drawn, axes = plt.subplots(
        len(SHOWN), len(columns), figsize=(11, 5.6), constrained_layout=True, facecolor="white"
    )
    for row, name in enumerate(SHOWN):
        image, mask = problems[name]
        repaired = [repair(image, mask) for repair in repair_methods().values()]
        shown = [image.masked_fill(mask, 1.0), *repaired, image]
        for axis, column, picture in zip(axes[row], columns, shown, strict=True):
            axis.imshow(to_picture(picture))
            axis.set_xticks([])
            axis.set_yticks([])
            if row == 0:
                axis.set_title(column, fontsize=11)
    out = Path(__file__).parents[1] / "docs" / "pictures" / "what_students_make.png"
    drawn.savefig(out, dpi=72)


if __name__ == "__main__":
    main()
