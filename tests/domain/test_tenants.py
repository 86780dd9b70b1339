"""Ids of tenants and the names of their schemas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tenants import DEFAULT_TENANT, SLUG, TenantId, parse_tenant_id, schema_name, tenant_of_schema


@given(st.uuids())
def test_a_schema_leads_back_to_its_tenant(uuid: object) -> None:
    tenant = parse_tenant_id(str(uuid))
    assert tenant is not None
    assert tenant_of_schema(schema_name(tenant)) == tenant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "default",
        DEFAULT_TENANT.upper().replace("0", "A", 1),
        DEFAULT_TENANT.replace("-", ""),
        "{" + DEFAULT_TENANT + "}",
        "urn:uuid:" + DEFAULT_TENANT,
        DEFAULT_TENANT + "\n",
        DEFAULT_TENANT[:-1] + "g",
        DEFAULT_TENANT[:-1] + "\N{ARABIC-INDIC DIGIT ONE}",
        '"; DROP SCHEMA public; --            ',
    ],
)
def test_only_the_canonical_spelling_is_an_id_and_makes_a_schema(text: str) -> None:
    assert parse_tenant_id(text) is None
    with pytest.raises(ValueError, match="canonical"):
        schema_name(TenantId(text))


@pytest.mark.parametrize(
    "schema", ["public", "tenant_", "tenant_" + "0" * 31, "tenant_" + "G" * 32, "xtenant_" + "0" * 32]
)
def test_other_schemas_belong_to_no_tenant(schema: str) -> None:
    assert tenant_of_schema(schema) is None


@pytest.mark.parametrize(
    ("slug", "valid"),
    [
        ("a", True),
        ("acme-2", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("-a", False),
        ("a-", False),
        ("A", False),
        ("a_b", False),
        ("", False),
    ],
)
def test_slugs(slug: str, valid: bool) -> None:
    assert bool(SLUG.fullmatch(slug)) is valid
