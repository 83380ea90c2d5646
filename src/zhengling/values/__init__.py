"""What a slot says as a value: dates of a time, comparator, number and unit of a target. Unknown is None, never a guess."""
