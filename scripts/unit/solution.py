# %% [markdown]
# # TITLE
#
# Say in two sentences what one builds here.
#
# | | Exercise | Difficulty | Minutes | Points |
# |---|---|---|---|---|
# | 1 | [The mean colour](#Exercise-1.-The-mean-colour) | 1/5 | 5 | 3 |
#
# The lecture that goes with it is `lectures/NN_TOPIC.ipynb`.

# %% [markdown]
# ## Set-up

# %%
SET_UP = True

# %%
import torch

from course_lib import check, data, show
from course_lib.grading.submission import hand_in

show.use_style()

# %% [markdown]
# ## Exercise 1. The mean colour
#
# **Difficulty 1/5 · 5 minutes · 3 points**
#
# *Why.* Say what it is good for.
#
# Write `mean_color(images) -> colors` with
#
# * `images`: `(B, 3, H, W)` `float32`;
# * result: `(B, 3)`. Gradients must flow through it.
#
# <details><summary>Hint 1</summary>
#
# Which axes disappear?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Rows and columns are the last two.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `Tensor.mean` takes several axes at once.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "mean_color", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_color(images: torch.Tensor) -> torch.Tensor:
    """Return the mean colour of each picture, (B, 3, H, W) -> (B, 3)."""
    ### BEGIN SOLUTION
    return images.mean(dim=(2, 3))
    ### END SOLUTION


# %% [markdown]
# Try it: the photograph beside its mean colour.

# %% tags=["raises-exception"]
with show.attempt():
    photo = data.photo("coffee", size=64)
    mean = mean_color(photo)[:, :, None, None].expand(-1, -1, 64, 64)
    show.figure(
        show.pictures({"photo": photo, "its mean": mean}, title="Your mean colour"),
        alt="A cup of coffee, and beside it a field of its mean colour.",
    )

# %% course={"check": "TOPIC.mean_color", "difficulty": 1, "minutes": 5} nbgrader={"grade": true, "grade_id": "mean_color-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false} tags=["raises-exception"]
check("TOPIC.mean_color", mean_color)

# %% [markdown]
# ## Hand in
#
# Save the notebook first (Ctrl + S). The cell checks every exercise once more and packs the notebook
# as one file. Unfinished exercises are fine: each one counts for itself.

# %% tags=["raises-exception"]
hand_in("NN_TOPIC", globals())
