"""Why a source gave no answer, in words, and whether waiting can help."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx

from ingestion.errors import SourceRefused


class NoAnswer(Exception):
    """No usable answer came; another attempt may get one."""


class NoPage(SourceRefused):
    """A complete, successful answer is not a page in the source's format. This never means the end of the source.

    The client makes one more attempt. But if `may_pass` is set, as for a maintenance page, and the source has given a
    page before, the answer counts as an outage.
    """

    def __init__(self, problem: str, *, may_pass: bool = False) -> None:
        super().__init__(problem)
        self.may_pass = may_pass


class WrongItem(NoPage):
    """An item of a readable page lacks a value that each item needs."""


def in_words(error: BaseException) -> str:
    """Return why there is no answer, in a few words."""
    for cause in _causes(error):
        if isinstance(cause, NoAnswer | NoPage):
            return str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was refused: {cause.verify_message}"
        if isinstance(cause, socket.gaierror):
            return f"its host name could not be resolved: {cause.strerror}"
        if isinstance(cause, httpx.TimeoutException):
            return f"no answer in time ({type(cause).__name__})"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return str(error).rstrip(".") or type(error).__name__


def cannot_end(error: BaseException) -> str | None:
    """Return what to check if waiting cannot help: no host has the name, or its certificate is refused.

    A resolver that does not answer (EAI_AGAIN) is an outage; only its definite "no such name" is not.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "Check the url in the sources file, and the server's certificate and whether this app can trust it"
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            return "Check the host name in the sources file"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
