"""One HTML page that shows what a run of the course made: grades with reasons, and pictures."""

import html
from collections.abc import Mapping, Sequence

from course_lib.grading.grades import SubmissionGrade

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
caption { text-align: left; font-weight: bold; padding: .4em 0; }
th, td { border-top: 1px solid #8888; padding: .35em .8em; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
img { max-width: 100%; background: white; }
details { margin: .2em 0; }
"""


def page(title: str, sections: Mapping[str, str]) -> str:
    """Return a whole page: a title, links to its sections, and the sections' HTML."""
    links = "".join(
        f'<li><a href="#s{i}">{html.escape(each)}</a></li>' for i, each in enumerate(sections)
    )
    body = "".join(
        f'<h2 id="s{i}">{html.escape(name)}</h2>{inside}'
        for i, (name, inside) in enumerate(sections.items())
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}'
        f'</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{html.escape(title)}</h1><nav><ul>{links}</ul></nav>{body}</body></html>\n"
    )


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an HTML table; the first column heads its rows, numbers are set to the right."""
    top = "".join(f'<th scope="col">{html.escape(each)}</th>' for each in head)
    lines = "".join(
        f'<tr><th scope="row">{html.escape(str(first))}</th>{"".join(map(_cell, rest))}</tr>'
        for first, *rest in rows
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )


def _cell(value: object) -> str:
    number = isinstance(value, (int, float))
    shown = f"{value:.2f}" if isinstance(value, float) else html.escape(str(value))
    return f'<td class="number">{shown}</td>' if number else f"<td>{shown}</td>"


def class_section(unit: str, grades: Mapping[str, SubmissionGrade]) -> str:
    """Return the class's table, student by exercise, and each student's lost points below it."""
    first = next(iter(grades.values()))
    head = ["Student", *(each.check.rpartition(".")[2] for each in first.exercises), "Together"]
    rows = []
    for student, grade in grades.items():
        earned = [f"{each.earned} / {each.points}" for each in grade.exercises]
        possible = sum(each.points for each in grade.exercises)
        rows.append([student, *earned, f"{grade.earned} / {possible}"])
    return table(f"Points in {unit}", head, rows) + "".join(
        _reasons(student, grade) for student, grade in grades.items()
    )


def _reasons(student: str, grade: SubmissionGrade) -> str:
    lines = [(each.check, reason) for each in grade.exercises for reason in each.reasons]
    lines += [("remark", each) for each in grade.remarks]
    items = [f"<li><code>{html.escape(a)}</code> {html.escape(b)}</li>" for a, b in lines]
    told = f"<ul>{''.join(items)}</ul>" if items else "<p>No point was lost.</p>"
    return (
        f"<details><summary>{html.escape(student)}: why points were lost</summary>{told}</details>"
    )
