"""Resource versions as clients send them: numbers, or an error that says what they are."""

from collections.abc import Mapping

from local.kubernetes.status import ApiError, bad_request, invalid_options, not_allowed

_HIGHEST = (1 << 64) - 1
_UNPAIRED = "resourceVersionMatch is forbidden unless resourceVersion is provided"


def fault(version: str) -> str:
    """Return what strconv says of a version that is no number; empty where it is one."""
    if not version or (version.isascii() and version.isdigit() and int(version) <= _HIGHEST):
        return ""
    why = "value out of range" if version.isascii() and version.isdigit() else "invalid syntax"
    return f'strconv.ParseUint: parsing "{version}": {why}'


def check_written_version(version: str) -> None:
    """Refuse an object whose version is no number."""
    if said := fault(version):
        raise ApiError(500, "", said)


def check_read_version(version: str) -> None:
    """Refuse a read at a version that is no number."""
    if said := fault(version):
        raise ApiError(500, "", f'resourceVersion: Invalid value: "{version}": {said}')


def check_list_version(query: Mapping[str, str]) -> None:
    """Refuse a list at a version, or of a size, that is no number."""
    version, limit = query.get("resourceVersion", ""), query.get("limit", "")
    if limit and not limit.lstrip("+-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    if query.get("resourceVersionMatch") and not version:
        raise invalid_options("ListOptions", not_allowed("resourceVersionMatch", _UNPAIRED))
    if said := fault(version):
        why = f'resourceVersion: Invalid value: "{version}": {said}'
        raise bad_request(f"invalid resource version: {why}")
