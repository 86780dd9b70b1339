"""The forms that are published for secret scanners are those of the keys that are made."""

import re
from pathlib import Path

from domain import api_keys

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()


def test_the_page_on_keys_has_the_forms_of_keys_and_tokens() -> None:
    (block,) = re.findall(r"For secret scanners:\n\n```\n(.*?)\n```", PAGE, flags=re.DOTALL)
    assert block.splitlines() == [api_keys.API_KEY_PATTERN, api_keys.ADMIN_TOKEN_PATTERN]


def test_a_scanner_finds_a_key_in_the_middle_of_a_text() -> None:
    key = api_keys.compose(True, "Tenant01", "KeyKey01", bytes(32)).value.decode()
    assert re.findall(f"({api_keys.API_KEY_PATTERN})", f'key = "{key}", # {key}') == [(key, "live"), (key, "live")]
