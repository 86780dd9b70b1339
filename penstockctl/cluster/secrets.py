"""Keys and passwords of a local cluster: made on the first start, mode 0600, never changed afterwards."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstockctl.faults import OperatorError
from penstockctl.private_files import make_private_folder, read_or_make_secret, write_private_text
from svckit.encryption import EncryptionError, Keyring, generate_kek
from svckit.identity import IdentityError, ProcessIdentity, TrustedKeys, generate_identity

PROCESS_NAMES = ("edge", "admin", "authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "ctl")


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """Where each secret of the cluster is kept; the files exist (see `open_secrets`)."""

    folder: Path

    @property
    def trusted_keys_file(self) -> Path:
        return self.folder / "trusted-keys.json"

    @property
    def kek_file(self) -> Path:
        return self.folder / "kek"

    @property
    def cluster_key_file(self) -> Path:
        return self.folder / "cluster.key"

    @property
    def cluster_id_file(self) -> Path:
        """Which cluster's databases belong to these secrets; absent before the first start."""
        return self.folder / "cluster.id"

    def identity_file(self, process: str) -> Path:
        return self.folder / f"{process}.identity"

    def database_password(self, noun: str) -> str:
        """The password of a service's database role; made on the first call."""
        return read_or_make_secret(self.folder / f"{noun}.database-password")

    def database_url_file(self, noun: str) -> Path:
        return self.folder / f"{noun}.database-url"

    def redis_url_file(self, use: Literal["limits", "shared"]) -> Path:
        """The URL of one of the two logical databases; ratelimitsvc's is `limits`."""
        return self.folder / f"{use}.redis-url"


def open_secrets(folder: Path) -> ClusterSecrets:
    """The secrets in `folder`; whatever is missing is made. OperatorError: what is there cannot be used."""
    make_private_folder(folder)
    secrets = ClusterSecrets(folder)
    try:
        public_keys = {name: _public_key(secrets.identity_file(name), name) for name in PROCESS_NAMES}
        _trust(secrets.trusted_keys_file, public_keys)
        if not secrets.kek_file.exists():
            generate_kek(secrets.kek_file)
        Keyring.load(secrets.kek_file)
    except (IdentityError, EncryptionError) as error:
        raise OperatorError(f"A key file cannot be used, mend it or restore it from a backup: {error}.") from error
    read_or_make_secret(secrets.cluster_key_file)
    return secrets


def _public_key(path: Path, name: str) -> str:
    if not path.exists():
        return generate_identity(path, name)
    return ProcessIdentity.load(path).public_key


def _trust(path: Path, public_keys: dict[str, str]) -> None:
    """Have each key in the trusted set, keeping what else an operator put there."""
    trusted: dict[str, list[str]] = {}
    if path.exists():
        TrustedKeys.load(path)
        trusted = json.loads(path.read_text())
    before = json.dumps(trusted)
    for name, key in public_keys.items():
        if key not in trusted.setdefault(name, []):
            trusted[name].append(key)
    if json.dumps(trusted) != before:
        write_private_text(path, json.dumps(trusted, indent=2) + "\n")
