"""Filling holes: without learning (unit 04), with networks (05), in stages (06), at work (07).

Without: start with `harmonic`, then `priority` and `exemplar`, then `hybrid`. With: start with
`learned`, then `convolutions`, `generator` and `adversarial`. In stages: `stages`. At work:
`operators`, `applications`, `video` and `denoiser`.
"""

from .adversarial import (
    PatchDiscriminator,
    discriminator_loss,
    fit_adversarial,
    generator_loss,
)
from .applications import (
    back_project,
    detect_scratches,
    find_text,
    outpaint_canvas,
    removal_mask,
    super_resolve,
)
from .biharmonic import biharmonic_inpaint
from .convolutions import GatedConv2d, PartialConv2d, partial_conv
from .denoiser import DenoisingAutoencoder, add_noise, fit_denoiser
from .exemplar import (
    FillStep,
    best_patch,
    distance_map,
    exemplar_inpaint_reference,
    exemplar_steps,
    known_patches,
)
from .exemplar_fast import exemplar_inpaint
from .generator import Generator, fit_inpainter, learned_inpaint
from .harmonic import harmonic_inpaint, harmonic_inpaint_reference, jacobi_steps, laplace_matrix
from .hybrid import hybrid_inpaint, split_structure_texture, total_variation_smooth
from .learned import compose, masked_l1, network_input, random_mask
from .operators import Operator, box_average, consistent, frame, hole
from .priority import confidence_term, data_term, fill_front, patch_priority
from .stages import (
    CoarseToFine,
    Progressive,
    StructureThenTexture,
    boundary_ring,
    coarse_to_fine,
    progressive_fill,
    structure_map,
    structure_then_texture,
)
from .validate import check_image_and_mask
from .video import camera_path, estimate_shift, flicker, inpaint_clip, panorama

__all__ = [
    "CoarseToFine",
    "DenoisingAutoencoder",
    "FillStep",
    "GatedConv2d",
    "Generator",
    "Operator",
    "PartialConv2d",
    "PatchDiscriminator",
    "Progressive",
    "StructureThenTexture",
    "add_noise",
    "back_project",
    "best_patch",
    "biharmonic_inpaint",
    "boundary_ring",
    "box_average",
    "camera_path",
    "check_image_and_mask",
    "coarse_to_fine",
    "compose",
    "confidence_term",
    "consistent",
    "data_term",
    "detect_scratches",
    "discriminator_loss",
    "distance_map",
    "estimate_shift",
    "exemplar_inpaint",
    "exemplar_inpaint_reference",
    "exemplar_steps",
    "fill_front",
    "find_text",
    "fit_adversarial",
    "fit_denoiser",
    "fit_inpainter",
    "flicker",
    "frame",
    "generator_loss",
    "harmonic_inpaint",
    "harmonic_inpaint_reference",
    "hole",
    "hybrid_inpaint",
    "inpaint_clip",
    "jacobi_steps",
    "known_patches",
    "laplace_matrix",
    "learned_inpaint",
    "masked_l1",
    "network_input",
    "outpaint_canvas",
    "panorama",
    "partial_conv",
    "patch_priority",
    "progressive_fill",
    "random_mask",
    "removal_mask",
    "split_structure_texture",
    "structure_map",
    "structure_then_texture",
    "super_resolve",
    "total_variation_smooth",
]
