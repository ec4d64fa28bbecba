from __future__ import annotations

import pytest

from inception.plan.formats.size import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5GB", 5_000_000_000),
        ("5 gb", 5_000_000_000),
        ("5G", 5_000_000_000),
        ("5GiB", 5 << 30),
        ("512MiB", 512 << 20),
        ("1.5g", 1_500_000_000),
        ("1TB", 10**12),
        ("700kB", 700_000),
        ("123B", 123),
        ("5", 5_000_000_000),
        (" 0.5 ", 500_000_000),
        ("0", 0),
    ],
)
def test_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-5GB", "5 apples", "5GBB", "1e3", "five", "5,5GB", "iB", "5iB"])
def test_a_wrong_size_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size") as refusal:
        parse_size(text)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (61_000_000, "61.0 MB"),
        (294_000_000, "294 MB"),
        (999_600_000, "1.00 GB"),
        (12_345_678_900, "12.3 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_are_shown(size: int, text: str) -> None:
    assert show_size(size) == text
