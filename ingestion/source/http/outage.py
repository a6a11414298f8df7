"""Why a source gave no answer, in words, and whether it ever can."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx


class NoAnswer(Exception):
    """No usable answer came; asking again may bring one."""


def in_words(error: BaseException) -> str:
    """Return what kept the answer away, in a few words."""
    for cause in _causes(error):
        if isinstance(cause, NoAnswer):
            return str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was refused: {cause.verify_message}"
        if isinstance(cause, socket.gaierror):
            return f"its host name could not be resolved: {cause.strerror}"
        if isinstance(cause, httpx.TimeoutException):
            return f"no answer in time ({type(cause).__name__})"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return str(error) or type(error).__name__


def cannot_end(error: BaseException) -> str | None:
    """Return what to check where no waiting helps: no host has the name, or its certificate is refused.

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
