"""Surface: one Bradley-Terry reward for everyone that sees how a response looks, and nothing of what it says."""

from prefactor.methods.bt import BT


class Surface(BT):
    """BT on twelve surface features (``prefactor.surface``) instead of hidden states."""

    name = "surface"
    view = "surface"
