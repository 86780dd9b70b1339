"""`python -m edge`: one worker of the edge. Exit codes: 0 after a signal, 1 on failure, 2 on wrong settings."""

from collections.abc import Iterator
from typing import Final

from edge.config.seal import Seal
from edge.environment import certificate_files, listen_address, redirects
from edge.instance import Instance, load_instance
from edge.listener.certificates import CertificateError
from edge.listener.rotation import Certificates
from edge.settings import EdgeSettings
from edge.worker import run_worker
from svckit.identity import ProcessIdentity
from svckit.log_output import LogOutput
from svckit.rim import run_process
from svckit.secret_files import read_secret
from svckit.settings import SettingsError, SettingsFault

NAME: Final = "edge"


async def work(settings: EdgeSettings, output: LogOutput) -> None:
    """Serves, once it is known that the files can be used."""
    identity = ProcessIdentity.load_own(NAME, settings.identity_key_file)
    seal, instance, certificates = _seal(settings), _instance(settings), _certificates(settings)
    found = (seal, instance, certificates, *_address_faults(settings))
    faults = tuple(each for each in found if isinstance(each, SettingsFault))
    if (
        faults
        or isinstance(seal, SettingsFault)
        or isinstance(instance, SettingsFault)
        or isinstance(certificates, SettingsFault)
    ):
        raise SettingsError(faults)
    await run_worker(settings, identity, instance, seal, certificates, output.write_octets)


def _seal(settings: EdgeSettings) -> Seal | SettingsFault:
    try:
        return Seal(read_secret(settings.cluster_key_file).strip())
    except ValueError as error:
        return SettingsFault("PENSTOCK_CLUSTER_KEY_FILE", f"names a file that cannot be used: {error}")


def _instance(settings: EdgeSettings) -> Instance | SettingsFault:
    try:
        return load_instance(settings.data_dir, settings.worker_slot)
    except OSError as error:
        return SettingsFault("PENSTOCK_DATA_DIR", f"names a folder that cannot be used: {error.strerror}")
    except ValueError as error:
        return SettingsFault("PENSTOCK_DATA_DIR", f"names a folder that cannot be used: {error}")


def _certificates(settings: EdgeSettings) -> Certificates | SettingsFault | None:
    try:
        files = certificate_files(settings)
    except ValueError:
        return SettingsFault("PENSTOCK_TLS_KEYS", "does not name one file for each of PENSTOCK_TLS_CERTIFICATES")
    try:
        return Certificates(files) if files else None
    except CertificateError as error:
        return SettingsFault("PENSTOCK_TLS_CERTIFICATES", f"names files that cannot be used: {error}")


def _address_faults(settings: EdgeSettings) -> Iterator[SettingsFault]:
    if not all(port.isdecimal() for port in settings.own_ports):
        yield SettingsFault("PENSTOCK_OWN_PORTS", "is not a list of port numbers")
    if settings.listen_fd is None and not listen_address(settings).rpartition(":")[2].isdecimal():
        yield SettingsFault("PENSTOCK_LISTEN", "is not a host and a port")
    if settings.redirect_listen and not settings.redirect_listen[0].rpartition(":")[2].isdecimal():
        yield SettingsFault("PENSTOCK_REDIRECT_LISTEN", "is not a host and a port")
    if redirects(settings) and not settings.tls_certificates:
        yield SettingsFault("PENSTOCK_REDIRECT_LISTEN", "leads to https, and there is no PENSTOCK_TLS_CERTIFICATES")


if __name__ == "__main__":
    # OSError: the address is taken.
    run_process(NAME, EdgeSettings, work, spoken=(OSError,))
