"""How limits stand in header fields: draft-ietf-httpapi-ratelimit-headers-10 and Retry-After (RFC 9110 §10.2.3).

Seconds are rounded up, so that who waits as told is not refused again.
"""


def sf_string(text: str) -> bytes:
    """A String of structured fields (RFC 9651 §3.3.3), which is printable ASCII; other characters become `?`."""
    printable = "".join(each if " " <= each <= "~" else "?" for each in text)
    return b'"%b"' % printable.replace("\\", "\\\\").replace('"', '\\"').encode()


def policy_item(name: bytes, units: int, window_millis: int) -> bytes:
    """One item of RateLimit-Policy; `name` is an `sf_string`."""
    return b"%b;q=%d;w=%d" % (name, units, seconds(window_millis))


def state_item(name: bytes, remaining: int, reset_millis: int) -> bytes:
    """The item of RateLimit; `name` is an `sf_string`."""
    return b"%b;r=%d;t=%d" % (name, remaining, seconds(reset_millis))


def seconds(millis: int) -> int:
    """Whole seconds, rounded up: the value of Retry-After, too."""
    return -(-millis // 1000)
