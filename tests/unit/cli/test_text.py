"""Text for a terminal."""

from segtrt.cli.text import facts, plain, table


def test_nothing_steers_the_terminal():
    assert plain("a\x1b[31mb\nc\udc80é很") == "a\\x1b[31mb\\nc\\udc80é很"


def test_columns_are_aligned():
    assert table([("name", "n"), ("a", 1), ("long name", 1000)]) == [
        "name          n",
        "a             1",
        "long name  1000",
    ]
    assert table([("n", "name"), (10, "a")], left=(1,)) == [" n  name", "10  a"]


def test_values_stand_below_each_other():
    assert facts([("a", 1), ("long", "x\ty"), ("", "more")]) == [
        "  a     1",
        "  long  x\\ty",
        "        more",
    ]
    assert facts([]) == []
