"""Test images whose answer changed between the two shown runs, and the pairs of classes that they belong to."""
