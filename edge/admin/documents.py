"""In which form a config document comes and is wanted: YAML or JSON. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.config.v1 import config_service_pb2 as pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, FieldFault

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
YAML: Final = "application/yaml"
JSON: Final = "application/json"
_FORMATS: Final[Mapping[str, pb2.DocumentFormat.ValueType]] = MappingProxyType(
    {
        JSON: pb2.DOCUMENT_FORMAT_JSON,
        YAML: pb2.DOCUMENT_FORMAT_YAML,
        "application/x-yaml": pb2.DOCUMENT_FORMAT_YAML,
        "text/yaml": pb2.DOCUMENT_FORMAT_YAML,
        "text/x-yaml": pb2.DOCUMENT_FORMAT_YAML,
    }
)
_MEDIA_TYPES: Final = {pb2.DOCUMENT_FORMAT_JSON: JSON, pb2.DOCUMENT_FORMAT_YAML: YAML}


def given_format(content_type: str) -> pb2.DocumentFormat.ValueType:
    """The form that a Content-Type names; without one YAML, of which JSON is a part. Fault for any other."""
    media_type = _bare(content_type)
    if not media_type:
        return pb2.DOCUMENT_FORMAT_YAML
    if media_type not in _FORMATS:
        field = FieldFault("Content-Type", f"must be {YAML} or {JSON}")
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(field,))
    return _FORMATS[media_type]


def wanted_format(accept: str) -> tuple[pb2.DocumentFormat.ValueType, str]:
    """The form that an Accept prefers, and its media type: the known one of the highest quality, else JSON."""
    choices = [(_quality(each), -place, _bare(each)) for place, each in enumerate(accept.split(","))]
    known = [choice for choice in choices if choice[0] > 0 and choice[2] in _FORMATS]
    form = _FORMATS[max(known)[2]] if known else pb2.DOCUMENT_FORMAT_JSON
    return form, _MEDIA_TYPES[form]


def document_text(body: bytes) -> str:
    """The text of a document; Fault when it is too large or not UTF-8."""
    if len(body) > MAX_DOCUMENT_BYTES:
        raise Fault(reasons.ERROR_REASON_BODY_TOO_LARGE, "A document has at most 4 MiB.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        field = FieldFault("", f"The document is not UTF-8 (at byte {error.start}).")
        raise Fault(reasons.ERROR_REASON_INVALID_DOCUMENT, fields=(field,)) from None


def _bare(media_range: str) -> str:
    return media_range.partition(";")[0].strip().lower()


def _quality(media_range: str) -> float:
    for parameter in media_range.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            return float(value) if value.replace(".", "", 1).isdecimal() and len(value) <= 5 else 0.0
    return 1.0
