"""What two or more sections use: records in, dataclasses of numbers out, and the rules by which numbers become text."""
