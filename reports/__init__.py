"""What was found: the records of a search, finished or not, become numbers, then pictures, then one page.

    records/    what a search wrote down
    numbers/    what two or more sections compute from it
    sections/   a folder for each part of the page
    layout/     what every section and every page looks like
    page.py     the sections of a finished search; interim.py, those of a search that has not ended

Needs no Ray, Keras, TensorFlow or Optuna.
"""
