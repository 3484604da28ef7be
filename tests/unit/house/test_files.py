"""What the repository must never carry, whoever adds it."""

from __future__ import annotations

import re

import pytest

# Written in halves, so that this file does not carry them either.
HOSTS = "|".join(
    re.escape(head + tail)
    for head, tail in (
        ("registry.", "npmjs.org"),
        ("registry.", "yarnpkg.com"),
        ("py", "pi.org"),
        ("pythonhosted", ".org"),
        ("crates", ".io"),
        ("proxy.", "golang.org"),
        ("repo1.", "maven.org"),
        ("deb.", "debian.org"),
    )
)
FORBIDDEN = {
    "the address of a registry": rf"{HOSTS}|\"resolved\":\s*\"http|--(?:extra-)?index-" + "url",
    "a path of one machine": r"(?<![\w./-])/(?:work|farm|root|Users|home/[a-z]+)/[\w.]",
    "unpickling": r"\b(?:pickle|cPickle|joblib|cloudpickle|dill|marshal)\.(?:loads?|Unpickler)\("
    r"|read_pickle\(|allow_pickle\s*=\s*True|^\s*(?:import|from)\s+(?:pickle|cloudpickle|dill)\b",
    "a private key": r"BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?i:(?:private|secret|signing)_?key)\w*[\"']?\s*[:=(]+\s*[\"'](?:0x)?[0-9a-fA-F]{64}[\"']"
    r"|from_key\(\s*[\"'](?:0x)?[0-9a-fA-F]{64}",
    "a mnemonic that is not the development one": r"(?i:mnemonic|seed_phrase)[\"']?\s*[:=]\s*[\"']?"
    r"(?!(?:test ){11}junk)(?:[a-z]{3,8} ){11}[a-z]{3,8}",
}
# In tests alone: what makes one flaky, or hides a gap.
FORBIDDEN_IN_TESTS = {
    "a sleep": r"\btime\.sleep\(|\basyncio\.sleep\((?!0\))",
    "the wall clock": r"\btime\.time\(",
    "a skip or an expected failure": r"\bmark\.(?:skip|skipif|xfail)\b"
    r"|\bpytest\.(?:skip|xfail|importorskip)\(",
}


def places(files: dict[str, str], pattern: str, below: str = "") -> list[str]:
    found = re.compile(pattern, re.MULTILINE)
    return [
        f"{name}:{content.count(chr(10), 0, match.start()) + 1}: {match.group()[:60]!r}"
        for name, content in files.items()
        if name.startswith(below) and name != "tests/unit/house/test_files.py"
        for match in found.finditer(content)
    ]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_files__forbidden__is_nowhere(files, what):
    assert not places(files, FORBIDDEN[what])


@pytest.mark.parametrize("what", FORBIDDEN_IN_TESTS)
def test_tests__forbidden__is_nowhere(files, what):
    assert not places(files, FORBIDDEN_IN_TESTS[what], below="tests/")


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("the address of a registry", '"resolved": "' + 'https://example.org/a.tgz"'),
        ("a path of one machine", "open('/ho" + "me/ada/data.csv')"),
        ("unpickling", "model = joblib" + ".load(path)"),
        ("unpickling", "np.load(path, allow_" + "pickle=True)"),
        ("a private key", "PRIVATE_" + "KEY = '0x" + "1f" * 32 + "'"),
        ("a private key", "Account.from_" + "key('" + "1f" * 32),
        ("a mnemonic that is not the development one", 'mnemonic: "' + "word " * 11 + 'junk"'),
    ],
)
def test_forbidden__an_example__is_found(what, line):
    assert places({"a.py": line}, FORBIDDEN[what])


def test_forbidden__the_development_mnemonic__is_allowed():
    line = "mnemonic: " + "test " * 11 + "junk"
    assert not places({"a.yaml": line}, "|".join(FORBIDDEN.values()))


def test_files__keys_in_files__are_not_there(files):
    assert not [name for name in files if re.search(r"\.(?:pem|key|pkl|pickle|joblib)$", name)]
