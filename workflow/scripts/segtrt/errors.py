"""The one exception that means "the user can mend this"."""


class SegtrtError(Exception):
    """A mistake in what the user gave us, told in one line.

    The message says what is wrong, where, what was expected and what to do. Entry points (job
    scripts, the command line, the Snakefile) print it without a traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
