"""Certificates for the tests, made by openssl: an authority, and what it has signed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Signed(NamedTuple):
    certificate: Path
    key: Path


class Authority:
    """Made in ``directory`` under ``name``; ``certificate`` is what others trust it by."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self.certificate, self._key = self._made(name, "-subj", f"/CN={name}")

    def signed(self, name: str, *, host: str = "localhost", address: str = "127.0.0.1") -> Signed:
        """For a server at ``host`` and ``address``, or for a client."""
        return self._made(
            name,
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:{address}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-CA", str(self.certificate), "-CAkey", str(self._key)),
        )

    def _made(self, name: str, *options: str) -> Signed:
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "2", "-keyout", str(key), "-out", str(certificate), *options),
            ],
            check=True,
            capture_output=True,
        )
        key.chmod(0o644)  # Mosquitto gives up root's rights
        return Signed(certificate, key)
