"""The verifier of a password."""

import base64

import pytest

from penstockctl.cluster.scram import scram_verifier


def test_it_is_what_the_example_of_the_rfc_proves() -> None:
    # RFC 7677 §3: user "user", password "pencil"; the server's signature there is made with this ServerKey.
    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_a_password_that_saslprep_could_change_is_refused() -> None:
    with pytest.raises(ValueError, match="ascii"):
        scram_verifier("péncil", b"salt")
