"""The pipeline's stages: each reads parameters, calls the library, and writes the outputs declared in dvc.yaml."""
