"""What a method is worth: accuracy with intervals, few-shot curves, the oracle's ceiling."""
