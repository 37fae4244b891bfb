"""What can be wrong with a cluster's file before a cloud is asked: one file for each thing that is looked at."""
