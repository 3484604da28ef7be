"""What strangers wrote is shown as it is, or escaped."""

import pytest

from cairn.domain.text import alias_text, printable


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


def test_alias_text__of_two_aliases__is_never_the_same():
    assert alias_text(b"production".ljust(32, b"\0")) == "production"
    assert alias_text("Täler".encode().ljust(32, b"\0")) == "Täler"
    odd = [alias_text(bytes([byte]).ljust(32, b"\0")) for byte in range(128, 256)]
    assert len(set(odd)) == 128
    assert printable(odd[0]) == "\\udc80"
