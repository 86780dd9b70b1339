"""Certificates that are exchanged while clients are served: when, which, and what becomes of open connections."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge.listener.certificates import CertificateError, CertificateFiles
from edge.listener.rotation import Certificates
from tests.edge.listener.serving import Listening, listening
from tests.edge.listener.test_tls import asks
from tests.edge.plane import DEADLINE, plane
from tests.support.authority import DAY, Authority

OFTEN = 0.01


@asynccontextmanager
async def rotating(certificates: Certificates) -> AsyncIterator[Listening]:
    """Serves with certificates whose files are looked at all the time."""
    async with plane([]) as edge, listening(edge, tls=certificates) as port:
        looking = asyncio.get_running_loop().create_task(certificates.run(OFTEN))
        try:
            yield port
        finally:
            looking.cancel()


async def serial(port: Listening, authority: Authority, name: str = "edge.test") -> int:
    """The number of the certificate that a new client of this name is shown, and verifies."""
    client = await port.tls(authority.client(), name)
    number = int(client.writer.get_extra_info("peercert")["serialNumber"], 16)
    client.close()
    return number


async def becomes(port: Listening, authority: Authority, another: int, name: str = "edge.test") -> int:
    """The number once it is another one."""
    async with asyncio.timeout(DEADLINE):
        while (now := await serial(port, authority, name)) == another:  # noqa: ASYNC110 - a client sees no event
            await asyncio.sleep(OFTEN)
    return now


async def logged(lines: Sequence[MutableMapping[str, Any]], event: str) -> MutableMapping[str, Any]:
    """The first log line of this event."""
    async with asyncio.timeout(DEADLINE):
        while not (found := [line for line in lines if line["event"] == event]):  # noqa: ASYNC110 - nor does a reader
            await asyncio.sleep(OFTEN)
    return found[0]


async def test_a_new_certificate_is_shown_to_new_clients_and_old_ones_are_served_on(
    authority: Authority, tmp_path: Path
) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with rotating(certificates) as port:
        before = await serial(port, authority)
        old = await port.tls(authority.client())
        authority.issue(tmp_path, "edge.test")
        assert await becomes(port, authority, before) == certificates.in_use[0].serial
        await old.send(asks("edge.test", "/livez"))
        assert (await old.answer()).status == 200


async def test_one_of_several_is_exchanged_alone(authority: Authority, tmp_path: Path) -> None:
    files = [authority.issue(tmp_path, "edge.test"), authority.issue(tmp_path, "other.test", file="other")]
    async with rotating(Certificates(files)) as port:
        first, other = [await serial(port, authority, name) for name in ("edge.test", "other.test")]
        authority.issue(tmp_path, "other.test", "more.test", file="other")
        assert await becomes(port, authority, other, "other.test") == await serial(port, authority, "more.test")
        assert await serial(port, authority) == first


async def test_a_link_that_leads_elsewhere_is_a_change(authority: Authority, tmp_path: Path) -> None:
    """As orchestrators exchange mounted secrets: all at once, by a link to another folder."""
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
        authority.issue(folder, "edge.test")
    link = tmp_path / "now"
    link.symlink_to(folders[0])
    async with rotating(Certificates([CertificateFiles(link / "edge.crt", link / "edge.key")])) as port:
        before = await serial(port, authority)
        (tmp_path / "next").symlink_to(folders[1])
        (tmp_path / "next").rename(link)
        await becomes(port, authority, before)


async def test_it_is_read_at_once_when_asked_for(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    before = certificates.in_use
    looking = asyncio.get_running_loop().create_task(certificates.run(look_seconds=3600))
    try:
        authority.issue(tmp_path, "edge.test")
        certificates.look_now()
        async with asyncio.timeout(DEADLINE):
            while certificates.in_use == before:  # noqa: ASYNC110 - as above
                await asyncio.sleep(OFTEN)
    finally:
        looking.cancel()


async def test_a_bad_one_is_refused_by_name_and_the_one_before_serves_on(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "edge.test")
    with capture_logs() as lines:
        async with rotating(Certificates([files])) as port:
            before = await serial(port, authority)
            files.certificate.write_text("broken")
            line = await logged(lines, "certificate not exchanged")
            assert line["reason"] == f"{files.certificate} does not hold a certificate in PEM"
            assert line["log_level"] == "error"
            assert await serial(port, authority) == before
            authority.issue(tmp_path, "edge.test")  # mended
            await becomes(port, authority, before)


async def test_a_key_that_others_may_read_is_taken_once_they_may_not(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "edge.test")
    with capture_logs() as lines:
        async with rotating(Certificates([files])) as port:
            before = await serial(port, authority)
            authority.issue(tmp_path, "edge.test").key.chmod(0o644)
            line = await logged(lines, "certificate not exchanged")
            assert line["reason"] == f"{files.key} is open to others than its owner: chmod 600"
            files.key.chmod(0o600)
            await becomes(port, authority, before)


@pytest.mark.parametrize("since", [-9 * DAY, DAY], ids=["expired", "of tomorrow"])
async def test_one_that_is_not_valid_now_is_refused(authority: Authority, tmp_path: Path, since: timedelta) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    with capture_logs() as lines:
        async with rotating(certificates) as port:
            before = await serial(port, authority)
            authority.issue(tmp_path, "edge.test", since=since, life=DAY)
            line = await logged(lines, "certificate not exchanged")
            assert line["reason"] == f"{tmp_path}/edge.crt is not valid now"
            assert await serial(port, authority) == before


async def test_a_certificate_and_a_key_that_are_written_one_after_the_other_are_taken_together(
    authority: Authority, tmp_path: Path
) -> None:
    files = authority.issue(tmp_path, "edge.test")
    (tmp_path / "new").mkdir()
    new = authority.issue(tmp_path / "new", "edge.test")
    with capture_logs() as lines:
        async with rotating(Certificates([files])) as port:
            before = await serial(port, authority)
            files.certificate.write_bytes(new.certificate.read_bytes())
            await logged(lines, "certificate not exchanged")  # a writer that takes very long
            assert await serial(port, authority) == before
            files.key.write_bytes(new.key.read_bytes())
            await becomes(port, authority, before)


async def test_an_expired_one_serves_from_the_start_and_the_log_says_so(authority: Authority, tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with rotating(Certificates([authority.issue(tmp_path, "edge.test", since=-9 * DAY, life=DAY)])):
            line = await logged(lines, "certificate is not valid now")
    assert line["file"] == f"{tmp_path}/edge.crt"


async def test_the_log_tells_of_what_is_in_use_and_of_no_key(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, *(f"{number}.test" for number in range(30)))
    with capture_logs() as lines:
        async with rotating(Certificates([files])):
            line = await logged(lines, "certificate in use")
    assert line["names"] == tuple(f"{number}.test" for number in range(10))
    assert files.key.read_text().splitlines()[1] not in str(lines)


def test_one_that_cannot_be_used_is_none_to_begin_with(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "edge.test")
    files.key.chmod(0o644)
    with pytest.raises(CertificateError, match="chmod 600"):
        Certificates([files])


def test_the_one_that_expires_first_is_the_one_to_look_at(authority: Authority, tmp_path: Path) -> None:
    files = [authority.issue(tmp_path, "a.test", life=4 * DAY), authority.issue(tmp_path, "b.test", file="b", life=DAY)]
    certificates = Certificates(files)
    assert certificates.not_after == certificates.in_use[1].not_after
