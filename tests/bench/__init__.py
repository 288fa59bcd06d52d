"""What the project measures: `make bench` prints one table (see __main__)."""
