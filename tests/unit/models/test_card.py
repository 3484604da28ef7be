"""Cards: what model hubs read, from facts; synthetic data called so wherever they are named."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from cairn.devices import AIR_QUALITY
from cairn.domain.cid import cid_of
from cairn.models import CardError, CardFacts, export, loss_report, read_card, write_card

ROWS = np.random.default_rng(7).integers(-1_000, 1_000, (300, 3))
SCORE = ROWS @ [3, -2, 1] + 7


def regression() -> tuple[object, object]:
    model = LinearRegression().fit(ROWS, SCORE)
    program = export(model, ROWS)
    return program, loss_report(program, model, ROWS, SCORE)


def facts(**changes: object) -> CardFacts:
    given = {"name": "air | quality", "license": "apache-2.0", "tags": ("air",)}
    return CardFacts(**{**given, **changes})  # type: ignore[arg-type]


def test_write_card__of_a_regression__has_the_fields_that_hubs_read():
    program, loss = regression()
    front, text = read_card(
        write_card(facts(datasets=("campaign-1",), registry={"model_id": 4}), program, loss)
    )
    assert front["license"] == "apache-2.0" and front["library_name"] == "cairn"
    assert front["pipeline_tag"] == "tabular-regression"
    assert front["tags"] == ["air", "tabular", "integer-program"]
    assert front["datasets"] == ["campaign-1"] and front["metrics"][0] == "r_squared"
    [index] = front["model-index"]
    [result] = index["results"]
    assert index["name"] == "air | quality" and result["task"] == {"type": "tabular-regression"}
    assert result["dataset"] == {"name": "campaign-1", "type": "tabular"}
    assert result["metrics"][0]["value"] == pytest.approx(loss.metric[2], abs=1e-6)
    assert front["cairn"]["program_hash"] == "0x" + program.hash.hex()
    assert front["cairn"]["model_id"] == 4 and front["cairn"]["synthetic_data"] is False
    assert "synthetic" not in text and "- campaign-1" in text
    assert "# air \\| quality" in text and f"{len(ROWS)} rows" in text


def test_write_card__of_two_outputs__counts_rows():
    targets = np.column_stack([SCORE, -SCORE])
    model = LinearRegression().fit(ROWS, targets)
    program = export(model, ROWS)
    _, text = read_card(write_card(facts(), program, loss_report(program, model, ROWS, targets)))
    assert "Measured on 300 rows, of which 0" in text


def test_write_card__of_a_classifier__says_accuracy_and_agreement():
    model = LogisticRegression().fit(ROWS, SCORE > 0)
    program = export(model, ROWS)
    loss = loss_report(program, model, ROWS, SCORE > 0)
    front, _ = read_card(write_card(facts(), program, loss))
    assert front["pipeline_tag"] == "tabular-classification"
    assert front["metrics"] == ["accuracy", "accuracy", "agreement"]


def test_write_card__synthetic_data__is_called_so_wherever_it_is_named():
    program, loss = regression()
    front, text = read_card(
        write_card(facts(synthetic=True, datasets=("fleet-2021",)), program, loss)
    )
    assert "synthetic" in front["tags"] and front["datasets"] == ["fleet-2021 (synthetic)"]
    assert front["cairn"]["synthetic_data"] is True
    [result] = front["model-index"][0]["results"]
    assert result["dataset"] == {"name": "fleet-2021 (synthetic)", "type": "synthetic"}
    assert "**The data are synthetic**" in text and "300 synthetic rows" in text
    assert "- fleet-2021 (synthetic)" in text


def test_write_card__with_a_schema__tells_units():
    rows = np.column_stack([np.linspace(10, 30, 50)] * AIR_QUALITY.n_features)
    rows = np.clip(rows, [float(c.min) for c in AIR_QUALITY.features],
                   [float(c.max) for c in AIR_QUALITY.features])  # fmt: skip
    target = np.linspace(10, 1_000, 50)
    program = export(LinearRegression().fit(rows, target), rows, AIR_QUALITY)
    _, text = read_card(write_card(facts(), program, schema=AIR_QUALITY))
    for column in (*AIR_QUALITY.features, *AIR_QUALITY.targets):
        assert f"| {column.name} | {column.unit} |" in text


def test_write_card__same_facts__have_one_cid():
    program, loss = regression()
    first, second = (write_card(facts(), program, loss) for _ in range(2))
    assert cid_of(first) == cid_of(second)


def test_write_card__facts_that_are_no_yaml__come_back_as_they_were():
    program, _ = regression()
    odd = "a: [b\n--- {c}: '\"\u202e"
    front, text = read_card(write_card(facts(name=odd, tags=(odd,), license=odd), program))
    assert front["license"] == odd and front["tags"][0] == odd
    assert text.startswith("# a: [b\\n--- {c}: '\"\\u202e\n")


@pytest.mark.parametrize("lacking", ["name", "license"])
def test_write_card__without_name_or_license__is_refused(lacking: str):
    program, _ = regression()
    with pytest.raises(CardError, match="needs a name and a license"):
        write_card(facts(**{lacking: " "}), program)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin"),
        (b"# only text\n", "does not begin"),
        (b"---\nlicense: mit\n", "does not begin"),
        (b"---\n[unclosed\n---\n", "no YAML"),
        (b"---\njust words\n---\n", "no fields"),
        (b"---\na: !!python/object/apply:os.system [ls]\n---\n", "no YAML"),
        (b"---\na: &a [*a]\n---\n", "no aliases"),
        (b"---\na: &a [x, x]\nb: [*a, *a]\n---\n", "no aliases"),
        (b"---\n2024-01-01: a\n---\n", "more than JSON says"),
        (b"---\na: 2024-01-01\n---\n", "more than JSON says"),
        (b"---\na: .nan\n---\n", "more than JSON says"),
        (b"---\na: 0x" + b"f" * 9_999 + b"\n---\n", "more than JSON says"),
        (b"---\na: !!set {b}\n---\n", "more than JSON says"),
        (b"---\na: " + b"9" * 9_999 + b"\n---\n", "no YAML"),
        (b"---\na: 2024-99-99\n---\n", "no YAML"),
        (b"---\na: !!timestamp x\n---\n", "no YAML"),
        (b"---\na: !!bool x\n---\n", "no YAML"),
        (b"---\na: " + b"[" * 9_999 + b"\n---\n", "more than 1000 brackets"),
        (b"---\na: " + b"[" * 1_000 + b"\n---\n", "no YAML"),
        (b"\xff\xfe", "no UTF-8"),
        (b"x" * 300_000, "more than a card has"),
    ],
)
def test_read_card__what_is_none__says_why(data: bytes, reason: str):
    with pytest.raises(CardError, match=reason):
        read_card(data)
