"""Sweeps: many configurations of a method, each trained in a process of its own, judged by validation pairs alone."""
