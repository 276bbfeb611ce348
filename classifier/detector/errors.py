"""One base class for everything this package raises on purpose."""


class DetectorError(Exception):
    """Base class; the message says what was expected and what was received."""

    @property
    def sentence(self) -> str:
        """The message for people: with a capital and a full stop."""
        said = str(self)
        return f"{said[:1].upper()}{said[1:]}."


class UnreadableImage(DetectorError):
    """An image that can't be read. `code` names the rule it broke; the message is a sentence for its owner."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DatasetError(DetectorError):
    """A folder, manifest or split that can't be trained or evaluated on."""


class BundleError(DetectorError):
    """A detector bundle that is incomplete, altered or of another format."""


class EncoderError(BundleError):
    """An encoder file that is missing, altered, truncated or of other dimensions than a detector was fitted on."""
