"""Cameras and points from pictures: ours, OpenCV's SIFT with USAC, and COLMAP.

    python benchmarks/sfm.py            prints the tables
    python benchmarks/sfm.py --write    also puts them into benchmarks/README.md
    python benchmarks/sfm.py --quick    the pair only, without COLMAP

Two data sets with known cameras: the stereo pair of a motorcycle that scikit-image carries (real),
and twelve pictures of the course's speckled still life (drawn). Everybody gets the same pictures
and the true intrinsics. OpenCV has no reconstruction from many pictures. COLMAP is run through
pycolmap where that is installed; what is not installed is left out, and the report says so.
"""

import argparse
import importlib.util
import math
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from course_lib import data
from course_lib.rendering import look_at, pinhole, sfm

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- sfm:begin -->", "<!-- sfm:end -->"
THRESHOLD = 1.0  # pixels, for everybody
VIEWS, SIZE, SCENE = 12, 400, 2.0
SEEDS, REPEATS = 5, 3


# --- The motorcycle -------------------------------------------------------------------------------


def ours_pair(pair, seed):
    """Harris, 64 numbers, ratio 0.8 both ways, RANSAC, pose, bundle adjustment."""
    features = sfm.detect(pair.images, 1000)
    matches = sfm.match_mutual(*(each.descriptors for each in features), 0.8)
    ends = [features[k].corners[matches[:, k]] for k in (0, 1)]
    generator = torch.Generator().manual_seed(seed)
    viewmat, inliers = sfm.relative_pose(*ends, *pair.K, threshold=THRESHOLD, generator=generator)
    return viewmat[:3, :3], viewmat[:3, 3], *(end[inliers] for end in ends), len(matches)


def opencv_pair(pair, seed):
    """SIFT, ratio 0.8, the five-point algorithm within USAC (MAGSAC)."""
    import cv2

    cv2.setRNGSeed(seed)
    sift, greys = cv2.SIFT_create(), [to_bytes(image, "L") for image in pair.images]
    (one, first), (two, second) = (sift.detectAndCompute(grey, None) for grey in greys)
    best = cv2.BFMatcher().knnMatch(first, second, k=2)
    kept = [m for m, n in best if m.distance < 0.8 * n.distance]
    ends = [
        np.array([points[k].pt for points, k in ((one, m.queryIdx), (two, m.trainIdx))])
        for m in kept
    ]
    ends = np.stack(ends, axis=1) + 0.5  # OpenCV's pixel centres are whole numbers
    K = pair.K.double().numpy()
    rays = [
        cv2.undistortPoints(end[:, None], k, None)[:, 0] for end, k in zip(ends, K, strict=True)
    ]
    E, mask = cv2.findEssentialMat(*rays, np.eye(3), cv2.USAC_MAGSAC, 0.999, THRESHOLD / K[0, 0, 0])
    _, R, t, mask = cv2.recoverPose(E, *rays, np.eye(3), mask=mask)
    kept = [torch.from_numpy(end[mask[:, 0] > 0]) for end in ends]
    return torch.from_numpy(R), torch.from_numpy(t[:, 0]), *kept, len(rays[0])


def colmap_pair(pair, seed):
    """SIFT and matching, then the calibrated two-view geometry and its pose."""
    import pycolmap

    with (
        tempfile.TemporaryDirectory() as folder,
        colmap_database(Path(folder), pair.images, pair.K, seed) as database,
    ):
        cameras = [database.read_camera(k) for k in (1, 2)]
        points = [database.read_keypoints(k)[:, :2].astype(float) for k in (1, 2)]
        matches = database.read_matches(1, 2)
    options = pycolmap.TwoViewGeometryOptions()
    options.compute_relative_pose = True
    options.ransac.max_error, options.ransac.random_seed = THRESHOLD, seed
    found = pycolmap.estimate_calibrated_two_view_geometry(
        cameras[0], points[0], cameras[1], points[1], matches, options
    )
    pose = torch.from_numpy(found.cam2_from_cam1.matrix())
    ends = [torch.from_numpy(points[k][found.inlier_matches[:, k]]) for k in (0, 1)]
    return pose[:, :3], pose[:, 3], *ends, len(matches)


def pair_errors(pair, R, t, first, second):
    """Degrees of turn and direction, and the median relative error of depth after one scale."""
    turn = sfm.rotation_angle(R, torch.eye(3)).rad2deg()
    way = torch.arccos((-t[0] / t.norm()).clamp(-1, 1)).rad2deg()
    viewmats = torch.stack([torch.eye(4).double(), sfm.viewmat_of(R, t)])
    points = sfm.triangulate(
        sfm.projection_matrix(pair.K, viewmats), torch.stack([first, second]).double()
    )
    columns, rows = first.floor().long().unbind(dim=1)
    true, depth = pair.depth[rows, columns].double(), points[:, 2]
    known = true.isfinite() & depth.isfinite()
    true, depth = true[known], depth[known]
    depth = depth * (true / depth).median()
    return float(turn), float(way), float(((depth - true).abs() / true).median())


def pair_row(name, method, pair):
    """One line of the first table: medians over seeds, the fastest of the runs."""
    rows, seconds = [], []
    for seed in range(SEEDS):
        start = time.perf_counter()
        R, t, first, second, matches = method(pair, seed)
        seconds.append(time.perf_counter() - start)
        rows.append((matches, len(first), *pair_errors(pair, R, t, first, second)))
    matches, inliers, turn, way, depth = np.median(np.array(rows), axis=0)
    worst = np.max(np.array(rows), axis=0)
    return (
        f"| {name} | {matches:.0f} | {inliers:.0f} | {turn:.3f} ({worst[2]:.3f}) | {way:.2f} "
        f"({worst[3]:.2f}) | {100 * depth:.2f} | {min(seconds):.2f} |"
    )


# --- The still life -------------------------------------------------------------------------------


def still_life():
    """Twelve pictures from an arc of 115 degrees, the cameras, and K."""
    viewmats = []
    for k in range(VIEWS):
        azimuth, elevation = 2.0 * k / (VIEWS - 1), 0.55 + 0.1 * math.sin(6.0 * k / (VIEWS - 1) + 1)
        flat = 2.6 * math.cos(elevation)
        eye = flat * math.cos(azimuth), flat * math.sin(azimuth), 2.6 * math.sin(elevation)
        viewmats.append(look_at(eye, (0.0, 0.0, -0.15)))
    viewmats, K = torch.stack(viewmats), pinhole(SIZE, SIZE, 0.65)
    images, _ = data.still_life(viewmats, K, SIZE, SIZE, samples=3, speckled=True)
    return images, viewmats, K


def ours_many(images, K, seed):
    made = sfm.reconstruct(images, K, generator=torch.Generator().manual_seed(seed))
    return made.viewmats, made.registered, len(made.points), float(made.errors().mean())


def many_row(name, method, images, true, K):
    """One line of the second table: the worst of the seeds, the fastest of the runs."""
    rows, seconds = [], []
    for seed in range(REPEATS):
        start = time.perf_counter()
        viewmats, registered, points, error = method(images, K, seed)
        seconds.append(time.perf_counter() - start)
        ours, goal = (sfm.camera_centres(each[registered].double()) for each in (viewmats, true))
        off = (sfm.align(ours, goal).move(ours) - goal).norm(dim=1) / SCENE
        rows.append((int(registered.sum()), points, float(off.max()), float(off.mean()), error))
    fewest, worst = np.min(np.array(rows), axis=0), np.max(np.array(rows), axis=0)
    return (
        f"| {name} | {fewest[0]:.0f} of {len(images)} | {fewest[1]:.0f} | {100 * worst[2]:.2f} | "
        f"{100 * worst[3]:.2f} | {worst[4]:.2f} | {min(seconds):.1f} |"
    )


# --- COLMAP ---------------------------------------------------------------------------------------


def to_bytes(image, mode):
    """A picture (3, H, W) as Pillow's (H, W, 3), or (H, W) for mode "L"."""
    pixels = (255 * image.permute(1, 2, 0)).round().byte().numpy()
    return np.asarray(Image.fromarray(pixels).convert(mode))


def colmap_database(folder, images, K, seed):
    """Pictures written to a folder, features and matches of all pairs: COLMAP's database, open."""
    import pycolmap

    pycolmap.logging.minloglevel = 3
    pycolmap.set_random_seed(seed)
    (folder / "images").mkdir()
    for k, (image, intrinsics) in enumerate(zip(images, K.double(), strict=True)):
        Image.fromarray(to_bytes(image, "RGB")).save(folder / "images" / f"{k:03}.png")
        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = "PINHOLE"
        f, x, y = intrinsics[0, 0], intrinsics[0, 2], intrinsics[1, 2]
        reader.camera_params = f"{f},{f},{x},{y}"
        pycolmap.extract_features(
            folder / "db", folder / "images", image_names=[f"{k:03}.png"], reader_options=reader
        )
    pycolmap.match_exhaustive(folder / "db")
    return pycolmap.Database.open(folder / "db")


def colmap_many(images, K, seed):
    """COLMAP's reconstruction with the most pictures, with K held fast."""
    import pycolmap

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        colmap_database(folder, images, K.expand(len(images), 3, 3), seed).close()
        options = pycolmap.IncrementalPipelineOptions()
        options.ba_refine_focal_length = options.ba_refine_extra_params = False
        made = pycolmap.incremental_mapping(folder / "db", folder / "images", folder, options)
    model = max(made.values(), key=lambda each: each.num_reg_images())
    viewmats = torch.eye(4).double().repeat(len(images), 1, 1)
    registered = torch.zeros(len(images), dtype=torch.bool)
    for image in model.images.values():
        number = int(Path(image.name).stem)
        viewmats[number, :3] = torch.from_numpy(image.cam_from_world().matrix())
        registered[number] = True
    return viewmats, registered, model.num_points3D(), model.compute_mean_reprojection_error()


# --- The report -----------------------------------------------------------------------------------


def machine():
    """What the numbers were measured on."""
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0].split(":")[1].strip() if names else name
    parts = [f"{name}, {os.cpu_count()} cores", platform.system()]
    parts += [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    for module in ("cv2", "pycolmap"):
        if importlib.util.find_spec(module):
            parts.append(f"{module} {__import__(module).__version__}")
    return ", ".join(parts)


def load():
    """How many programs wanted a core in the last minute, where the system says so."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def report(quick):
    """The section of the README, as lines."""
    torch.set_num_threads(2)
    before, pair = load(), data.stereo_motorcycle()
    peers = {"cv2": ("OpenCV, SIFT + USAC", opencv_pair), "pycolmap": ("COLMAP", colmap_pair)}
    have = [name for name in peers if importlib.util.find_spec(name)]
    have = [name for name in have if not (quick and name == "pycolmap")]
    first = [pair_row("ours", ours_pair, pair), *(pair_row(*peers[name], pair) for name in have)]
    second = []
    if not quick:
        images, true, K = still_life()
        second.append(many_row("ours", ours_many, images, true, K))
        if "pycolmap" in have:
            second.append(many_row("COLMAP", colmap_many, images, true, K))
    missing = [peers[name][0] for name in peers if name not in have]
    left_out = f" Not installed and left out: {', '.join(missing)}." if missing else ""
    return [
        BEGIN, "## Structure from motion", "",
        f"`python benchmarks/sfm.py --write`. {machine()}. 2 threads for ours (the others take "
        f"what they like), load {before} at the start and {load()} at the end.{left_out}", "",
        f"The motorcycle, two photographs of 741 x 500. Medians over {SEEDS} seeds, the worst in "
        "brackets; depth is the median relative error of the points of which the truth is known, "
        "after one scale for all; seconds from pictures to pose, the fastest run. COLMAP's is its "
        "two-view geometry, without bundle adjustment: its mapper gave no model of this pair.", "",
        "| | matches | inliers | turn off, degrees | direction off, degrees | depth off, % | s |",
        "|---|---|---|---|---|---|---|", *first, "",
        f"{VIEWS} drawn pictures of {SIZE} x {SIZE}. Worst of {REPEATS} seeds; centres after a "
        "similarity, in percent of the scene's size; seconds for everything, the fastest run.", "",
        "| | registered | points | centres off, most, % | mean, % | seen off, pixels | s |",
        "|---|---|---|---|---|---|---|", *second, END,
    ]  # fmt: skip


def write_section(lines):
    """Replace our section of the README, or append it; everything else stays as it is."""
    text = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    section = "\n".join(lines)
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        text = before + section + rest.split(END, 1)[1]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    README.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--quick", action="store_true", help="the pair only, without COLMAP")
    options = parser.parse_args()
    lines = report(options.quick)
    print("\n".join(lines))
    if options.write:
        write_section(lines)


if __name__ == "__main__":
    main()
