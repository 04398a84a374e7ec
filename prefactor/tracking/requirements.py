"""The exact packages a served model needs, as installed here."""

from importlib.metadata import version

from prefactor.backbones.weights import EMBEDDED, EMBEDDED_PACKAGE

PACKAGES = (
    "huggingface_hub",
    "mlflow",
    "numpy",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)


def requirements(backbone: str) -> list[str]:
    """``name==version`` lines; the embedded backbone comes with its own package."""
    names = [*PACKAGES, EMBEDDED_PACKAGE] if backbone == EMBEDDED else list(PACKAGES)
    return [f"{name}=={_public(version(name))}" for name in names]


def _public(full: str) -> str:
    """Without the local part (``+cpu``), which names a build and not a release."""
    return full.partition("+")[0]
