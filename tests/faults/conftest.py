"""The tiny backbone and the tables of texts that tests of backbones use."""

from tests.backbones.conftest import gpt2_folder, save_tiny, tiny, write_texts

__all__ = ["gpt2_folder", "save_tiny", "tiny", "write_texts"]
