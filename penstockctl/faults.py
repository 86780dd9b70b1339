"""What the operator is told when a command cannot do its work: one clear sentence, no traceback."""


class OperatorError(Exception):
    """A condition that the operator can change. Its text is one sentence that names what to change."""
