"""How long every lecture and every solved exercise runs, and all of them together.

    python benchmarks/notebooks.py            prints the table
    python benchmarks/notebooks.py --write    also puts it into benchmarks/README.md, and each time
                                              into its notebook, from where the README has it

Two notebooks run side by side, one thread each, as the tests run them: on two cores that is the
shortest time for all. Alone a notebook has both cores, and is faster.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- notebooks:begin -->", "<!-- notebooks:end -->"
WORKERS = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "NUMBA_NUM_THREADS": "1"}
    books = [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]
    books.sort(key=stated, reverse=True)  # the longest first, so that none is left alone at the end
    begun = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        seconds = dict(zip(books, pool.map(timed, books), strict=True))
    text = section(seconds, time.perf_counter() - begun)
    print(text)
    if options.write:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
        for path, took in seconds.items():
            keep(path, took)
        print("Now: make badges")


def stated(path):
    return json.loads(path.read_text())["metadata"]["course"]["run_seconds"]


def timed(path):
    """Seconds from starting the kernel to its last cell."""
    from course_lib.notebooks import run

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        run(path, Path(folder))
        return time.perf_counter() - begun


def keep(path, took):
    """Put the time into the notebook, in steps of 5 s, so that it changes only if it matters."""
    book = json.loads(path.read_text())
    book["metadata"]["course"]["run_seconds"] = max(5, 5 * round(took / 5))
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n")


def section(seconds, together):
    rows = []
    for lecture in sorted(ROOT.glob("lectures/*.ipynb")):
        solved = ROOT / "solutions" / lecture.stem / lecture.name
        rows.append(f"| {lecture.stem} | {seconds[lecture]:.0f} | {seconds[solved]:.0f} |")
    table = "\n".join(["| unit | lecture, s | solved exercise, s |", "|---|---|---|", *rows])
    return (
        f"## Running every notebook\n\n`python benchmarks/notebooks.py --write`. {os.cpu_count()} "
        f"cores, {platform.system()}, Python {platform.python_version()}, load "
        f"{os.getloadavg()[0]:.1f} at the end. Two at a time, one thread each, from the start of "
        f"the kernel to the last cell.\n\n{table}\n\nAll {len(seconds)} together: "
        f"{together / 60:.1f} minutes."
    )


if __name__ == "__main__":
    main()
