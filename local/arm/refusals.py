"""The errors of Azure Resource Manager."""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, *details: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        told = [{"code": detail, "message": "See the code."} for detail in details]
        self.body = {"error": {"code": code, "message": message, "details": told}}


_CODES = {
    401: "InvalidAuthenticationToken",
    403: "AuthorizationFailed",
    404: "ResourceNotFound",
    409: "Conflict",
    413: "RequestContentTooLarge",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
}


def on_demand(status: int) -> RefusedError:
    """Return the resource manager's error for that status."""
    return RefusedError(status, _CODES.get(status, "InternalServerError"), "On demand.")
