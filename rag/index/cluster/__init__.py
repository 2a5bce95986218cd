"""Building on a Ray cluster: the tasks of workers, their results, and where these are stored."""
