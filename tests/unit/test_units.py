import pytest

from dicom_printer.config.units import address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (9105, ("127.0.0.1", 9105)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9105", ("::1", 9105)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
        ("", None),
    ],
)
def test_where_to_listen(text: object, found: tuple[str, int] | None) -> None:
    assert address(text) == found


@pytest.mark.parametrize(
    "text",
    [65536, -1, True, 1.5, None, "9105", "host:9105", "::1:9105", "1.2.3:1", "127.0.0.1:", "[::1]"],
)
def test_what_is_nowhere_to_listen(text: object) -> None:
    with pytest.raises(ValueError, match=r"must be|does not appear"):
        address(text)
