"""Unit 01: one step of a recurrent network, one of an LSTM, and gradients of a bearable length.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.sequence_models.clipping import CLIP_BY_GLOBAL_NORM
from course_lib.checks.sequence_models.long_memory import LSTM_STEP
from course_lib.checks.sequence_models.recurrent import RNN_STEP

CHECKS = (RNN_STEP, LSTM_STEP, CLIP_BY_GLOBAL_NORM)
