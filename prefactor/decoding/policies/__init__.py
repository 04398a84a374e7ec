"""Candidates that policies write for people of LaMP and LongLaMP, and what they are worth: TTP's pools.

``queries`` says what is asked, ``profile`` which items of a profile are nearest to it, ``shown`` puts them into the
prompt, ``feedback`` makes the pairs that EXACT and Drift learn from, ``sampler`` writes, ``shards`` keeps what is
written, and ``writing`` is all of it, from published files to the file of candidates.
"""
