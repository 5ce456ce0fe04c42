"""The host's protobuf messages that the runtime library builds, as plain objects.

The runtime gets this module itself as its `protos`, and reads names and constants from it.
"""

from types import SimpleNamespace
from typing import ClassVar


class BindingInfo(SimpleNamespace):
    """One binding's type and direction; the constants are those of FunctionRpc.proto."""

    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2
    undefined: ClassVar[int] = 0


class RpcRetryOptions(SimpleNamespace):
    """A function's retry policy, which only a queueing trigger would use."""


class RpcFunctionMetadata(SimpleNamespace):
    """One indexed function."""

    name: str
    function_id: str
    raw_bindings: list[str]


class RpcException(SimpleNamespace):
    """An error in the worker."""

    message: str
    stack_trace: str


class StatusResult(SimpleNamespace):
    """The result of a request to the worker; `exception` is set only on failure."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1
    status: int
    exception: RpcException


class WorkerMetadata(SimpleNamespace):
    """The worker's language and version."""


class WorkerInitResponse(SimpleNamespace):
    """The response to the request that indexes the app."""

    result: StatusResult


class FunctionMetadataResponse(SimpleNamespace):
    """The response that lists the functions; None if the folder contains no app."""

    function_metadata_results: list[RpcFunctionMetadata] | None
