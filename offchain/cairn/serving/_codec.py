"""From the protocol's tensors to rows of device integers, and back.

A request gives its rows in one of two layouts: a tensor for each feature, of shape [n] or [n, 1];
or the one tensor `features`, of shape [n, n_features], in the schema's order. FP64 holds physical
units, in which null means missing; INT32 holds device integers as a packet or a contract has them,
unchecked but for 32 bits, so that any features that can be sent on chain can be sent here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from cairn.domain.integers import INT32_MAX, INT32_MIN, MISSING
from cairn.domain.schema import Column, Schema, SchemaError
from cairn.serving._errors import Malformed, TooLarge, Unfit
from cairn.serving._oip import (
    InferenceRequest,
    MetadataTensor,
    ModelMetadata,
    Parameters,
    RequestInput,
    ResponseOutput,
)
from cairn.serving._predictor import Row

MATRIX = "features"
RAW = "raw-integers"  # a name that no column can have
_MAX_DIGITS = 60
_MAX_BRACKETS = 2_500  # as for a schema: so deep may nesting be without harm


# --- requests ----------------------------------------------------------------------------------


def parse_request(body: bytes) -> InferenceRequest:
    """The request that a body holds; raises Malformed that says where it is not one."""
    # Checked first: the parser recurses in C, and deep nesting could overrun its stack.
    if body.count(b"[") + body.count(b"{") > _MAX_BRACKETS:
        raise Malformed(f"the body opens more than {_MAX_BRACKETS} brackets: give its data flat")
    try:
        entry = json.loads(body, parse_float=_decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {_one_line(error)}") from None
    try:
        return InferenceRequest.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Malformed(f"not an inference request: {where}: {first['msg']}") from None


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters; {_MAX_DIGITS} are enough")
    return Decimal(text)


def _no_constant(text: str) -> Decimal:
    raise ValueError(f"{text} is not a JSON number; send null for a missing measurement")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def rows_of(request: InferenceRequest, schema: Schema, max_rows: int) -> list[Row]:
    """Rows of device integers; raises Unfit that names the tensor, the row and the reason."""
    tensors = request.inputs
    if _is_matrix(tensors, schema):
        (tensor,) = tensors
        n_rows, flat = _values(tensor, len(schema.features), max_rows)
        width = len(schema.features)
        columns = [flat[place::width] for place in range(width)]
        kinds = [tensor.datatype] * width
    else:
        named = _by_name(tensors, schema)
        n_rows, columns, kinds = 0, [], []
        for place, column in enumerate(schema.features):
            tensor = named[column.name]
            found, flat = _values(tensor, 1, max_rows)
            if place and found != n_rows:
                raise Unfit(
                    f"input {column.name} has {found} rows, {schema.features[0].name} has "
                    f"{n_rows}: give every feature for every row"
                )
            n_rows = found
            columns.append(flat)
            kinds.append(tensor.datatype)
    converted = [
        _raw(column, values) if kind == "INT32" else _measured(column, values)
        for column, values, kind in zip(schema.features, columns, kinds, strict=True)
    ]
    return list(zip(*converted, strict=True))


def _is_matrix(tensors: Sequence[RequestInput], schema: Schema) -> bool:
    if len(tensors) != 1 or tensors[0].name != MATRIX:
        return False
    return [column.name for column in schema.features] != [MATRIX]


def _by_name(tensors: Sequence[RequestInput], schema: Schema) -> dict[str, RequestInput]:
    wanted = {column.name for column in schema.features}
    named: dict[str, RequestInput] = {}
    for tensor in tensors:
        if tensor.name not in wanted:
            raise Unfit(
                f"no feature is called {tensor.name[:64]}; the model takes "
                + ", ".join(column.name for column in schema.features)
                + f", or one tensor {MATRIX}"
            )
        if tensor.name in named:
            raise Unfit(f"input {tensor.name} is given twice")
        named[tensor.name] = tensor
    absent = [column.name for column in schema.features if column.name not in named]
    if absent:
        raise Unfit(
            f"no input for {', '.join(absent)}; give every feature, with null for a value that "
            "is missing"
        )
    return named


def _values(tensor: RequestInput, width: int, max_rows: int) -> tuple[int, list[Any]]:
    """The number of rows of a tensor, and its values in row-major order."""
    name, shape = tensor.name, tensor.shape
    if tensor.datatype not in ("FP64", "INT32"):
        raise Unfit(
            f"input {name} is {tensor.datatype[:16]}: send FP64 in physical units, or INT32 in "
            "device integers"
        )
    fits = (len(shape) == 2 and shape[1] == width) or (len(shape) == 1 and width == 1)
    if not fits or shape[0] < 1:
        raise Unfit(
            f"input {name} has shape {shape[:4]}: send [rows, {width}]"
            + (" or [rows]" if width == 1 else "")
            + ", with at least one row"
        )
    if shape[0] > max_rows:
        raise TooLarge(f"input {name} has {shape[0]} rows: this server takes {max_rows} at once")
    data = tensor.data
    if data and isinstance(data[0], list):
        if len(data) != shape[0] or any(
            not isinstance(row, list) or len(row) != width for row in data
        ):
            raise Unfit(f"the nested data of input {name} are not {shape[0]} rows of {width}")
        data = [value for row in data for value in row]
    if len(data) != shape[0] * width:
        raise Unfit(
            f"input {name} has {len(data)} values, its shape {shape} says {shape[0] * width}"
        )
    return shape[0], data


def _raw(column: Column, values: Iterable[Any]) -> list[int]:
    integers = []
    for row, value in enumerate(values):
        # bool is an int in Python, and is none here.
        if type(value) is not int or not INT32_MIN <= value <= INT32_MAX:
            raise Unfit(
                f"{column.name}, row {row}: {_short(value)} is no INT32; the value {MISSING} "
                "stands for a missing one"
            )
        integers.append(value)
    return integers


def _measured(column: Column, values: Iterable[Any]) -> list[int]:
    integers = []
    for row, value in enumerate(values):
        if value is not None and type(value) is not int and type(value) is not Decimal:
            raise Unfit(f"{column.name}, row {row}: {_short(value)} is no number")
        try:
            integers.append(column.to_device(value))
        except SchemaError as error:
            raise Unfit(f"row {row}: {error}") from None
    return integers


def _short(value: Any) -> str:
    return repr(value)[:40]


# --- answers -----------------------------------------------------------------------------------


def output_names(schema: Schema) -> list[str]:
    """The tensors that a model returns: one for each target, then the raw integers."""
    return [*(column.name for column in schema.targets), RAW]


def wanted_outputs(request: InferenceRequest, schema: Schema) -> list[str]:
    """The names of the tensors to return; raises Unfit for one that the model does not give."""
    known = output_names(schema)
    if not request.outputs:
        return known
    wanted = [output.name for output in request.outputs]
    for name in wanted:
        if name not in known:
            raise Unfit(f"no output is called {name[:64]}; the model gives {', '.join(known)}")
    return list(dict.fromkeys(wanted))


def outputs_of(
    results: Sequence[Row], schema: Schema, wanted: Sequence[str]
) -> list[ResponseOutput]:
    """The tensors of some results: scaled values by target, and the program's own integers."""
    tensors = []
    for name in wanted:
        if name == RAW:
            tensors.append(
                ResponseOutput(
                    name=RAW,
                    shape=[len(results), len(schema.targets)],
                    datatype="INT32",
                    data=[value for row in results for value in row],
                )
            )
            continue
        place = next(i for i, column in enumerate(schema.targets) if column.name == name)
        column = schema.targets[place]
        measured = [column.to_measurement(row[place]) for row in results]
        tensors.append(
            ResponseOutput(
                name=name,
                shape=[len(results)],
                datatype="FP64",
                data=[None if value is None else _number(value) for value in measured],
                parameters={"unit": column.unit, "scale": column.scale},
            )
        )
    return tensors


def _number(value: Decimal) -> float:
    number = float(value)
    assert math.isfinite(number)  # an int32 times a column's scale
    return number


def invalid_rows(rows: Sequence[Row], results: Sequence[Row | None], schema: Schema) -> str:
    """Why some rows have the outcome `invalid`, for people."""
    bad = [place for place, result in enumerate(results) if result is None]
    place = bad[0]
    missing = [
        column.name
        for column, value in zip(schema.features, rows[place], strict=True)
        if value == MISSING
    ]
    why = f"{', '.join(missing)} missing, and the program has no stand-in" if missing else "refused"
    more = f"; {len(bad) - 1} more rows are invalid" if len(bad) > 1 else ""
    return f"row {place} is invalid to this program: {why}{more}; nothing was answered"


# --- metadata ----------------------------------------------------------------------------------


def metadata_of(
    name: str,
    version: int,
    platform: str,
    schema: Schema,
    parameters: Parameters,
    aliases: Mapping[str, int],
) -> ModelMetadata:
    """What a model takes and gives, as the registry's schema says."""
    inputs = [
        MetadataTensor(name=c.name, datatype="FP64", shape=[-1], parameters=_describe(c))
        for c in schema.features
    ]
    outputs = [
        MetadataTensor(
            name=c.name,
            datatype="FP64",
            shape=[-1],
            parameters={"unit": c.unit, "scale": c.scale},
        )
        for c in schema.targets
    ]
    outputs.append(MetadataTensor(name=RAW, datatype="INT32", shape=[-1, len(schema.targets)]))
    return ModelMetadata(
        name=name,
        versions=[str(version), *sorted(a for a, v in aliases.items() if v == version)],
        platform=platform,
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
    )


def _describe(column: Column) -> Parameters:
    return {
        "unit": column.unit,
        "scale": column.scale,
        "min": column.min,
        "max": column.max,
        "missing_allowed": column.missing,
        "also_datatype": "INT32",
    }
