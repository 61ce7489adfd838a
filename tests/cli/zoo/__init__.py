"""A small command with a package of settings behind it, to try the command line on."""
