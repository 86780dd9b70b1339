"""What the fields of a request say: which go on, which end here, how its body is framed, who it claims to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.api_keys import compose
from domain.identity_fields import fold
from edge.http.block import MAX_PASSES, FieldBlock, read_block
from edge.http.credentials import Presented
from edge.http.fields import PROTECTED
from edge.principal import CredentialKind
from edge.problems import Refusal
from tests.edge.heads import HOST, Field, block_of

LENGTH: Field = (b"Content-Length", b"5")
CHUNKED: Field = (b"Transfer-Encoding", b"chunked")


def refusal_of(*fields: Field, version: str = "1.1", field_count: int = 100) -> tuple[str, str]:
    refusal = read_block(version, fields, field_count)
    assert isinstance(refusal, Refusal), refusal
    return refusal.code, refusal.detail


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        pytest.param((HOST, HOST), "BAD_REQUEST", "header field host is repeated", id="two Hosts"),
        pytest.param(
            ((b"Origin", b"a"), (b"ORIGIN", b"a")), "BAD_REQUEST", "header field origin is repeated", id="two Origins"
        ),
        pytest.param(
            ((b"X-Tenant-ID", b"a"), (b"x-tenant-id", b"b")),
            "BAD_REQUEST",
            "header field x-tenant-id is repeated",
            id="two tenants",
        ),
        pytest.param(
            ((b"X_Tenant_ID", b"a"),),
            "BAD_REQUEST",
            "X-Tenant-ID is spelled in another way",
            id="a tenant in another spelling",
        ),
        pytest.param((LENGTH, LENGTH), "BAD_REQUEST", "header field content-length is repeated", id="two lengths"),
        pytest.param((CHUNKED, CHUNKED), "BAD_REQUEST", "header field transfer-encoding is repeated", id="two codings"),
        pytest.param(
            (LENGTH, CHUNKED), "BAD_REQUEST", "both Transfer-Encoding and Content-Length", id="length and coding"
        ),
        pytest.param(
            ((b"Authorization", b"a"), (b"authorization", b"b")),
            "CREDENTIALS_CONFLICT",
            "more than one credential",
            id="two Authorizations",
        ),
        pytest.param(
            ((b"X-API-Key", b"a"), (b"x-api-key", b"a")),
            "CREDENTIALS_CONFLICT",
            "more than one credential",
            id="two API keys",
        ),
        pytest.param(
            ((b"Authorization", b"Bearer a"), (b"X-API-Key", b"b")),
            "CREDENTIALS_CONFLICT",
            "both Authorization and X-API-Key",
            id="a token and an API key",
        ),
        pytest.param(
            ((b"Expect", b"200-ok"),),
            "EXPECTATION_FAILED",
            "only 100-continue can be expected",
            id="an unknown expectation",
        ),
        pytest.param(
            ((b"Expect", b""),), "EXPECTATION_FAILED", "only 100-continue can be expected", id="an empty expectation"
        ),
        *(
            pytest.param(
                ((b"Connection", value),),
                "BAD_REQUEST",
                "Connection names a field that may not be removed",
                id=f"Connection naming {value.decode()}",
            )
            for value in (
                b"x-user-id",
                b"close, X-User-ID",
                b"x_user_id",
                b"X.Tenant.ID",
                b"authorization",
                b"content-length",
                b"Transfer_Encoding",
                b"host",
                b"connection",
                b"x-forwarded-proto",
            )
        ),
    ],
)
def test_fields_that_could_be_read_in_two_ways_are_refused(fields: tuple[Field, ...], code: str, detail: str) -> None:
    assert refusal_of(*fields) == (code, detail)


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"], ids=repr)
def test_the_one_expectation_is_taken_and_ends_here(value: bytes) -> None:
    block = block_of((b"Expect", value))
    assert (block.read, block.lines) == ({b"expect": value}, b"")


def test_as_many_fields_as_are_allowed_are_taken_and_not_one_more() -> None:
    fields = [(b"X-%d" % number, b"") for number in range(4)]
    assert isinstance(read_block("1.1", fields[:3], field_count=3), FieldBlock)
    assert refusal_of(*fields, field_count=3) == ("HEADERS_TOO_LARGE", "more than 3 header fields")


@pytest.mark.parametrize(
    "value",
    [b"", b"+5", b"-5", b"5, 5", b"5,5", b" 5", b"0x5", b"5 ", b"5\n", b"1_0", b"9" * 19, "٥".encode()],
    ids=repr,
)
def test_a_length_is_a_decimal_number_and_nothing_else(value: bytes) -> None:
    assert refusal_of((b"Content-Length", value)) == (
        "BAD_REQUEST",
        "Content-Length is not a decimal number of octets",
    )


@pytest.mark.parametrize(("value", "length"), [(b"0", 0), (b"5", 5), (b"007", 7), (b"9" * 18, 10**18 - 1)], ids=repr)
def test_a_length_is_written_anew_for_the_upstream(value: bytes, length: int) -> None:
    block = block_of((b"Content-Length", value))
    assert (block.content_length, block.chunked) == (length, False)
    assert block.lines == b"Content-Length: %d\r\n" % length


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" chunked\t"], ids=repr)
def test_a_chunked_body_stays_chunked(value: bytes) -> None:
    block = block_of((b"Transfer-Encoding", value))
    assert (block.content_length, block.chunked) == (0, True)
    assert block.lines == b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("value", "version"),
    [
        pytest.param(b"gzip", "1.1", id="another coding"),
        pytest.param(b"gzip, chunked", "1.1", id="two codings"),
        pytest.param(b"chunked, chunked", "1.1", id="chunked twice"),
        pytest.param(b",chunked", "1.1", id="an empty member"),
        pytest.param(b"identity", "1.1", id="identity"),
        pytest.param(b"\x0bchunked", "1.1", id="a vertical tab"),
        pytest.param(b"", "1.1", id="nothing"),
        pytest.param(b"chunked", "1.0", id="over HTTP 1.0"),
    ],
)
def test_no_other_coding_is_taken(value: bytes, version: str) -> None:
    assert refusal_of((b"Transfer-Encoding", value), version=version) == (
        "BAD_REQUEST",
        "the only transfer coding is chunked, over HTTP/1.1",
    )


def test_a_request_without_a_body_is_framed_by_no_line() -> None:
    block = block_of(HOST)
    assert (block.content_length, block.chunked, block.lines) == (0, False, b"")


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        pytest.param("1.1", None, True, id="1.1 is kept"),
        pytest.param("1.1", b"close", False, id="1.1 may close"),
        pytest.param("1.1", b"keep-alive, Close", False, id="close wins"),
        pytest.param("1.0", None, False, id="1.0 is closed"),
        pytest.param("1.0", b"Keep-Alive", True, id="1.0 may be kept"),
        pytest.param("1.0", b"keep-alive\t,\tclose", False, id="close wins over 1.0"),
    ],
)
def test_the_connection_is_kept_by_version_and_wish(version: str, connection: bytes | None, kept: bool) -> None:
    fields = () if connection is None else ((b"Connection", connection),)
    block = block_of(*fields, version=version)
    assert block.keep_alive is kept
    assert block.http_11 is (version == "1.1")


@pytest.mark.parametrize(
    "connection",
    [b"X-Trace", b"close , x-trace", b"x_trace", b"X-TRACE,,", b",x-trace", b"te, x.trace\t"],
    ids=repr,
)
def test_fields_that_connection_names_end_here_in_every_spelling(connection: bytes) -> None:
    block = block_of((b"X-Trace", b"1"), (b"Connection", connection), (b"X_Trace", b"2"), (b"X-Other", b"3"))
    assert block.fields == ((b"X-Other", b"3"),)
    assert block.lines == b"X-Other: 3\r\n"


def test_connection_in_several_lines_counts_as_one_list() -> None:
    block = block_of((b"Connection", b"x-a"), (b"X-A", b"1"), (b"connection", b"close"))
    assert (block.fields, block.keep_alive) == ((), False)


@pytest.mark.parametrize("option", [b"close", b"keep-alive", b"upgrade", b"te", b"http2-settings"], ids=repr)
def test_the_options_of_connection_itself_name_no_field(option: bytes) -> None:
    assert block_of((b"Connection", option), (b"X-Other", b"3")).fields == ((b"X-Other", b"3"),)


def test_what_the_edge_reads_is_there_by_lower_case_name_and_the_rest_goes_on_as_spelled() -> None:
    block = block_of(
        HOST,
        (b"X-Forwarded-For", b"10.0.0.1"),
        (b"ORIGIN", b"https://a.test"),
        (b"X-User-ID", b"admin"),
        (b"X-Beta", b"1"),
        (b"x-forwarded-for", b"10.0.0.2"),
    )
    assert block.read == {
        b"host": b"api.example.com",
        b"x-forwarded-for": b"10.0.0.1, 10.0.0.2",
        b"origin": b"https://a.test",
    }
    assert block.fields == ((b"ORIGIN", b"https://a.test"), (b"X-Beta", b"1"))
    assert block.lines == b"ORIGIN: https://a.test\r\nX-Beta: 1\r\n"


def test_all_fields_are_found_by_name_for_header_conditions() -> None:
    block = block_of(HOST, (b"X-Beta", b"1"), (b"x-beta", b"2"), (b"User-Agent", b"curl"), LENGTH)
    assert block.by_name() == {
        b"host": b"api.example.com",
        b"x-beta": b"1, 2",
        b"user-agent": b"curl",
        b"content-length": b"5",
    }


def test_the_credential_is_found_and_does_not_go_on() -> None:
    key = compose(True, "tenant00", "keykey00", b"r" * 32)
    block = block_of((b"X-API-Key", key.value))
    assert block.credential == Presented(CredentialKind.API_KEY, key.value, key)
    assert block.lines == b""


def test_a_credential_that_cannot_be_read_is_no_fault_of_the_fields() -> None:
    """Routes without authentication take the request all the same."""
    credential = block_of((b"Authorization", b"Basic YTpi")).credential
    assert isinstance(credential, Refusal)
    assert credential.code == "TOKEN_INVALID"


names = st.one_of(
    st.sampled_from(sorted(PROTECTED)),
    st.sampled_from([b"X_User_ID", b"X.User.Role", b"Content_Length", b"X-Custom", b"Accept", b"x-a", b"User-Agent"]),
    st.from_regex(rb"[A-Za-z][A-Za-z0-9_.-]{0,12}", fullmatch=True),
)
# What httptools lets through: no octet of a value ends a line.
values = st.binary(max_size=20).map(lambda value: value.translate(None, b"\r\n\0").strip(b" \t"))
known_values = st.sampled_from([b"5", b"chunked", b"close", b"x-a", b"keep-alive, x-custom", b"100-continue"])
lines = st.lists(st.tuples(names, values | known_values), max_size=8)


@given(lines, st.sampled_from(["1.1", "1.0"]))
def test_the_lines_for_the_upstream_are_the_kept_fields_and_one_framing(fields: list[Field], version: str) -> None:
    block = read_block(version, fields, 100)
    if isinstance(block, Refusal):
        return
    *written, end = block.lines.split(b"\r\n")
    assert end == b""
    pairs = [tuple(line.split(b": ", 1)) for line in written]
    framing = pairs[len(block.fields) :]
    assert pairs[: len(block.fields)] == list(block.fields)
    assert framing in ([], [(b"Content-Length", b"%d" % block.content_length)], [(b"Transfer-Encoding", b"chunked")])
    assert all(field in fields for field in block.fields)
    assert not {fold(name) for name, _ in block.fields} & PROTECTED


@pytest.mark.parametrize(
    ("passes", "let_in"),
    [(0, True), (MAX_PASSES - 1, True), (MAX_PASSES, False), (MAX_PASSES + 1, False)],
    ids=["none", "the most", "one more", "two more"],
)
def test_a_request_that_goes_in_a_circle_is_refused(passes: int, let_in: bool) -> None:
    via = [(b"Via", b"1.1 cdn, 1.1 Penstock")] * (passes // 2) + [(b"via", b"1.0 penstock")] * (passes - passes // 2)
    assert isinstance(read_block("1.1", via, 100), FieldBlock) is let_in
