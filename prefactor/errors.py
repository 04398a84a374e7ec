"""The one error a user can mend: it names what is wrong, where, and what to do about it."""


class InputError(ValueError):
    """Bad data, parameters or cached files. The message names the place, the value and the fix.

    Stages print it without a traceback and stop; nothing half-written stays behind.
    """
