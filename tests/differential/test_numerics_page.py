"""docs/numerics.md read literally: a second implementation that shares no line with the first.

It knows bytes and Keccak-256 alone. What it makes of a program is what the reference makes of it, on
well-formed programs, on malformed ones that are published all the same, and on chunks of noise.
"""

import random

import pytest
from threadpoolctl import threadpool_limits

from cairn.domain.integers import pack_features
from cairn.domain.keccak import keccak256
from cairn.domain.programs import Program
from cairn.models import export
from tools import malformed, zoo

N_HEADERS = 600
KERNEL_WORDS = {1: 128, 2: 320, 3: 704, 4: 64, 5: 704, 6: 64, 7: 704}
TWO_256 = 2**256


def signed(value: int) -> int:
    value %= TWO_256
    return value - TWO_256 if value >= 2**255 else value


def saturate(score: int) -> int:
    return max(-(2**31 - 1), min(score, 2**31 - 1))


class Page:
    """A program's bytes, by the sections of the page."""

    def __init__(self, data: bytes) -> None:
        self.words = [int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32)]
        self.kind, self.mode = data[4], data[5]
        self.n_features = int.from_bytes(data[6:8], "big")
        self.n_header = int.from_bytes(data[10:12], "big")
        self.n_chunks = int.from_bytes(data[12:14], "big")
        self.shift, self.n_layers = data[15], data[16]
        self.groups = -(-self.n_features // 8)
        self.tail = self.words[2 + 12 * self.groups : self.n_header]
        self.hash = keccak256(
            bytes.fromhex("600b380380600b5f395ff3" + "6106406004355f396106405ff3")
            + data[: 32 * self.n_header]
        )
        ids = self.words[self.n_header - self.n_chunks : self.n_header]
        self.chunks: list[list[int]] = []
        at = self.n_header
        for chunk_id in ids:
            kernel = chunk_id >> 248
            words = self.words[at : at + KERNEL_WORDS[kernel]]
            hashed = keccak256(b"".join(word.to_bytes(32, "big") for word in (kernel, *words)))
            assert chunk_id.to_bytes(32, "big") == bytes([kernel]) + hashed[1:]
            self.chunks.append(words)
            at += len(words)
        assert at == len(self.words)

    def run(self, features: bytes) -> bytes:
        if len(features) != 4 * self.n_features:
            return b""
        lanes = self.feature_stage(features)
        if lanes is None:
            return b""
        if self.kind == 1:
            total = self.words[1] + sum(multiplier * d for multiplier, d in lanes)
            scores = [saturate(signed(total) >> self.shift)]
        else:
            inputs = [signed(self.words[1] + m * d) >> self.shift for m, d in lanes]
            scores = self.dense(inputs) if self.kind == 2 else self.trees(inputs)
        if len(scores) == 1:
            label = 1 if scores[0] > 0 else 0
        else:
            label = min(range(len(scores)), key=lambda k: (-scores[k], k))
        outputs = [scores, [label], [label, *scores]][self.mode]
        return b"".join(output.to_bytes(4, "big", signed=True) for output in outputs)

    def feature_stage(self, features: bytes) -> list[tuple[int, int]] | None:
        """Of each lane the multiplier and d."""
        lanes: list[tuple[int, int]] = []
        for group in range(self.groups):
            words = self.words[2 + 12 * group : 14 + 12 * group]
            for lane in range(8):
                low, high, imputed, centre = (
                    (word >> (224 - 32 * lane)) % 2**32 - 2**31 for word in words[:4]
                )
                at = 4 * (8 * group + lane)
                x = int.from_bytes(features[at : at + 4], "big", signed=True)
                if low <= x <= high:
                    pass
                elif x < low and x == -(2**31):
                    x = imputed
                    if x == -(2**31):
                        return None
                elif x < low:
                    x = low
                else:
                    x = high
                lanes.append((signed(words[4 + lane]), x - centre))
        return lanes

    def dense(self, inputs: list[int]) -> list[int]:
        rows = [word for chunk in self.chunks for word in chunk]
        row = at = 0
        for _ in range(self.n_layers):
            word = self.tail[at].to_bytes(32, "big")
            n_inputs, n_units = int.from_bytes(word[:2], "big"), int.from_bytes(word[2:4], "big")
            groups, tiles = -(-n_units // 8), -(-n_inputs // 32)
            values: list[int] = []
            for group in range(groups):
                total = self.tail[at + 1 + group]
                for tile in range(tiles):
                    first = 32 * (row + tile * groups + group)
                    for j in range(32):
                        if 32 * tile + j < len(inputs):
                            total += rows[first + j] * inputs[32 * tile + j]
                total %= TWO_256
                values += [(total >> 32 * lane) % 2**32 - 2**31 for lane in range(8)]
            at += 1 + groups
            row += tiles * groups
            if word[5] == 0:
                return [saturate(v >> word[4]) for v in values[:n_units]]
            inputs = [min(max(v, 0) >> word[4], 2 ** word[5] - 1) for v in values]
        raise AssertionError("a last layer has no activation")

    def trees(self, inputs: list[int]) -> list[int]:
        word = self.tail[0].to_bytes(32, "big")
        n_scores, shift = int.from_bytes(word[2:4], "big"), word[4]
        multiplier, deeper = int.from_bytes(word[6:14], "big"), word[14]
        biases = [signed(bias) for bias in self.tail[1 : 1 + n_scores]]
        table = b"".join(w.to_bytes(32, "big") for w in self.tail[1 + n_scores :])[: self.n_chunks]
        wide = self.n_features > 8
        keys = [
            ((i if wide else 32 * i) << 24) + (2 * value) % 2**24 for i, value in enumerate(inputs)
        ]

        def find(name: int) -> int:
            if wide:
                return keys[name % 128] << 224 if name % 128 < len(keys) else 0
            return sum(key << (224 - 32 * i) for i, key in enumerate(keys)) << name & TWO_256 - 1

        totals, sums = [0] * n_scores, [0, 0]
        for chunk, score in zip(self.chunks, table, strict=True):
            pages = len(chunk) // 2
            for root in range(1, 1 + chunk[0] % pages):
                at = root
                for _ in range(2 + deeper):
                    n, exits = chunk[2 * (at % pages)], chunk[2 * (at % pages) + 1]
                    first = find(n >> 248) > n
                    n = n << (32 + 96 * first) & TWO_256 - 1
                    second = find(n >> 248) > n
                    n = n << (32 + 32 * second) & TWO_256 - 1
                    third = find(n >> 248) > n
                    at = exits.to_bytes(32, "big")[4 * (4 * first + 2 * second + third) :][:4]
                    at = int.from_bytes(at, "big")
                    if at >= 2**31:
                        break
                if word[5]:
                    leaf = (at - 2**31) % TWO_256 % pages
                    sums = [sums[0] + chunk[2 * leaf], sums[1] + chunk[2 * leaf + 1]]
                else:
                    totals[score] += at - 2**31 - 2**30
        if word[5]:
            totals = [(sums[k // 8] >> 32 * (k % 8)) % 2**32 for k in range(n_scores)]
        return [
            saturate(signed(multiplier * total + bias) >> shift)
            for total, bias in zip(totals, biases, strict=True)
        ]


def check(program: Program, rows: list[bytes]) -> None:
    page = Page(program.to_bytes())
    assert page.hash == program.hash
    for features in rows:
        assert page.run(features) == program.run_packed(features)


@pytest.mark.parametrize("batch", range(4))
def test_page__published_by_anyone__says_what_the_reference_says(batch: int) -> None:
    accepted = 0
    for seed in range(N_HEADERS // 4):
        generator = random.Random(90_000 + batch * N_HEADERS + seed)
        program = malformed.read(malformed.malformed_header(generator))
        if program is not None:
            accepted += 1
            check(program, [malformed.features(generator, program) for _ in range(4)])
    assert accepted > 10


@pytest.mark.parametrize("place", range(len(malformed.well_formed())))
def test_page__well_formed__says_what_the_reference_says(place: int) -> None:
    program = malformed.well_formed()[place]
    generator = random.Random(place)
    rows = [malformed.features(generator, program) for _ in range(60)]
    extremes = [pack_features([value] * program.n_features) for value in malformed.EXTREMES]
    check(program, [*rows, *extremes, b""])
    assert len({program.run_packed(row) for row in rows}) >= 2


@pytest.mark.parametrize(
    ("name", "n_classes"),
    [
        ("columns", 0),
        ("DecisionTreeRegressor", 0),
        ("DecisionTreeClassifier", 5),
        ("LogisticRegression", 5),
    ],
)
def test_page__exported_model__says_what_the_reference_says(name: str, n_classes: int) -> None:
    train = zoo.classification(600, 1, n_classes) if n_classes else zoo.regression(600, 1)
    makers = zoo.REGRESSORS | zoo.CLASSIFIERS | zoo.STEPS
    with threadpool_limits(1):
        model = makers[name]().fit(train.X, train.y)
    program = export(model, train.X, zoo.schema(2 if n_classes else 1))
    check(program, [pack_features(row) for row in zoo.wild_rows(program, 60, 3).tolist()])
