"""Adapting a trained VRF to very many users: their reference pairs go by in a stream, and memory does not grow."""
