"""A result as an accessible HTML table, and as plain text for a terminal."""

import base64
import html
import io
import textwrap

import torch

from course_lib.checks import Finding, Result
from course_lib.checks.evaluate import Outcome


def as_html(result: Result) -> str:
    """The table of a failed check: each property, its points, what came and what was wanted."""
    rows = "".join(_row(outcome, result) for outcome in result.outcomes)
    return (
        '<table style="text-align:left;border-collapse:collapse;max-width:60em">'
        f'<caption style="text-align:left;font-weight:bold;padding:4px 0">'
        f"{html.escape(result.check.function)}: {result.earned} of {result.check.points} points"
        "</caption><thead><tr>"
        + "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _COLUMNS)
        + f"</tr></thead><tbody>{rows}</tbody></table>"
    )


_CELL = "text-align:left;vertical-align:top;padding:4px 10px;border-top:1px solid #8888"
_COLUMNS = ("Property", "Points", "What happened")


def _row(outcome: Outcome, result: Result) -> str:
    finding = outcome.finding
    points = f"{outcome.earned} / {outcome.property.points}"
    if finding is None:
        story = "✓ holds"
    elif _told_before(outcome, result):
        story = "✗ the same as above"
    else:
        story = f"✗ {_story(finding)}"
    return (
        f'<tr><th scope="row" style="{_CELL};font-weight:normal">'
        f"{html.escape(outcome.property.name)}</th>"
        f'<td style="{_CELL};white-space:nowrap">{points}</td><td style="{_CELL}">{story}</td></tr>'
    )


def _told_before(outcome: Outcome, result: Result) -> bool:
    """Whether an earlier property failed with the same words."""
    earlier = result.outcomes[: result.outcomes.index(outcome)]
    return any(
        o.finding and outcome.finding and o.finding.told_as(outcome.finding) for o in earlier
    )


def _story(finding: Finding) -> str:
    parts = [html.escape(finding.message)]
    if finding.case:
        parts.insert(0, f"On <em>{html.escape(finding.case)}</em>:")
    if finding.came or finding.wanted:
        parts.append(
            f"<br>came <code>{html.escape(finding.came)}</code>, "
            f"wanted <code>{html.escape(finding.wanted)}</code>."
        )
    if finding.hint:
        parts.append(f"<br><strong>Hint:</strong> {html.escape(finding.hint)}")
    if finding.pictures:
        shown = "".join(_figure(label, each) for label, each in finding.pictures.items())
        parts.append(f'<div style="display:flex;gap:12px;flex-wrap:wrap">{shown}</div>')
    return " ".join(parts)


def _figure(label: str, picture: torch.Tensor) -> str:
    from PIL import Image

    pixels = (picture.detach().clamp(0, 1).nan_to_num() * 255).round().to(torch.uint8).numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    label = html.escape(label)
    return (
        f'<figure style="margin:6px 0"><img alt="{label}" width="128" '
        f'style="image-rendering:pixelated" src="data:image/png;base64,{data}">'
        f"<figcaption>{label}</figcaption></figure>"
    )


def as_text(result: Result) -> str:
    """The same for a terminal.

    Each property stands on a line of its own, with what was found below it.
    """
    lines = [f"{result.check.function}: {result.earned} of {result.check.points} points"]
    for outcome in result.outcomes:
        mark = "✗" if outcome.finding else "✓"
        lines.append(
            f"  {mark} {outcome.property.name} ({outcome.earned}/{outcome.property.points})"
        )
        if outcome.finding and not _told_before(outcome, result):
            lines += [f"      {line}" for line in _story_lines(outcome.finding)]
    return "\n".join(lines)


def _story_lines(finding: Finding) -> list[str]:
    told = [f"On {finding.case}: {finding.message}" if finding.case else finding.message]
    if finding.came or finding.wanted:
        told.append(f"came {finding.came}, wanted {finding.wanted}")
    if finding.hint:
        told.append(f"Hint: {finding.hint}")
    return [line for each in told for line in textwrap.wrap(each, 88)]
