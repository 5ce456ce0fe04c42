"""Key Vault's error responses, with its own codes and messages."""


class Refused(Exception):
    """A request that the vault refuses; `inner` is the innererror's code."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        inner: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner

    def body(self) -> dict[str, object]:
        """Return the JSON body of the response."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.inner is not None:
            error["innererror"] = {"code": self.inner}
        return {"error": error}


def bad_parameter(message: str) -> Refused:
    """400: something in the request breaks the rules."""
    return Refused(400, "BadParameter", message)


def secret_not_found(name_or_id: str) -> Refused:
    """404: no such secret, or no such version of it."""
    return Refused(
        404,
        "SecretNotFound",
        f"A secret with (name/id) {name_or_id} was not found in this key vault. If you recently "
        "deleted this secret you may be able to recover it using the correct recovery command.",
    )


def deleted_secret_not_found(name: str) -> Refused:
    """404: there is no soft-deleted secret with that name."""
    return Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")


def secret_disabled() -> Refused:
    """403: the version exists, but is disabled."""
    return Refused(
        403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"
    )


def firewalled() -> Refused:
    """403: the caller's address is not let in."""
    return Refused(
        403,
        "Forbidden",
        "Client address is not authorized and caller is not a trusted service.",
        "ForbiddenByFirewall",
    )


def name_taken(name: str) -> Refused:
    """409: the name belongs to a soft-deleted secret."""
    return Refused(
        409,
        "Conflict",
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be "
        "reused; in this state, the secret can only be recovered or purged.",
        "ObjectIsDeletedButRecoverable",
    )


def in_transition(name: str, state: str) -> Refused:
    """409: a delete or a recovery has begun but is not visible yet."""
    return Refused(
        409,
        "Conflict",
        f"Secret {name} is currently being {state}.",
        f"ObjectIsBeing{state.title()}",
    )


def forbidden(action: str, resource: str) -> Refused:
    """403: the caller's roles do not allow the action."""
    return Refused(
        403,
        "Forbidden",
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny "
        "assignments or role definitions were changed recently, please observe propagation time."
        f"\r\nAction: '{action}'\r\nResource: '{resource}'\r\nAssignment: (not found)",
        "ForbiddenByRbac",
    )


def no_entry(permission: str) -> Refused:
    """403: the vault's access policies have no entry for the caller with the permission."""
    return Refused(
        403,
        "Forbidden",
        "The user, group or application 'appid=APP;oid=IDENTITY;iss=ISSUER' does not have secrets "
        f"{permission} permission on this key vault. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125287",
        "AccessDenied",
    )


def on_demand(status: int) -> Refused:
    """Return a vault's error for that status, or a generic one."""
    return _ON_DEMAND.get(
        status, Refused(status, "InternalServerError", "An unexpected error occurred.")
    )


_ON_DEMAND = {
    refused.status: refused
    for refused in (
        Refused(401, "Unauthorized", "AKV10032: Invalid issuer."),
        forbidden("Microsoft.KeyVault/vaults/secrets/…/action", "this vault"),
        secret_not_found("on demand"),
        Refused(409, "Conflict", "There was a conflict with another request."),
        Refused(413, "RequestTooLarge", "The request is too large."),
        Refused(422, "BadParameter", "The request cannot be processed."),
        Refused(
            429,
            "Throttled",
            "Request was not processed because too many requests were received. "
            "Reason: VaultRequestTypeLimitReached",
        ),
    )
}
