"""Certificates for tests, made by trustme: an authority, and what it signs."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

import trustme


class Certificate(NamedTuple):
    """The files of one."""

    cert: Path
    key: Path

    @property
    def option(self) -> str:
        """For httpd."""
        return f"-Z {self.cert} {self.key}"


class Authority:
    """Who signs certificates; `ca` is the file that says so."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.issued = 0
        self.inner = trustme.CA()
        self.ca = folder / "ca.pem"
        self.inner.cert_pem.write_to_path(self.ca)

    def issue(self, *names: str, expired: bool = False) -> Certificate:
        """A certificate for those names and addresses."""
        now = datetime.datetime.now(datetime.UTC)
        since, until = (now - datetime.timedelta(9), now - datetime.timedelta(1)) if expired else (None, None)
        issued = self.inner.issue_cert(*names, not_before=since, not_after=until)
        self.issued += 1
        made = Certificate(self.folder / f"{self.issued}.pem", self.folder / f"{self.issued}.key")
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(made.cert, append=number > 0)
        issued.private_key_pem.write_to_path(made.key)
        return made
