"""What was found: the records of a finished search, turned into numbers, then pictures, then one page.

Reads `search.records` alone; needs no Ray, Keras or TensorFlow.
"""
