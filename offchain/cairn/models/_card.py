"""Model cards: Markdown with the YAML front matter that model hubs read, from facts alone.

The fields are those of Hugging Face's model cards (`license`, `tags`, `library_name`, `pipeline_tag`,
`datasets`, `metrics`, `model-index`); what is of Cairn is under `cairn`. A card is stored by its CID,
which a version names, so it is written once and says only what was known then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from cairn.domain.programs import OutputMode, Program
from cairn.domain.schema import Schema
from cairn.domain.text import printable
from cairn.errors import CairnError
from cairn.models._report import Loss, describe

LIBRARY = "cairn"
SYNTHETIC = "synthetic"
FEDERATED = "federated-learning"

MAX_CARD_BYTES = 262_144
MAX_BRACKETS = 1_000
"""Of a card that is read."""

_METRICS = {"accuracy": ("accuracy", "Accuracy"), "R2": ("r_squared", "R2")}


class CardError(CairnError):
    """A card that cannot be written or read; says why."""


@dataclass(frozen=True)
class MemberUpdate:
    """A member's part in a round. index: its place among the round's updates. n_readings: its weight.
    root: its update's. data_root: of the batches it trained on. Roots are 0x and 64 hex digits.
    """

    index: int
    member: str
    n_readings: int
    root: str
    data_root: str


@dataclass(frozen=True)
class RoundFacts:
    """How a training round made a version.

    base_version: what it was trained from, 0 for nothing. estimator: what each member fitted, with
    these hyper-parameters. rule: how the updates came together. parameters_root: of what they came
    to. left_out: updates without effect, by their place in the round, and why.
    """

    base_version: int
    plan_hash: str
    estimator: str
    hyperparameters: Mapping[str, str]
    rule: str
    features: tuple[str, ...]
    target: str
    parameters_root: str
    included: tuple[MemberUpdate, ...]
    left_out: Mapping[int, str]


@dataclass(frozen=True)
class CardFacts:
    """What a card says besides what the program and its loss show.

    name: the model's. datasets: names or CIDs of what it was trained on. synthetic: whether those
    data are simulated, which the card then says wherever it names them. registry: facts of the
    registry, such as `model_id`, `alliance`, `chain_id`, `parent`. training: the round that made it,
    if one did; what its members trained on then counts as datasets too.
    """

    name: str
    license: str
    description: str = ""
    tags: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    synthetic: bool = False
    registry: Mapping[str, int | str] | None = None
    training: RoundFacts | None = None


def write_card(
    facts: CardFacts, program: Program, loss: Loss | None = None, schema: Schema | None = None
) -> bytes:
    """The card of a program, UTF-8. The same facts give the same bytes, and so the same CID.

    Raises CardError if there is no name or license.
    """
    if not facts.name.strip() or not facts.license.strip():
        raise CardError("a card needs a name and a license, such as apache-2.0")
    front = yaml.safe_dump(
        _front(facts, program, loss), sort_keys=False, allow_unicode=True, width=100
    )
    return f"---\n{front}---\n\n{_body(facts, program, loss, schema)}".encode()


def read_card(data: bytes) -> tuple[dict[str, Any], str]:
    """A card's front matter, of JSON's values alone, and its text; nothing in it is code.

    Raises CardError if it has none, or if there are aliases in it, by which a few bytes say much.
    """
    if len(data) > MAX_CARD_BYTES:
        raise CardError(f"{len(data)} bytes are more than a card has ({MAX_CARD_BYTES})")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CardError("not a card: it is no UTF-8") from None
    head, found, rest = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not found:
        raise CardError("not a card: it does not begin with YAML between two lines of ---")
    # Checked first: PyYAML's scanner takes a minute for ten thousand of them.
    if head.count("[") + head.count("{") > MAX_BRACKETS:
        raise CardError(f"not a card: its front matter opens more than {MAX_BRACKETS} brackets")
    try:
        front = yaml.load(head, Loader=_FrontLoader)
    # PyYAML's own constructors raise all of these for scalars that are not what they say.
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError) as error:
        raise CardError(f"not a card: its front matter is no YAML: {error}") from None
    if not isinstance(front, dict):
        raise CardError("not a card: its front matter has no fields")
    try:
        front = json.loads(json.dumps(front, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise CardError(f"not a card: its front matter is more than JSON says: {error}") from None
    return front, rest.lstrip("\n")


class _FrontLoader(yaml.SafeLoader):
    """YAML without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(problem="a card has no aliases")
        return super().compose_node(parent, index)


def _task(program: Program) -> str:
    is_regression = program.output_mode is OutputMode.SCORES
    return "tabular-regression" if is_regression else "tabular-classification"


def _datasets(facts: CardFacts) -> list[str]:
    names = list(facts.datasets)
    if facts.training is not None:
        names += [f"sensor batches {one.data_root}" for one in facts.training.included]
    if not facts.synthetic:
        return names
    return [f"{name} ({SYNTHETIC})" for name in names] or [f"{SYNTHETIC} data"]


def _front(facts: CardFacts, program: Program, loss: Loss | None) -> dict[str, Any]:
    marked = [FEDERATED] if facts.training is not None else []
    marked += [SYNTHETIC] if facts.synthetic else []
    tags = list(dict.fromkeys([*facts.tags, "tabular", "integer-program", *marked]))
    front: dict[str, Any] = {
        "license": facts.license,
        "library_name": LIBRARY,
        "pipeline_tag": _task(program),
        "tags": tags,
        "datasets": _datasets(facts),
    }
    if loss is not None:
        results = _results(loss)
        front["metrics"] = [one["type"] for one in results]
        front["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": _task(program)},
                        "dataset": {
                            "name": ", ".join(_datasets(facts)) or "rows given for the loss",
                            "type": SYNTHETIC if facts.synthetic else "tabular",
                        },
                        "metrics": results,
                    }
                ],
            }
        ]
    shown = describe(program)
    kept = ("kind", "output_mode", "n_features", "n_outputs", "bytes", "execution_gas_at_most")
    front["cairn"] = {
        "program_hash": shown["hash"],
        **{name: shown[name] for name in kept},
        "synthetic_data": facts.synthetic,
        **dict(facts.registry or {}),
    }
    if facts.training is not None:
        front["cairn"]["round"] = _round_front(facts.training)
    return front


def _round_front(training: RoundFacts) -> dict[str, Any]:
    fields = asdict(training)
    fields["features"] = list(training.features)
    fields["included"] = [asdict(one) for one in training.included]
    fields["left_out"] = {str(index): why for index, why in training.left_out.items()}
    return fields


def _results(loss: Loss) -> list[dict[str, Any]]:
    """What was measured on the rows that were given: of the program, beside the float model."""
    found: list[dict[str, Any]] = []
    if loss.metric is not None:
        name, float_model, program = loss.metric
        kind, words = _METRICS[name]
        found.append({"type": kind, "name": f"{words} of the program", "value": round(program, 6)})
        found.append(
            {
                "type": kind,
                "name": f"{words} of the float model it was made from",
                "value": round(float_model, 6),
            }
        )
    if loss.agreement is not None:
        name = "Rows with the float model's label"
        found.append({"type": "agreement", "name": name, "value": round(loss.agreement, 6)})
    else:
        name = "Mean distance from the float model"
        found.append({"type": "mae", "name": name, "value": float(f"{loss.mean:.6g}")})
    return found


def _body(facts: CardFacts, program: Program, loss: Loss | None, schema: Schema | None) -> str:
    parts = [f"# {_line(facts.name)}", ""]
    if facts.description:
        parts += [printable(facts.description, lines=True), ""]
    if facts.synthetic:
        parts += [
            "**The data are synthetic**: they were simulated, and no sensor measured them. What is "
            "said of quality below holds for such data only.",
            "",
        ]
    shown = describe(program)
    parts += [
        "## What it is",
        "",
        f"An integer program (cairn-program/1, {shown['kind']}), which contracts and Python run to the "
        f"same integers. Hash `{shown['hash']}`, {shown['bytes']:,} bytes, at most "
        f"{shown['execution_gas_at_most']:,} gas to run on chain.",
        "",
    ]
    if schema is not None:
        parts += ["## What it takes and gives", ""]
        parts += _table(
            ("", "name", "unit", "from", "to", "scale"),
            [
                (role, one.name, one.unit, one.min, one.max, one.scale)
                for role, columns in (("takes", schema.features), ("gives", schema.targets))
                for one in columns
            ],
        )
    if loss is not None:
        n_rows = loss.n_rows + loss.n_invalid
        data = "synthetic rows" if facts.synthetic else "rows"
        parts += [
            "## How good it is",
            "",
            f"Measured on {n_rows:,} {data}, of which {loss.n_invalid:,} had an invalid outcome.",
            "",
            *_table(
                ("measure", "value"), [(one["name"], f"{one['value']:g}") for one in _results(loss)]
            ),
        ]
    if facts.training is not None:
        parts += _round_body(facts.training)
    parts += ["## Data", "", *(f"- {_line(name)}" for name in _datasets(facts))]
    if not _datasets(facts):
        parts.append("Not named.")
    if facts.registry:
        parts += ["", "## In the registry", ""]
        parts += [f"- {_line(str(key))}: {_line(str(one))}" for key, one in facts.registry.items()]
    return "\n".join(parts).rstrip() + "\n"


def _round_body(training: RoundFacts) -> list[str]:
    """Who took part, and what became of the updates."""
    start = f"version {training.base_version}" if training.base_version else "nothing"
    given = ", ".join(f"{key} {value}" for key, value in training.hyperparameters.items())
    estimator = training.estimator + (f" ({given})" if given else "")
    parts = [
        "## How it was trained",
        "",
        f"Together, from {start}: each member fitted {_line(estimator)} to readings of its own sensors, "
        f"to predict {_line(training.target)} from {_line(', '.join(training.features))}, and handed in "
        f"an update; their {_line(training.rule).replace('_', ' ')} is the model. Plan "
        f"`{training.plan_hash}`, parameters `{training.parameters_root}`: whoever has the updates' "
        "files comes to the same integers.",
        "",
        *_table(
            ("update", "member", "readings", "root"),
            [(one.index, one.member, f"{one.n_readings:,}", one.root) for one in training.included],
        ),
    ]
    if training.left_out:
        parts += ["Without effect:", ""]
        parts += [f"- update {index}: {_line(why)}" for index, why in training.left_out.items()]
        parts.append("")
    return parts


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(_line(str(one)) for one in line) + " |" for line in lines] + [""]


def _line(text: str) -> str:
    """A text that stays in its cell and its line."""
    return printable(text).replace("|", "\\|")
