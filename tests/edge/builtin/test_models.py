"""Every form shows an example that fits it."""

import inspect

import pytest
from pydantic import BaseModel

from edge.builtin import models

FORMS = [each for _, each in inspect.getmembers(models, inspect.isclass) if each.__module__ == models.__name__]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_an_example_fits_its_form_and_has_all_of_its_members(form: type[BaseModel]) -> None:
    (example,) = form.model_json_schema()["examples"]
    assert form.model_validate(example, strict=False).model_dump(mode="json") == example
