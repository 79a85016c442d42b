"""All attacks, by what they are after."""

from attacks import (
    breaking_files,
    breaking_limits,
    breaking_process,
    cheating_cells,
    cheating_frames,
    cheating_process,
    cheating_values,
    honest,
    honest_notebooks,
    reaching,
)
from attacks.attack import Attack

KINDS: dict[str, list[Attack]] = {
    "cheating, with values": cheating_values.VALUES,
    "cheating, in the process": cheating_process.PROCESS,
    "cheating, on the socket": cheating_frames.FRAMES,
    "cheating, with cells": cheating_cells.CELLS,
    "breaking, as a process": breaking_process.PROCESS,
    "breaking, with too much": breaking_limits.LIMITS,
    "breaking, as a file": breaking_files.FILES,
    "reaching out": reaching.REACHING,
    "honest answers": honest.HONEST,
    "honest notebooks": honest_notebooks.NOTEBOOKS,
}
EVERYTHING = [attack for attacks in KINDS.values() for attack in attacks]
