"""The process of a search: its environment, its signals, its parent."""
