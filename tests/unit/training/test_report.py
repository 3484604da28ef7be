"""A round's report: what each chart says, in the terminal and as a picture."""

import math
from pathlib import Path

import pytest
from matplotlib.image import imread

from cairn.training import Guard, Selection, TrainingError
from cairn.training.report import MemberEffect, RoundReport, VersionLoss

SELECTION = Selection(
    members=(True, True, False),
    loss=2.0,
    base_loss=4.0,
    toggled=(2.5, 1.9, 3.0),
    n_evaluations=9,
)


@pytest.fixture
def report() -> RoundReport:
    return RoundReport.of(
        "Round 7",
        "cross-entropy, nats",
        [VersionLoss(3, 8.0), VersionLoss(4, 4.0), VersionLoss(5, 2.0)],
        ["north", "south", "stranger"],
        [120, 80, 100],
        SELECTION,
        [None, Guard(65_536, "8").statement(), None],
    )


def test_of__a_selection__tells_who_helps_and_who_would_harm(report: RoundReport) -> None:
    assert [one.effect for one in report.members] == pytest.approx([0.25, -0.05, -0.5])
    assert [one.is_included for one in report.members] == [True, True, False]


def test_to_text__each_member__has_a_bar_to_its_side(report: RoundReport) -> None:
    text = report.to_text(80)
    lines = {line.split()[0]: line for line in text.splitlines() if "|" in line}
    left, right = lines["north"].split("|")
    assert "█" not in left
    assert "+25.00 % in" in right
    left, right = lines["stranger"].split("|")
    assert left.count("█") > lines["north"].count("█") > lines["south"].count("█") > 0
    assert right.endswith("-50.00 % out")
    assert "south: epsilon 1.0126 at delta 0.00001 over 1 updates" in text
    assert max(map(len, text.splitlines())) <= 80
    columns = text.splitlines()[4:8]
    # The first loss fills four lines, the last one line.
    assert [sum(line[2 + 2 * i : 3 + 2 * i] == "█" for line in columns) for i in range(3)] == [
        4,
        2,
        1,
    ]


def test_to_text__nobody_left_without_a_member__is_said(report: RoundReport) -> None:
    only = RoundReport(
        "Round 1", "loss", (VersionLoss(1, 0.0),), (MemberEffect("a", 1, True, math.inf),)
    )
    assert "alone in" in only.to_text()


def test_to_png__twice__is_the_same_picture(report: RoundReport, tmp_path: Path) -> None:
    first, second = (report.to_png(tmp_path / name) for name in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()
    picture = imread(first)
    assert picture.shape[0] > 500
    # Both kinds of bars are drawn.
    for colour in ((0x2F, 0x6F, 0x9F), (0xB0, 0x56, 0x3B)):
        close = abs(picture[:, :, :3] * 255 - colour).max(axis=2) < 3
        assert close.sum() > 500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_report__of_nobody__is_refused() -> None:
    with pytest.raises(TrainingError, match="at least one version and one member"):
        RoundReport("Round 1", "loss", (), ())
