"""Trainings on a Ray cluster: Ray Tune executes trials, the study decides and records."""
