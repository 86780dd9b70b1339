"""The certificates in use, exchanged without a restart when their files change. Connections keep what they have.

A file is looked at again and again, because no event tells of a change on every kind of mount. One that cannot be used
changes nothing: the certificate before it serves on, and the log says why.
"""

import asyncio
import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from edge.listener.certificates import Certificate, CertificateError, CertificateFiles, load_certificate
from edge.listener.tls import choose_by_name

LOOK_SECONDS: Final = 1.0
"""Between two looks at the files. A change counts once two of them see the same: certificate and key are two files."""
RENEWED_AFTER: Final = timedelta(days=1)
"""The key by which sessions are resumed is as old as its context: a stolen one opens what was sent on one day."""
_NAMES_SHOWN: Final = 10
_Stamp: TypeAlias = tuple[int, int, int] | None

log = structlog.get_logger(__name__)


class Certificates:
    """The certificates of one worker; the first stands for clients that ask for none of them."""

    def __init__(self, files: Sequence[CertificateFiles]) -> None:
        """Reads them all; CertificateError when one cannot be served."""
        self._files = tuple(files)
        self._seen = self._stamps()
        self._put_in_use(tuple(map(load_certificate, self._files)))
        self._asked = asyncio.Event()

    def look_now(self) -> None:
        """Has the files read now, whether they seem to have changed or not."""
        self._asked.set()

    @property
    def not_after(self) -> datetime:
        """When the first of them expires."""
        return min(each.not_after for each in self.in_use)

    async def run(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Exchanges them when their files change, until cancelled."""
        self._tell(self.in_use)
        changed = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(look_seconds):
                    await self._asked.wait()
            stamps = await asyncio.to_thread(self._stamps)
            still = stamps == self._seen
            changed, self._seen = changed or not still, stamps
            if self._asked.is_set() or (changed and still) or datetime.now(UTC) - self._made > RENEWED_AFTER:
                self._asked.clear()
                changed = False
                await self._read_again()

    async def _read_again(self) -> None:
        now = datetime.now(UTC)
        found = [await asyncio.to_thread(_successor, each, now) for each in self.in_use]
        exchanged = [new for new, old in zip(found, self.in_use, strict=True) if new.serial != old.serial]
        self._put_in_use(tuple(found))
        self._tell(exchanged)

    def _put_in_use(self, certificates: tuple[Certificate, ...]) -> None:
        self.in_use = certificates
        self.context: ssl.SSLContext = choose_by_name((each.context, each.names) for each in certificates)
        """For connections that come from now on."""
        self._made = datetime.now(UTC)

    def _tell(self, certificates: Sequence[Certificate]) -> None:
        for each in certificates:
            names, until = each.names[:_NAMES_SHOWN], each.not_after.isoformat()
            log.info("certificate in use", file=str(each.files.certificate), names=names, not_after=until)
            if not each.valid_at(datetime.now(UTC)):
                log.error("certificate is not valid now", file=str(each.files.certificate))

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for each in self._files for path in (each.certificate, each.key))


def _successor(old: Certificate, now: datetime) -> Certificate:
    """The certificate that its files hold now; the old one where they hold none that serves."""
    try:
        new = load_certificate(old.files)
    except CertificateError as error:
        log.error("certificate not exchanged", reason=str(error))
        return old
    if new.serial != old.serial and not new.valid_at(now):
        log.error("certificate not exchanged", reason=f"{new.files.certificate} is not valid now")
        return old
    return new


def _stamp(path: Path) -> _Stamp:
    """What is another when the file has changed, who may read it, or the link to it; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size
