"""Ways to search for a good model, each a command that searches until it is killed.

`python -m benchmarks.seekers.NAME SEED IMAGES EPOCHS` prints a line of JSON for each trial that has had all its epochs;
of this service, service.py gives the command, and what its study holds afterwards.

All begin with the documented network and search the same space, search/study/space.py, on the same images.
"""
