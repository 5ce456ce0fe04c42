"""How Azure Resource Manager refuses."""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, *details: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        told = [{"code": detail, "message": "See the code."} for detail in details]
        self.body = {"error": {"code": code, "message": message, "details": told}}
