"""Unit 02: overlap of boxes, which of many to keep, and two scores.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.detection_segmentation.overlapping import BOX_IOU
from course_lib.checks.detection_segmentation.pixels import MEAN_IOU
from course_lib.checks.detection_segmentation.precision import AVERAGE_PRECISION
from course_lib.checks.detection_segmentation.suppressing import NMS

CHECKS = (BOX_IOU, NMS, AVERAGE_PRECISION, MEAN_IOU)
ALSO_SEALED = ("_both_and_union", "generalized_box_iou")
