"""Ten thousand odd files and frames: nothing but the two exceptions that are meant comes out."""

import json
import socket
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib.checks import all_checks
from course_lib.checks.subject import copy_of
from course_lib.grading.protocol import (
    ARRAYS,
    DTYPES,
    MOST_BODY,
    MOST_HEADER,
    Channel,
    ProtocolError,
    pack,
    printable,
    unpack,
)
from course_lib.grading.submitted import (
    MOST_CELLS,
    Cell,
    Unreadable,
    cells_of,
    clean,
    code_to_run,
    load_release,
)

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
RELEASE = load_release(ROOT / "exercises" / UNIT / f"{UNIT}.ipynb")
SOLVED = (ROOT / "solutions" / UNIT / f"{UNIT}.ipynb").read_bytes()
MARKS = [
    cell["metadata"]["nbgrader"]["grade_id"] for cell in RELEASE if "nbgrader" in cell["metadata"]
]
IDS = [cell["id"] for cell in RELEASE]


def examples(number):
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=6,
)
SOURCES = st.text(max_size=40) | st.lists(st.text(max_size=20), max_size=3) | JSON
CELLS = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]) | JSON,
        "source": SOURCES,
        "input": SOURCES,
        "id": st.sampled_from(IDS) | JSON,
        "metadata": JSON
        | st.fixed_dictionaries(
            {"nbgrader": JSON | st.fixed_dictionaries({"grade_id": st.sampled_from(MARKS) | JSON})}
        ),
    },
)
BOOKS = st.fixed_dictionaries(
    {},
    optional={
        "cells": st.lists(CELLS | JSON, max_size=8) | JSON,
        "worksheets": JSON,
        "metadata": JSON,
    },
)


def read(data):
    """Read and match a file as grading does; everything that comes out is text."""
    try:
        cells = cells_of(data)
    except Unreadable as error:
        assert str(error)
        return
    assert len(cells) <= MOST_CELLS
    cleaned = clean(cells, RELEASE)
    for source in [*code_to_run(cleaned), *cleaned.remarks, *(s for _, _, s in cleaned.cells)]:
        source.encode()  # no lone surrogates: it can be written to a file
    tests = [
        mine
        for mine, _, _ in cleaned.cells
        if mine and mine["metadata"].get("nbgrader", {}).get("grade")
    ]
    assert sorted(each["id"] for each in tests) == ["psnr-check", "to_batch-check"]


@examples(1800)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    read(data)


@examples(600)
@given(JSON.map(lambda value: json.dumps(value).encode()))
def test_any_json(data):
    read(data)


@examples(800)
@given(BOOKS.map(lambda value: json.dumps(value).encode()))
def test_anything_like_a_notebook(data):
    read(data)


@examples(1200)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SOLVED) - 1), st.integers(0, 40), st.binary(max_size=6)),
        max_size=4,
    ),
    st.integers(0, len(SOLVED)),
    st.booleans(),
)
def test_a_notebook_with_bytes_changed(changes, end, cut):
    data = bytearray(SOLVED)
    for place, length, new in changes:
        data[place : place + length] = new
    read(bytes(data[:end] if cut else data))


@examples(500)
@given(
    st.lists(
        st.builds(
            Cell,
            st.sampled_from(["code", "markdown", "raw"]),
            st.sampled_from([cell["source"] for cell in RELEASE]) | st.text(max_size=30),
            st.sampled_from([*MARKS, "", "other"]),
            st.sampled_from([*IDS, "", "other"]),
        ),
        max_size=30,
    )
)
def test_tests_come_from_the_release_whatever_the_cells_are(cells):
    cleaned = clean(cells, RELEASE)
    for mine, kind, source in cleaned.cells:
        if mine and mine["metadata"].get("nbgrader", {}).get("grade"):
            assert (kind, source) == (mine["cell_type"], mine["source"])
    assert not any("check(" in each and "hand" in each for each in code_to_run(cleaned)[:2])


# --- frames -------------------------------------------------------------------------------------

KINDS = st.sampled_from([*"nbifstldTAG?", "", "x", "TT", None, 1])
TREES = st.recursive(
    st.builds(lambda kind, *rest: [kind, *rest], KINDS, JSON)
    | st.builds(lambda kind: [kind], KINDS)
    | st.builds(
        lambda kind, name, shape, strides: [kind, name, shape, strides],
        st.sampled_from(["T", "A"]),
        st.sampled_from([*DTYPES, "nothing"]) | JSON,
        st.lists(st.sampled_from([0, 1, 2, 3, 2**26, 2**63, -1]) | JSON, max_size=5) | JSON,
        st.none()
        | st.lists(st.sampled_from([0, 1, 2, 3, 6, 2**62, 2**70, -1]) | JSON, max_size=5)
        | JSON,
    )
    | st.builds(lambda number: ["i", number], st.integers(-(10**40), 10**40))
    | st.builds(lambda size: ["G", size], st.integers(-1, 6000))
    | JSON,
    lambda inner: (
        st.builds(
            lambda kind, items: [kind, items],
            st.sampled_from(["t", "l"]),
            st.lists(inner, max_size=4),
        )
        | st.builds(
            lambda items: ["d", items],
            st.lists(st.tuples(st.text(max_size=6) | JSON, inner).map(list), max_size=4),
        )
    ),
    max_leaves=4,
)


def opened(header, body):
    """Unpack a frame; what comes out is of the kinds that a check knows, and can be packed."""
    try:
        value = unpack(header, bytearray(body))
    except ProtocolError as error:
        assert str(error)
        return
    pack(value)


@examples(1200)
@given(TREES, st.binary(max_size=200))
def test_any_tree_of_values(tree, body):
    opened(json.dumps(tree).encode(), body)


@examples(1500)
@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_header(header, body):
    opened(header, body)


def packed_example():
    value = {
        "value": (
            torch.arange(6.0).reshape(2, 3).T,
            np.ones((2, 2), np.float32),
            None,
            [1, -2.5, True],
        ),
        "message": "text",
        "state": torch.Generator().manual_seed(3),
    }
    return pack(value)


@examples(2200)
@given(
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 6), st.binary(max_size=4)), max_size=4),
    st.integers(0, 6000),
)
def test_a_frame_with_bytes_changed(changes, end):
    header, body = packed_example()
    header = bytearray(header)
    for place, length, new in changes:
        header[place : place + length] = new
    opened(bytes(header), body[:end])


@examples(700)
@given(st.binary(max_size=60), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_any_bytes_on_the_wire(data, header, body, plain):
    ours, theirs = socket.socketpair()
    try:
        theirs.sendall(data if plain else struct.pack(">II", header, body) + data)
        theirs.close()
        with pytest.raises(ProtocolError):
            for _ in range(10):
                Channel(ours).receive(5.0)
    finally:
        ours.close()


def test_a_frame_that_never_ends_is_given_up_in_time_and_takes_no_memory():
    ours, theirs = socket.socketpair()
    theirs.sendall(struct.pack(">II", MOST_HEADER, MOST_BODY))
    began = time.monotonic()
    tracemalloc.start()
    with pytest.raises(TimeoutError):
        Channel(ours).receive(0.3)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
    assert time.monotonic() - began < 2.0
    ours.close(), theirs.close()


@examples(400)
@given(st.text(max_size=200))
def test_what_is_printed_is_one_plain_line(text):
    assert printable(text).isprintable()
    printable(text).encode()


# --- round trips --------------------------------------------------------------------------------


def same(came, wanted):
    assert type(came) is type(wanted) or isinstance(wanted, (tuple, list, dict))
    if isinstance(wanted, torch.Tensor):
        assert (came.shape, came.dtype) == (wanted.shape, wanted.dtype)
        whole = torch.complex128 if wanted.is_complex() else torch.float64
        equal = torch.equal(
            came.to(whole).nan_to_num(7.0), wanted.detach().to(whole).nan_to_num(7.0)
        )
        assert equal
    elif isinstance(wanted, np.ndarray):
        assert (came.shape, came.dtype) == (wanted.shape, wanted.dtype)
        assert np.array_equal(came, wanted, equal_nan=wanted.dtype.kind == "f")
    elif isinstance(wanted, torch.Generator):
        assert torch.equal(came.get_state(), wanted.get_state())
    elif isinstance(wanted, dict):
        assert list(came) == list(wanted)
        for name in wanted:
            same(came[name], wanted[name])
    elif isinstance(wanted, (tuple, list)):
        assert len(came) == len(wanted)
        for one, other in zip(came, wanted, strict=True):
            same(one, other)
    else:
        assert came == wanted or (came != came and wanted != wanted)


def sent(value):
    header, body = pack(value)
    return unpack(header, bytearray(body))


TENSORS = st.builds(
    lambda dtype, shape, turned: (
        (torch.arange(float(np.prod(shape))).reshape(shape) % 5).to(dtype)
        if not turned or len(shape) < 2
        else (torch.arange(float(np.prod(shape))).reshape(shape) % 5).to(dtype).transpose(0, -1)
    ),
    st.sampled_from(list(DTYPES.values())),
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
    st.booleans(),
)
ARRAY_VALUES = st.builds(
    lambda dtype, shape: np.asarray(np.arange(int(np.prod(shape))).reshape(shape) % 5).astype(
        dtype
    ),
    st.sampled_from(sorted(ARRAYS)),
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | TENSORS
    | ARRAY_VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4
        )
    ),
    max_leaves=6,
)


@examples(700)
@given(VALUES)
def test_every_value_arrives_as_it_was(value):
    same(sent(value), value)


@pytest.mark.parametrize("check", list(all_checks()), ids=lambda check: check.name)
def test_every_input_and_right_answer_of_the_course_arrives_as_it_was(check):
    for case in check.cases(torch.Generator().manual_seed(5)):
        came = sent(case.inputs)
        same(came, case.inputs)
        for one, other in zip(came, case.inputs, strict=True):
            if isinstance(other, torch.Tensor) and 0 not in other.stride() and other.numel():
                assert one.stride() == other.stride()
        answer = check.reference(*map(copy_of, case.inputs))
        same(sent(answer), answer)
