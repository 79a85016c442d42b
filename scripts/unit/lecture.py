# %% [markdown]
# # TITLE
#
# Begin with a thing that somebody wants to do and cannot do yet.
#
# **After this unit you can**
#
# * say what the mean colour of a picture tells, and what it hides.
#
# 10 minutes of reading · runs in a few seconds · needs [unit 00](00_start_here.ipynb).

# %%
SET_UP = True

# %%
import matplotlib.pyplot as plt

from course_lib import data, show

show.use_style()

# %% [markdown]
# ## 1. One idea
#
# Why, then the picture, then the equation,
#
# $$\bar c = \frac{1}{H W} \sum_{y, x} I(y, x),$$
#
# then a few lines of code, then the result.


# %%
def blurred(size: int) -> plt.Figure:
    """The photograph as the mean colours of size x size fields."""
    photo = data.photo("coffee", size=64)
    fields = photo.unfold(2, 64 // size, 64 // size).unfold(3, 64 // size, 64 // size)
    return show.pictures(
        {"photo": photo, f"{size} x {size} means": fields.mean(dim=(4, 5))},
        title="What a mean keeps",
    )


# %% [markdown]
# **Predict, then run.** At how many fields do you recognise the cup again?

# %%
show.explore(
    blurred,
    [1, 4, 16, 64],
    label="fields along a side",
    alt=lambda size: f"A cup of coffee, and beside it the mean colours of {size} x {size} fields.",
)

# %% [markdown]
# ## 2. Where it fails
#
# Show it. A mean does not know where a colour was.
#
# ## Remember
#
# * One sentence for each idea.
#
# ## Questions
#
# 1. Two pictures have the same mean colour. What else may differ?
#
# ## Exercises
#
# [The exercises of this unit](../exercises/NN_TOPIC/NN_TOPIC.ipynb).
#
# ## References
#
# * Author, Author (year). *Title.* [Link](https://arxiv.org).
