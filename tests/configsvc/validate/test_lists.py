"""Lists of names: what stood before is known."""

from configsvc.validate.lists import numbered


def test_each_value_comes_with_its_place_and_whether_it_stood_before() -> None:
    assert list(numbered(["a", "b", "a", "", ""])) == [
        (0, "a", False),
        (1, "b", False),
        (2, "a", True),
        (3, "", False),
        (4, "", True),
    ]
