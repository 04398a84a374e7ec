"""What can be wrong with a user store while it is used, apart from a malformed call."""

from prefactor.errors import InputError


class StoreUnavailableError(InputError):
    """The store does not answer: nothing is half-written, and the same call may succeed later.

    A write may have been done although its answer was lost: repeat it under the same key.
    """


class NoStoreError(InputError):
    """Something is to be kept, but there is no store."""


class ReusedKeyError(InputError):
    """A key under which other pairs of the same user were stored before."""
