"""The verifier of a password as PostgreSQL keeps it: whoever sends this instead of the password leaves no password
in the server's log. Pure."""

import base64
import hashlib
import hmac

# PostgreSQL's own number for passwords that it hashes itself; RFC 7677 §4 asks for no less.
_ITERATIONS = 4096


def scram_verifier(password: str, salt: bytes) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5803 §3 in PostgreSQL's spelling).

    ValueError: `password` is not ASCII, where SASLprep (RFC 4013) could change it.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${_ITERATIONS}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
