"""Unit 04: filling holes in pictures without learning: diffusion, copying, and both.

Start with `harmonic`, then `priority` and `exemplar`, then `hybrid`.
"""

from .biharmonic import biharmonic_inpaint
from .exemplar import (
    FillStep,
    best_patch,
    distance_map,
    exemplar_inpaint_reference,
    exemplar_steps,
    known_patches,
)
from .exemplar_fast import exemplar_inpaint
from .harmonic import harmonic_inpaint, harmonic_inpaint_reference, jacobi_steps, laplace_matrix
from .hybrid import hybrid_inpaint, split_structure_texture, total_variation_smooth
from .priority import confidence_term, data_term, fill_front, patch_priority
from .validate import check_image_and_mask

__all__ = [
    "FillStep",
    "best_patch",
    "biharmonic_inpaint",
    "check_image_and_mask",
    "confidence_term",
    "data_term",
    "distance_map",
    "exemplar_inpaint",
    "exemplar_inpaint_reference",
    "exemplar_steps",
    "fill_front",
    "harmonic_inpaint",
    "harmonic_inpaint_reference",
    "hybrid_inpaint",
    "jacobi_steps",
    "known_patches",
    "laplace_matrix",
    "patch_priority",
    "split_structure_texture",
    "total_variation_smooth",
]
