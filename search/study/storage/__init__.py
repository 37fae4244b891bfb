"""Where a study is kept: its database, the lock on it, writes that last, and where its run stands."""
