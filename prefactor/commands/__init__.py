"""The commands of ``prefactor``: each file has one, which reads its arguments, calls the library and prints.

What a command needs is imported when it runs, so that ``--help`` answers at once.
"""
