"""What the history says about a failed call: a reason, and as details the .NET exception in the host's JSON."""

import json
from typing import Any, NamedTuple
from uuid import uuid4

from local.devhost.errors import ActivityError, FunctionTimeout, HostFailure
from local.devhost.orchestration.value import read_text

_CORE = "System.Private.CoreLib"
_HRESULT = -2146233088
NET_STACK = "   at devhost"  # instead of the host's .NET stack


class Failure(NamedTuple):
    """The `Reason` and `Details` of an event."""

    reason: str
    details: str


def failed_activity(name: str, error: ActivityError | HostFailure) -> Failure:
    """Return the failure of an activity that raised an error, or that the host failed."""
    own: dict[str, Any] = {}
    more: dict[str, Any] = {}
    if isinstance(error, ActivityError):
        more = {"InnerException": _remote_exception(str(error), error.traceback)}
    if isinstance(error, FunctionTimeout):
        own = {"Timeout": error.span, "InstanceId": str(uuid4()), "MethodName": error.method, "Handled": False}
        more = {"StackTraceString": NET_STACK, "Source": "Microsoft.Azure.WebJobs.Host"}
    details = {
        "$type": error.exception_type,
        **own,
        "ClassName": error.exception_type.partition(",")[0],
        "Message": str(error),
        "Data": None,
        "InnerException": None,
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


def _remote_exception(error: str, traceback: str) -> dict[str, Any]:
    return {
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
