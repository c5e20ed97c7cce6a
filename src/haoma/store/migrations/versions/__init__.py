"""One file for each version of the tables. None is changed once it has been released."""
