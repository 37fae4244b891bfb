"""What was found: the records of a search, finished or not, turned into numbers, then pictures, then one page.

Reads `search.records` alone; needs no Ray, Keras or TensorFlow.
"""
