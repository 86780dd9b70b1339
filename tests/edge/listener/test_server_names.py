"""Which certificate a client gets that asks for a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.listener.server_names import by_name, chosen, normal_name

CERTIFIED = by_name(
    [
        ("shop", ("shop.example", "www.shop.example")),
        ("wild", ("*.shop.example", "Other.Example")),
        ("late", ("shop.example", "*.shop.example")),
        ("top", ("*.test",)),
    ]
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("shop.example", "shop", id="its name, and the first of two"),
        pytest.param("www.shop.example", "shop", id="its name before a wildcard"),
        pytest.param("a.shop.example", "wild", id="a wildcard"),
        pytest.param("a.b.shop.example", None, id="a wildcard stands for one label"),
        pytest.param(".shop.example", None, id="and not for none"),
        pytest.param("other.example", "wild", id="a name in other letters"),
        pytest.param("a.test", "top", id="a wildcard below a top-level name"),
        pytest.param("test", None, id="not the name below which it is"),
        pytest.param("*.shop.example", "wild", id="the wildcard itself, which no host is called"),
        pytest.param("", None, id="no name"),
        pytest.param("localhost", None, id="a name of one label"),
        pytest.param("unknown.example", None, id="a name of nobody"),
    ],
)
def test_a_name_has_its_certificate(name: str, found: str | None) -> None:
    assert chosen(CERTIFIED, name) == found


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_a_name_has_one_normal_form(name: str) -> None:
    normal = normal_name(name)
    assert normal == normal_name(name.upper())
    assert normal_name(normal + ".") == normal
