"""The strength of a digest."""

from authsvc.peppers import Digest, Peppers


def test_a_digest_matches_its_credential_under_its_pepper_only() -> None:
    peppers = Peppers({1: b"1" * 32, 2: b"2" * 32})
    old, new = Peppers({1: b"1" * 32}).digest(b"credential"), peppers.digest(b"credential")
    assert (old.pepper_id, new.pepper_id) == (1, 2)
    assert peppers.matches(b"credential", old)
    assert peppers.matches(b"credential", new)
    assert not peppers.matches(b"another", new)
    assert not peppers.matches(b"credential", None)
    assert not peppers.matches(b"credential", Digest(new.value, 1))
    assert not Peppers({1: b"1" * 32}).matches(b"credential", new)
    assert set(peppers.digests(b"credential")) == {old.value, new.value}
    assert (peppers.newest, peppers.know([1, 2]), peppers.know([1, 3])) == (2, True, False)


def test_no_representation_shows_a_digest() -> None:
    assert "ab" * 8 not in repr(Digest(b"ab" * 16, 1))
