"""What strangers wrote is shown as it is, or escaped."""

import pytest

from cairn.domain.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Luft der drei Täler, 空気", "Luft der drei Täler, 空気"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("to \u202e0xabc", "to \\u202e0xabc"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("no UTF-8: \udcff", "no UTF-8: \\udcff"),
        ("two\nlines", "two\\nlines"),
    ],
)
def test_printable__what_does_not_show_as_itself__is_escaped(text, shown):
    assert printable(text) == shown


def test_printable__lines_kept__escapes_the_rest():
    assert printable("two\nlines\r\x00", lines=True) == "two\nlines\\r\\x00"
