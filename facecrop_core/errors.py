"""What Facecrop raises. Each error says what happened and, in ``hint``, what to do about it."""

from __future__ import annotations


class FacecropError(Exception):
    """Base of every error that is meant for a person to read.

    Args:
        message: what happened, naming the thing it happened to.
        hint: what the reader can do about it; shown on a line of its own.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[FacecropError], tuple[str, str]]:
        return type(self), (self.message, self.hint)  # both parts survive the way between processes


class UsageError(FacecropError):
    """A command line that cannot be understood: unknown flag, missing argument."""

    exit_status = 2


class SettingsError(FacecropError):
    """A setting, preset or preset file that is unknown, out of its limits or malformed."""

    exit_status = 2


class SourceError(FacecropError):
    """A video that cannot be read: missing, empty, not a video, or damaged from the first byte."""


class FetchError(SourceError):
    """A link that cannot be fetched: not supported, refused, private, too large, or without a connection."""


class SkippedError(FacecropError):
    """A video that the settings leave out: too small, or without the wanted fragment."""


class TooLargeError(FetchError):
    """What a link gives is larger than is allowed."""


class DecodeError(FacecropError):
    """The decoding process failed or died in the middle of a video."""


class ReferencesError(FacecropError):
    """No usable reference face was found in what ``--refs`` names."""


class ModelError(FacecropError):
    """A model or pack is missing, altered, half-written or not of a kind that is understood."""


class LicenceError(ModelError):
    """A model's licence has not been accepted."""


class ProjectError(FacecropError):
    """A project folder that cannot be used: damaged, missing, or without the scan that was asked for."""


class ProjectTooNewError(ProjectError):
    """The project was written by a newer Facecrop."""


class ProjectBusyError(ProjectError):
    """Another process holds the project."""


class OutputError(FacecropError):
    """The output folder or project cannot be written."""


class DiskFullError(OutputError):
    """The disk filled up. What was committed before is kept, and the same command goes on from there."""


class CancelledError(FacecropError):
    """The user stopped the run. What was committed is kept."""

    exit_status = 130
