"""What a student's function must satisfy, unit by unit, and the mistakes it must not make.

One module a unit. Each lists its checks in ``CHECKS``, a check being called ``unit.function``, and
may name in ``ALSO_SEALED`` functions of the library that are an answer under another name.
"""

import difflib
import importlib
from collections.abc import Iterator
from types import ModuleType

from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.evaluate import Result, evaluate
from course_lib.checks.form import StudentError
from course_lib.checks.properties import agrees, difference, gradients_agree
from course_lib.checks.subject import Subject

# Unit to the module here that holds its checks, in the order of the course.
UNITS = {
    "00_start_here": "start",
    "01_sequence_models": "sequence_models",
    "02_detection_segmentation": "detection_segmentation",
    "03_vision_transformer": "vision_transformer",
    "04_classical_inpainting": "classical_inpainting",
    "05_deep_inpainting": "deep_inpainting",
    "06_staged_inpainting": "staged_inpainting",
    "07_inpainting_applications": "inpainting_applications",
    "08_generative_foundations": "generative_foundations",
    "09_autoencoders": "autoencoders",
    "10_variational_autoencoders": "variational_autoencoders",
    "11_gans": "gans",
    "12_diffusion_models": "diffusion_models",
    "13_latent_diffusion": "latent_diffusion",
    "14_differentiable_rendering": "differentiable_rendering",
    "15_structure_from_motion": "structure_from_motion",
    "16_nerf": "nerf",
    "17_gaussian_splatting": "gaussian_splatting",
    "18_splat_training": "splat_training",
    "19_cuda_kernels": "cuda_kernels",
}

__all__ = [
    "UNITS",
    "Case",
    "Check",
    "Finding",
    "Property",
    "Result",
    "StudentError",
    "Subject",
    "agrees",
    "all_checks",
    "also_sealed",
    "checks_of",
    "difference",
    "evaluate",
    "find_check",
    "gradients_agree",
]


def all_checks() -> Iterator[Check]:
    """Every check of every unit, in the order of the course."""
    for unit in UNITS:
        yield from checks_of(unit)


def checks_of(unit: str) -> tuple[Check, ...]:
    """The checks of one unit, as ``04_classical_inpainting``, in the order of its exercises."""
    return _module(unit).CHECKS


def also_sealed(unit: str) -> tuple[str, ...]:
    """Functions of the library that are one of the unit's answers under another name."""
    return getattr(_module(unit), "ALSO_SEALED", ())


def _module(unit: str) -> ModuleType:
    if unit not in UNITS:
        raise LookupError(f"there is no unit called {unit!r}; there are {', '.join(UNITS)}")
    return importlib.import_module(f"course_lib.checks.{UNITS[unit]}")


def find_check(name: str) -> Check:
    """Return the check called ``name``; raise ``LookupError`` with the nearest names if none is.

    >>> find_check("start.psnr").points
    4
    """
    prefix = str(name).partition(".")[0]
    for unit, module in UNITS.items():
        if module == prefix:
            for each in checks_of(unit):
                if each.name == name:
                    return each
    near = difflib.get_close_matches(str(name), [each.name for each in all_checks()], cutoff=0.4)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise LookupError(f"there is no check called {name!r}.{meant}")
