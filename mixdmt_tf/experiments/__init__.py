"""Running an algorithm on data: the loop, what it writes, and how it goes on."""
