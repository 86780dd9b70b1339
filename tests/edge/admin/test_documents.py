import pytest
from penstock.config.v1 import config_service_pb2 as pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.admin.documents import JSON, MAX_DOCUMENT_BYTES, YAML, document_text, given_format, wanted_format
from svckit.errors import Fault


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/yaml", YAML),
        ("text/yaml;q=0.5, application/json;q=0.4", YAML),
        ("application/yaml;q=0.4, application/json", JSON),
        ("application/yaml, application/json", YAML),
        ("application/yaml;q=0", JSON),
        ("application/yaml;q=nonsense", JSON),
        ("text/html, Application/YAML", YAML),
    ],
)
def test_accept_chooses_the_form_and_json_is_the_default(accept: str, media_type: str) -> None:
    assert wanted_format(accept)[1] == media_type


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("", pb2.DOCUMENT_FORMAT_YAML),
        ("application/json; charset=utf-8", pb2.DOCUMENT_FORMAT_JSON),
        ("text/x-yaml", pb2.DOCUMENT_FORMAT_YAML),
    ],
)
def test_content_type_names_the_form(content_type: str, form: int) -> None:
    assert given_format(content_type) == form


def test_an_unknown_content_type_is_refused() -> None:
    with pytest.raises(Fault) as refused:
        given_format("application/x-www-form-urlencoded")
    assert refused.value.fields[0].path == "Content-Type"


def test_a_document_is_utf8_and_at_most_4_mib() -> None:
    assert document_text(b"\xef\xbb\xbfroutes: []") == "routes: []"
    assert len(document_text(b"#" * MAX_DOCUMENT_BYTES)) == MAX_DOCUMENT_BYTES
    for body, reason in (
        (b"\xff", reasons.ERROR_REASON_INVALID_DOCUMENT),
        (b"#" * (MAX_DOCUMENT_BYTES + 1), reasons.ERROR_REASON_BODY_TOO_LARGE),
    ):
        with pytest.raises(Fault) as refused:
            document_text(body)
        assert refused.value.reason == reason
