"""What history says of a call that failed: a reason, and as details the .NET exception as the host serialises it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from devhost.errors import FunctionTimeout, HostFailure
from devhost.value import read_text

_CORE = "System.Private.CoreLib"
_DURABLE = "Microsoft.Azure.WebJobs.Extensions.DurableTask"
_HRESULT = -2146233088
NET_STACK = "   at devhost"  # where the host has the lines of .NET


class Failure(NamedTuple):
    """The `Reason` and `Details` of an event."""

    reason: str
    details: str


def raised_by_activity(name: str, error: str, traceback: str) -> Failure:
    """Return the failure of an activity whose code raised; `error` is type and text."""
    remote = {
        "$type": "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script",
        "IsUserException": False,
        "RemoteStackTrace": traceback,
        "RemoteMessage": error,
        "RemoteTypeName": None,
        "Message": f"Result: Failure\nException: {error}\nStack: {traceback}",
        "Data": {"$type": f"System.Collections.ListDictionaryInternal, {_CORE}"},
        "InnerException": None,
        "HelpLink": None,
        "Source": _CORE,
        "HResult": _HRESULT,
        "StackTrace": NET_STACK,
    }
    return failed_activity(name, error, f"System.Exception, {_CORE}", inner=remote)


def disabled_activity(name: str) -> Failure:
    """Return the failure of an activity that is switched off."""
    text = f"Activity function '{name}' is disabled."
    return failed_activity(name, text, f"{_DURABLE}.FunctionFailedException, {_DURABLE}")


def failed_by_host(name: str, error: HostFailure) -> Failure:
    """Return the failure of an activity whose worker has gone or whose time is over."""
    if isinstance(error, FunctionTimeout):
        own = {"Timeout": error.span, "InstanceId": str(uuid4()), "MethodName": error.method, "Handled": False}
        source = "Microsoft.Azure.WebJobs.Host"
        return failed_activity(
            name, str(error), error.exception_type, own=own, StackTraceString=NET_STACK, Source=source
        )
    return failed_activity(name, str(error), error.exception_type)


def failed_activity(
    name: str, error: str, exception_type: str, *, inner: Any = None, own: Mapping[str, Any] | None = None, **more: str
) -> Failure:
    """Return the failure of an activity by the .NET type, with its assembly, of what the host throws for it."""
    details = {
        "$type": exception_type,
        **(own or {}),
        "ClassName": exception_type.partition(",")[0],
        "Message": error,
        "Data": None,
        "InnerException": inner,
        "HelpURL": None,
        "StackTraceString": None,
        "RemoteStackTraceString": None,
        "RemoteStackIndex": 0,
        "ExceptionMethod": None,
        "HResult": _HRESULT,
        "Source": None,
        "WatsonBuckets": None,
    } | more
    text = json.dumps(details, ensure_ascii=False, separators=(",", ":"))
    return Failure(read_text(f"Activity function '{name}' failed: {error}"), read_text(text))
