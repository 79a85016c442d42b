"""Each attack of `tests/grading/attacks` against stock nbgrader and against our grader.

    python benchmarks/attack_table.py            the table on the screen
    python benchmarks/attack_table.py --write    the table in docs/grading-attacks.md

Stock nbgrader runs with its default settings, without the cells that only draw pictures. What does
no harm goes in eight at a time; each case that could do harm is alone in a jail (`stock_nbgrader`).
Cases that speak our own protocol mean nothing there. `--stock FILE` and `--here FILE` keep what was
found, and take it from the file the next time.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "grading"))

from attacks.attack import RELEASE, UNIT, Attack  # noqa: E402
from attacks.everything import EVERYTHING, KINDS  # noqa: E402
from attacks.scene import Scene  # noqa: E402
from stock_nbgrader import Points, Result, Stock, furnish, jailed  # noqa: E402

from course_lib.grading import judge  # noqa: E402
from course_lib.grading.sandbox import Sandbox  # noqa: E402
from course_lib.grading.submitted import (  # noqa: E402
    Unreadable,
    clean,
    code_to_run,
    load_release,
    read_cells,
)

PAGE = ROOT / "docs" / "grading-attacks.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
MEANS_NOTHING = "means nothing there"
Results = dict[str, Result]


def speaks_our_protocol(attack: Attack) -> bool:
    """Whether it writes frames on our socket, which stock nbgrader does not have."""
    return "def sockets()" in attack.psnr + attack.extra


def needs_jail(attack: Attack) -> bool:
    """Whether it could harm the machine, takes for ever, or looks for what lies around it."""
    looks = "CANARY" in attack.psnr + attack.extra
    return bool(attack.put) or attack.endless or looks or not attack.harmless


def in_stock(attacks: list[Attack], folder: Path, file: Path | None) -> Results:
    """What stock nbgrader gives: eight at a time in two courses, then two jails at a time."""
    found = read(file)
    todo = [a for a in attacks if a.name not in found and not speaks_our_protocol(a)]
    free = [attack for attack in todo if not needs_jail(attack)]
    shut_in = [attack for attack in todo if needs_jail(attack)]
    chunks = [
        {f"c{i:03d}-s{k}": attack for k, attack in enumerate(free[i : i + 8])}
        for i in range(0, len(free), 8)
    ]
    courses = [Stock.new(folder / f"course-{i}") for i in range(2)] if free else []
    with tqdm(total=len(todo), desc="stock nbgrader") as bar, ThreadPoolExecutor(2) as pool:

        def keep(new: Results) -> None:
            found.update(new)
            bar.update(len(new))
            write(file, found)

        def work(number: int) -> None:
            for chunk in chunks[number::2]:
                keep(courses[number].grade(chunk))

        list(pool.map(work, range(len(courses))))
        if shut_in:
            shown = folder / "shown"
            shown.mkdir(mode=0o755)
            furnish(shown)
            folder.chmod(0o755)
        list(pool.map(lambda attack: keep({attack.name: jailed(attack, shown)}), shut_in))
    return found


def read(file: Path | None) -> Results:
    """What a file keeps."""
    return json.loads(file.read_text()) if file and file.exists() else {}


def write(file: Path | None, found: Results) -> None:
    """Keep it, where there is a file."""
    if file:
        file.write_text(json.dumps(found))


def here(attacks: list[Attack], folder: Path, file: Path | None) -> Results:
    """Points and harm in our sandbox."""
    found = read(file)
    attacks = [attack for attack in attacks if attack.name not in found]
    if not attacks:
        return found
    with Sandbox(UNIT) as box:
        box.start().close()
        judge.slowness = lambda: 1.0
        scene = Scene(folder, box._parent.pid)
        for i, attack in enumerate(tqdm(attacks, desc="here")):
            judge.CALL_SECONDS = judge.CELL_SECONDS = 3.0 if attack.endless else 30.0
            path = folder / f"attack-{i}" / f"{UNIT}.ipynb"
            path.parent.mkdir()
            data = attack.data(str(scene.canary), scene.port, scene.name)
            attack.put(path, data, scene.canary) if attack.put else path.write_bytes(data)
            try:
                cells = code_to_run(clean(read_cells(path), load_release(RELEASE)))
                grade = judge.grade(cells, UNIT, box, 20_011)
                points = [float(each.earned) for each in grade.exercises]
            except Unreadable:
                points = [0.0, 0.0]
            found[attack.name] = points, scene.harm()
        scene.close()
    write(file, found)
    return found


def table(stock: Results, ours: Results) -> str:
    """The page's tables, one for each kind, and the sums above them."""
    lines = [*sums(stock, ours), ""]
    for kind, attacks in KINDS.items():
        lines += [
            f"## {kind[0].upper()}{kind[1:]}",
            "",
            "| Case | What it tries, or is | Honest | Stock nbgrader | Here | Harm here |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for attack in attacks:
            points, harm = ours[attack.name]
            given, harm_there = stock.get(attack.name, (MEANS_NOTHING, []))
            cells = [
                attack.name,
                attack.tries,
                shown(list(attack.honest)),
                ": ".join([shown(given), "; ".join(harm_there)]).removesuffix(": "),
                shown(points),
                "; ".join(harm) or "none",
            ]
            lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def shown(points: Points) -> str:
    """As it stands in a cell of the table."""
    return points if isinstance(points, str) else " + ".join(f"{each:g}" for each in points)


def sums(stock: Results, ours: Results) -> list[str]:
    """The table of sums."""
    lines = [
        "| | Cases | Undeserved points in | Honest points lost in | No grade | Harm |",
        "|---|---|---|---|---|---|",
    ]
    for name, given in (("Stock nbgrader", stock), ("Here", ours)):
        run = [(attack, given[attack.name][0]) for attack in EVERYTHING if attack.name in given]
        graded = [(a, p) for a, p in run if not isinstance(p, str)]
        more = sum(any(x > y for x, y in zip(p, a.honest, strict=True)) for a, p in graded)
        less = sum(any(x < y for x, y in zip(p, a.honest, strict=True)) for a, p in graded)
        none, harmed = len(run) - len(graded), sum(bool(harm) for _, harm in given.values())
        lines.append(f"| {name} | {len(run)} | {more} | {less} | {none} | {harmed} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    for name in ("--stock", "--here"):
        parser.add_argument(name, type=Path, help="JSON file: keep results, or take them from it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stock = in_stock(EVERYTHING, Path(folder), options.stock)
        made = table(stock, here(EVERYTHING, Path(folder), options.here))
    if not options.write:
        print(made)
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
