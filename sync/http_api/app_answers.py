"""What the app says of itself."""

from dataclasses import dataclass
from typing import Annotated, Literal

from sync.http_api.dataclass_json import Doc
from sync.http_api.outcome_answers import WordsField


@dataclass(frozen=True, slots=True)
class Version:
    """The release that answers."""

    version: Annotated[str, Doc("the app's version")]


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """Why the app cannot work at all."""

    reason: Annotated[Literal["SettingsWrong"], Doc("a stable word")]
    faults: Annotated[WordsField, Doc("each setting that is wrong, and how")]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the app can work at all."""

    status: Annotated[Literal["ok", "misconfigured"], Doc("`misconfigured` with 503")]
